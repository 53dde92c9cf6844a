package fanout

import (
	"maps"

	"github.com/spokehub/spokehub/netpoll"
)

// Stats is what a hub has counted since New, and what it holds now. For events on their way out the ledger is
//
//	Deliveries = Delivered + HandedBack + DroppedBackpressure + DroppedClosed + DroppedBudget +
//		DroppedTrimmed + DroppedSuperseded + DroppedSkipped + Queued
//
// exactly, whenever no delivery is under way.
type Stats struct {
	// Connections are open now, including handshakes and closes under way.
	Connections uint64
	// HTTPConnections are those that net/http serves on the hub's listeners: MaxConnections and MaxConnectionsPerAddress count
	// them, Connections does not.
	HTTPConnections uint64
	// Accepted connections, added ones included.
	Accepted uint64
	// Disconnected spokes, whatever ended them.
	Disconnected uint64
	// Handshakes that the hub answered with 101, and HandshakesRefused with an error.
	Handshakes, HandshakesRefused uint64
	// TLSHandshakes that have succeeded, TLSFailed that have not. A client that speaks no TLS where it is spoken is in Refusals.
	TLSHandshakes, TLSFailed uint64
	// MessagesIn are data messages of spokes; EventsIn and ControlsIn those that were events and control events.
	MessagesIn, EventsIn, ControlsIn uint64
	// ControlsUnknown are control events of a type that the hub does not know and ignores.
	ControlsUnknown uint64
	// TopicsOverLimit are subscriptions that MaxTopics did not allow, control events that named more topics than that, and lists of
	// users for which a spoke has asked too often.
	TopicsOverLimit uint64
	// TopicsForbidden are subscriptions that a spoke's identity or Config.OnSubscribe did not allow, and those that a new identity
	// took away. EventsForbidden are events that its identity or Config.OnPublish did not let it publish; they were dropped.
	TopicsForbidden, EventsForbidden uint64
	// Malformed messages and BadTopics were dropped.
	Malformed, BadTopics uint64
	// OverRate spokes were closed for sending too much.
	OverRate uint64
	// MessagesOverdue is how many spokes were closed for a message that was unfinished for Config.MessageTimeout.
	MessagesOverdue uint64
	// AuthsAccepted and AuthsRejected are __auth of spokes.
	AuthsAccepted, AuthsRejected uint64
	// EarlyMessages are events and control events of spokes that had no identity yet. They were dropped.
	EarlyMessages uint64
	// Unauthenticated spokes were closed because their identity had expired or did not come in time.
	Unauthenticated uint64
	// EventsDispatched by the embedder, and EventsRelayed from spokes.
	EventsDispatched, EventsRelayed uint64
	// EventsInvalid were dispatched by the embedder and broke the rules of the envelope.
	EventsInvalid uint64
	// Deliveries are pairs of an event and a spoke that it was for.
	Deliveries uint64
	// Delivered to the socket; or, on a connection without a descriptor (a pipe, EngineGoroutine), to the goroutine that
	// writes it, which has at most 64 KiB in hand.
	Delivered uint64
	// HandedBack to the new owner of a removed connection, who sends them.
	HandedBack uint64
	// DroppedBackpressure: the spoke's queue was full. DroppedClosed: it ended. DroppedBudget: the memory budget.
	DroppedBackpressure, DroppedClosed, DroppedBudget uint64
	// DroppedTrimmed: the spoke lagged, and its stream did not keep the event for long enough. DroppedSuperseded: it lagged, and gets only the
	// newest event of each id. DroppedSkipped: it was behind with a type whose events are skipped then. It was told of all three by
	// __gap.
	DroppedTrimmed, DroppedSuperseded, DroppedSkipped uint64
	// Queued events wait to be sent, those of streams that spokes lag behind with included; QueuedBytes is the memory that they take
	// in queues.
	Queued, QueuedBytes uint64
	// Lagging spokes are behind in a stream now, or skip events: they have come back and get what they missed, or do not keep up. Lags is how often one
	// fell behind because it did not keep up, and Gaps how many __gap were sent.
	Lagging, Lags, Gaps uint64
	// Resumed, Gapped and Fresh are subscriptions to topics with a stream, by result.
	Resumed, Gapped, Fresh uint64
	// Streams have events, or had some lately; StreamEvents are those that they keep. StreamAppended were appended since New, StreamTrimmed of them
	// are not kept any more. StreamRepeated were not appended, for there was one with their idempotency key.
	Streams, StreamEvents, StreamAppended, StreamTrimmed, StreamRepeated uint64
	// Unavailable events were not sent because their stream did not take them.
	Unavailable uint64
	// BrokerUp is 1 while the broker is there, 0 while it is not, and in a hub without one.
	BrokerUp uint64
	// BrokerDegraded is 1 while the broker is there and does not do all that it should: BrokerState.Degraded says what.
	BrokerDegraded uint64
	// BrokerNodes is how many hubs of the cluster are known, this one included; 0 in a hub without a broker.
	BrokerNodes uint64
	// BrokerPublished are events of types without a stream that were handed to the broker for other hubs, BrokerAppended those of streams that
	// it has appended. BrokerDropped of the former were not handed over, because it was away or too slow: hubs that have missed them notice.
	BrokerPublished, BrokerAppended, BrokerDropped uint64
	// BrokerReceived are events that have come from the broker: plain ones of other hubs, and all of the streams that this hub follows.
	// BrokerRefilled of streams were read from the broker instead. BrokerRepeated have come before and were dropped.
	BrokerReceived, BrokerRefilled, BrokerRepeated uint64
	// BrokerLosses is how often events of other hubs were lost, or may have been. BrokerGarbage are messages that this hub could not read: of something
	// else that publishes there, or of another version.
	BrokerLosses, BrokerGarbage uint64
	// BrokerWaiting is how many bytes wait for the broker. BrokerKeys are the types, or types with an id, that it is asked for, and BrokerStreams
	// those of them that are streams.
	BrokerWaiting, BrokerKeys, BrokerStreams uint64
	// Waiting is how many bytes have been dispatched or relayed and have reached no queue yet; they count once for each reactor
	// that they go to. It stays near zero unless events come faster than the reactors take them. Past an eighth of
	// Config.QueueLimit for a reactor, or a quarter of Config.MemoryBudget for all, senders are slowed down.
	Waiting uint64
	// Throttled spokes are not read now, because a reactor is behind that they relay to, or a healthy subscriber is.
	Throttled uint64
	// Backpressure is how many spokes were closed because they could not keep up.
	Backpressure uint64
	// SlowClosed is Backpressure by the likely cause, and SlowFilling counts by cause how often the queue of a spoke passed half of
	// Config.QueueLimit.
	SlowClosed, SlowFilling SlowCounts
	// BytesIn and BytesOut of all connections.
	BytesIn, BytesOut uint64
	// Reads and Sends are system calls; FullSockets counts sends that found the socket full; Turns are those of the reactors.
	Reads, Sends, FullSockets, Turns uint64
	// Blocked connections have a full socket now.
	Blocked uint64
	// Pings sent.
	Pings uint64
	// Topics that have subscribers, and Subscriptions. Those of a spoke that has just ended may be counted a little longer.
	Topics, Subscriptions uint64
	// PresenceRooms are topics with presence that users are subscribed to, and PresenceMembers those users, each once a topic.
	PresenceRooms, PresenceMembers uint64
	// PresenceWatchers are pairs of a spoke and a topic of whose users it is told. PresenceChanges is how many times they were told of a
	// user who came or went, each once however many watchers there were. Such messages are no deliveries: the ledger leaves them out.
	PresenceWatchers, PresenceChanges uint64
	// CallbacksPending is how many inboxes wait for a worker or are being run: one or two for each spoke that has
	// something for its callbacks and listeners, or control events that are carried out in slices or wait until it has read
	// its answers. It is 0 when all callbacks have returned and all control events are done.
	CallbacksPending uint64
	// Panics of callbacks.
	Panics uint64
	// AcceptPauses is how often accepting paused for lack of descriptors or memory.
	AcceptPauses uint64
	// Latencies are how long deliveries, handshakes, callbacks and resumes took.
	Latencies Latencies
	// Memory is what connections make the hub hold, by kind. MemoryBudget is the limit of its Total.
	Memory Memory
	// ClosingEvicted are connections that were ended while they were closing, for want of descriptors or because MaxConnections
	// was reached.
	ClosingEvicted uint64
	// MemoryBudget is the configured one.
	MemoryBudget uint64
	// Reactors is how many there are.
	Reactors int
	// ProxyHeadersRefused are connections that were refused for want of a proper header of the PROXY protocol, or because nobody trusts
	// the proxy; Refusals has them, too.
	ProxyHeadersRefused uint64
	// ForwardedIgnored are requests of trusted proxies whose X-Forwarded-For or Forwarded, or what goes with them, was malformed or
	// contradictory, so that it was not believed.
	ForwardedIgnored uint64
	// Engine is how they wait: what EngineDefault has become.
	Engine Engine
	// Closes counts close frames sent, by code; 1005 for one without a code, and 3000 for all codes from there on that a peer chose.
	Closes map[uint16]uint64
	// Refusals counts handshakes refused, by HTTP status.
	Refusals map[int]uint64
	// Kinds are counters by kind.
	Kinds Kinds
}

// Stats asks every reactor and waits for the answers, usually tens of microseconds. After Shutdown it returns the last.
func (h *Hub) Stats() Stats {
	if final := h.lifecycle.final.Load(); final != nil {
		last := *final
		last.Connections = uint64(max(h.admission.spokes.Load(), 0))
		last.HTTPConnections = uint64(max(h.admission.httpConns.Load(), 0))
		last.CallbacksPending = h.callbacksPending()
		last.Memory.addShared(h)
		last.Closes = maps.Clone(final.Closes)
		last.Refusals = maps.Clone(final.Refusals)
		last.Kinds = final.Kinds.copy()
		last.Latencies = final.Latencies.copy()
		last.Latencies.Callback = h.workers.latency()
		return last
	}
	st := Stats{
		Connections:         uint64(max(h.admission.spokes.Load(), 0)),
		HTTPConnections:     uint64(max(h.admission.httpConns.Load(), 0)),
		Accepted:            h.counters.accepted.Load(),
		EventsDispatched:    h.counters.dispatched.Load(),
		EventsInvalid:       h.counters.invalidEvents.Load(),
		Backpressure:        h.counters.backpressured.Load(),
		Panics:              h.counters.panics.Load(),
		AcceptPauses:        h.counters.acceptPauses.Load(),
		ClosingEvicted:      h.counters.closingEvicted.Load(),
		ProxyHeadersRefused: h.counters.headersRefused.Load(),
		ForwardedIgnored:    h.counters.forwardedIgnored.Load(),
		Topics:              uint64(h.index.Len()),
		Subscriptions:       uint64(h.index.Subscriptions()),
		MemoryBudget:        uint64(h.cfg.MemoryBudget),
		Reactors:            len(h.loops),
		Engine:              h.loops[0].reactor.Engine(),
		Closes:              make(map[uint16]uint64),
		Refusals:            make(map[int]uint64),
		Kinds:               newKinds(),
	}
	st.addPresence(h.presence)
	var sums latencySums
	for _, l := range h.loops {
		st.Waiting += uint64(max(l.shared.inflow.backlog(), 0))
		l.ask(func(r *netpoll.Reactor) {
			st.addLoop(&l.counts)
			st.Throttled += uint64(len(l.flow.waiting))
			st.addReactor(r.Count())
			st.addMemory(l)
			st.addLags(l)
			l.counts.loopLatencies.addTo(&sums, l.sender)
			l.counts.kindCounters.addTo(&st.Kinds)
			st.addSlow(&l.flow.slow)
		})
	}
	st.Latencies = sums.latencies(h.workers)
	h.log.addTo(&st.Kinds)
	st.CallbacksPending = h.callbacksPending()
	st.Memory.addShared(h)
	st.addStreams(h)
	st.addCluster(h.cluster)
	return st
}

// addLags adds what spokes wait for that lag: their events count as queued. It is for the loop's goroutine.
func (st *Stats) addLags(l *loop) {
	st.Lagging += uint64(len(l.flow.lags.bySpoke))
	for _, g := range l.flow.lags.bySpoke {
		for _, c := range g.cursors {
			st.Deliveries += uint64(max(c.owed, 0))
			st.Queued += uint64(max(c.owed, 0))
		}
	}
	n := &l.counts.streamCounters
	st.Lags += n.fellBehind
	st.Gaps += n.gaps
	st.Resumed += n.resumed
	st.Gapped += n.gapped
	st.Fresh += n.fresh
}

func (st *Stats) addStreams(h *Hub) {
	st.Unavailable = h.counters.unavailable.Load()
	if h.streams.memory == nil {
		return
	}
	kept := h.streams.memory.Stats()
	st.Streams, st.StreamEvents = uint64(kept.Streams), uint64(kept.Events)
	st.StreamAppended, st.StreamTrimmed, st.StreamRepeated = kept.Appended, kept.Trimmed, kept.Repeated
}

func (h *Hub) callbacksPending() uint64 {
	inboxes := int64(0)
	for _, l := range h.loops {
		inboxes += l.shared.inboxes.Load()
	}
	return uint64(max(inboxes, 0))
}

func (st *Stats) addLoop(n *loopCounters) {
	st.Handshakes += n.handshakes
	st.TLSHandshakes += n.tlsHandshakes
	st.TLSFailed += n.tlsFailed
	st.Disconnected += n.disconnected
	st.MessagesIn += n.messages
	st.EventsIn += n.events
	st.ControlsIn += n.controls
	st.Malformed += n.malformed
	st.BadTopics += n.badTopics
	st.ControlsUnknown += n.unknownControls
	st.TopicsOverLimit += n.overTopics
	st.TopicsForbidden += n.forbiddenTopics
	st.EventsForbidden += n.forbiddenEvents
	st.OverRate += n.overRate
	st.MessagesOverdue += n.overdue
	st.EventsRelayed += n.relayed
	st.AuthsAccepted += n.authsAccepted
	st.AuthsRejected += n.authsRejected
	st.EarlyMessages += n.early
	st.Unauthenticated += n.unauthenticated
	st.Pings += n.pings
	for code, times := range n.closes {
		st.Closes[code] += times
	}
	for status, times := range n.refusals {
		st.Refusals[status] += times
		st.HandshakesRefused += times
	}
}

func (st *Stats) addReactor(c netpoll.Counters) {
	st.Deliveries += c.Matched
	st.Delivered += c.Delivered
	st.HandedBack += c.HandedBack
	st.DroppedBackpressure += c.Dropped[netpoll.DropOverflow]
	st.DroppedClosed += c.Dropped[netpoll.DropClosed]
	st.DroppedBudget += c.Dropped[netpoll.DropBudget]
	st.DroppedTrimmed += c.Dropped[netpoll.DropTrimmed]
	st.DroppedSuperseded += c.Dropped[netpoll.DropSuperseded]
	st.DroppedSkipped += c.Dropped[netpoll.DropSkipped]
	st.Queued += c.Queued
	st.QueuedBytes += c.QueuedBytes
	st.BytesIn += c.BytesIn
	st.BytesOut += c.BytesOut
	st.Reads += c.Reads
	st.Sends += c.Sends
	st.FullSockets += c.FullSockets
	st.Turns += c.Turns
	st.Blocked += c.Blocked
}
