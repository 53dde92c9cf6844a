package main

import "github.com/spokehub/spokehub/fanout"

// clusterMetrics are those of a hub among several. Without a broker they stay 0.
var clusterMetrics = []hubMetric{
	gauge("spokehub_broker_up", "1 while the broker is there, 0 while it is not, and in a hub without one.",
		func(s fanout.Stats) uint64 { return s.BrokerUp }),
	gauge("spokehub_broker_degraded", "1 while the broker is there and takes no events with history, or does not say how far they are.",
		func(s fanout.Stats) uint64 { return s.BrokerDegraded }),
	gauge("spokehub_broker_nodes", "Hubs of the cluster that this one knows, itself included.",
		func(s fanout.Stats) uint64 { return s.BrokerNodes }),
	counter("spokehub_broker_published_total", "Events of types without history that were handed to the broker for other hubs.",
		func(s fanout.Stats) uint64 { return s.BrokerPublished }),
	counter("spokehub_broker_appended_total", "Events of types with history that the broker has taken.",
		func(s fanout.Stats) uint64 { return s.BrokerAppended }),
	counter("spokehub_broker_dropped_total", "Events of types without history that were not handed to the broker, because it was away or too slow. Hubs that have missed them notice.",
		func(s fanout.Stats) uint64 { return s.BrokerDropped }),
	counter("spokehub_broker_received_total", "Events that have come from the broker: of other hubs, and all those with history that clients of this hub want.",
		func(s fanout.Stats) uint64 { return s.BrokerReceived }),
	counter("spokehub_broker_refilled_total", "Events with history that were read from the broker, because clients have begun to want them or some have been lost.",
		func(s fanout.Stats) uint64 { return s.BrokerRefilled }),
	counter("spokehub_broker_repeated_total", "Events from the broker that had come before, and were dropped.",
		func(s fanout.Stats) uint64 { return s.BrokerRepeated }),
	counter("spokehub_broker_losses_total", "Times that events of other hubs were lost, or may have been. Events with history were read again, clients were told of the rest by __gap.",
		func(s fanout.Stats) uint64 { return s.BrokerLosses }),
	counter("spokehub_broker_garbage_total", "Messages from the broker that this hub could not read: something else publishes under its prefix, or a hub of another version.",
		func(s fanout.Stats) uint64 { return s.BrokerGarbage }),
	gauge("spokehub_broker_waiting_bytes", "Bytes of events that wait for the broker.",
		func(s fanout.Stats) uint64 { return s.BrokerWaiting }),
	gauge("spokehub_broker_keys", "Types, or types with an id, that the broker is asked for.",
		func(s fanout.Stats) uint64 { return s.BrokerKeys }),
	gauge("spokehub_broker_streams", "Types with history that this hub follows.",
		func(s fanout.Stats) uint64 { return s.BrokerStreams }),
}
