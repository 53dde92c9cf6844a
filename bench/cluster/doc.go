// Command cluster measures several nodes as one: hubs, and the library centrifuge beside them, in turns, on a broker of NATS and one of Redis, which it
// starts. Nodes, broker and clients are processes of their own; nodes and broker share cores, clients have the others.
//
//	cd bench/cluster && go run .
//	cd bench/cluster && go run . -engines nats -works everybody,topics -spokes 12000 -runs 1 -out ""
//
// The works:
//
//	everybody  10 events a second in one topic that all spokes have
//	topics     10,000 events a second over 10,000 topics, each spoke in one; hubs ask for the ids while they are few (interest: auto)
//	users      10,000 events a second over as many topics as there are spokes, each spoke in one; hubs ask for the ids (interest: id)
//	kill       clients of a type with history, one node killed by SIGKILL: when they are back at others, and what they miss
//	rolling    all nodes restarted, one after the other, as a load balancer would: the same
//
// Clients publish: for everybody at one node, for topics and users once at one node and once at all of them, each topic at one. CPU is that of all
// nodes, and of the broker, by the kernel's account. It is shown for an event that has been delivered and for a delivery. Latency runs from the time
// at which an event was due to each delivery; "at the slowest node" is the largest of the nodes' own quantiles. Every subscriber checks order, loss
// and duplicates. Where a machine is too small for the rate, deliveries/s is what was done of it, and latency is that of a queue: lower the rate.
//
// kill and rolling are for the hub alone: its clients in Go resume by themselves. They run in as many processes as they need descriptors, each of which is a load balancer
// for its own: a new connection goes to the next node in turn that is not being restarted. A client is back once the hub has acknowledged its topic on the new
// connection. That it has got all that it missed shows at the end, when each has to have every event.
//
// Built from internal/engines/natsserver is nats-server; redis-server has to be installed.
package main
