package fanout

import "sync/atomic"

// hubCounters are what happens on any goroutine.
type hubCounters struct {
	accepted      atomic.Uint64
	dispatched    atomic.Uint64
	invalidEvents atomic.Uint64
	panics        atomic.Uint64
	// backpressured spokes were closed because they could not keep up.
	backpressured atomic.Uint64
	acceptPauses  atomic.Uint64
	// closingEvicted are closing connections that were ended to make room.
	closingEvicted atomic.Uint64
	// headersRefused are connections without a proper header of the PROXY protocol, forwardedIgnored requests with fields of a trusted
	// proxy that were not believed.
	headersRefused   atomic.Uint64
	forwardedIgnored atomic.Uint64
	// hooksLate is how many OnHandshake of ServeHTTP run on though their clients have been answered.
	hooksLate atomic.Int64
	// unavailable events were not taken by their streams.
	unavailable atomic.Uint64
}

// loopCounters are what happens on one loop. They belong to its goroutine.
type loopCounters struct {
	messageCounters
	connectionCounters
	identityCounters
	streamCounters
	loopLatencies
	kindCounters
}

// streamCounters count what comes of spokes that come back, or do not keep up.
type streamCounters struct {
	// resumed, gapped and fresh are results of subscriptions to topics of streams.
	resumed uint64
	gapped  uint64
	fresh   uint64
	// fellBehind is how often a spoke began to lag because it did not keep up with a type, gaps how many they were told.
	fellBehind uint64
	gaps       uint64
}

// identityCounters count what comes of identities and their want.
type identityCounters struct {
	authsAccepted uint64
	authsRejected uint64
	// early is how much came of spokes that had no identity yet.
	early uint64
	// unauthenticated is how many spokes were closed for want of an identity.
	unauthenticated uint64
}

// messageCounters count what spokes send.
type messageCounters struct {
	messages  uint64
	events    uint64
	controls  uint64
	malformed uint64
	badTopics uint64
	// unknownControls are those of a type that the hub does not know, overTopics rejections for the limit on topics.
	unknownControls uint64
	overTopics      uint64
	// forbiddenTopics are subscriptions that were refused or taken away, forbiddenEvents events that the spoke might not publish.
	forbiddenTopics uint64
	forbiddenEvents uint64
	relayed         uint64
	// overRate is how many spokes were closed for sending too much, overdue how many for an unfinished message.
	overRate uint64
	overdue  uint64
}

// connectionCounters count how connections begin and end.
type connectionCounters struct {
	// handshakes were answered with 101, refusals, by status, with an error.
	handshakes uint64
	refusals   map[int]uint64
	// tlsHandshakes have succeeded, tlsFailed not.
	tlsHandshakes uint64
	tlsFailed     uint64
	pings         uint64
	// closes are close frames sent, by code.
	closes       map[uint16]uint64
	disconnected uint64
}
