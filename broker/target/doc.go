// Package target is for services that publish and listen without a WebSocket: an [event.Target] straight on the engine that connects hubs, in the same
// format. What it dispatches reaches the spokes of all hubs on that engine, and it hears what they and other targets publish.
//
// # Compatibility
//
// This package is a layer of the hub. Anyone may import it, but its API is not covered by the promise that the packages fanout and event
// make: it may change in any release, 1.0 and later ones included.
//
// # What it promises
//
// Beside what event.Target says: an event of a type without a stream reaches the target's own listeners at once, with or without an engine, and others by the
// engine. An event of a stream reaches nobody before the engine has it; all hear those of a type in one order, their dispatcher too. Which types have a stream
// is said by the policies, which have to be those of the hubs. What listeners may have missed is told by Config.OnLoss, in its place in the order. That of a stream
// is read first, and only what is not kept any more is told. A stream that has begun anew, as after a failover, is told always: then listeners get what it has
// besides that which it has from before.
//
// # Owners and locks
//
// Listeners, OnLoss and OnState are called by one goroutine, one at a time, from a queue with a bound. Two more hand what is
// dispatched to the engine, in order, each from an outbox with a bound: one has the events of streams, and one the others, which need not wait for a stream that
// the engine can't write. Another asks the engine for topics; one compares the tops of streams with what
// has come, in case the last event of one is lost and nothing follows that would tell; and one for each stream that has fallen behind reads what it missed. Locks,
// outermost first: that of the interest, that of a follower; that of an outbox, or of the link; and below all, that of the queue of deliveries.
// No lock is held while a method of the engine or a listener is called.
//
//	plain:   DispatchEvent -> deliveries, and plain outbox -> engine -> Deliver of others -> lanes -> deliveries -> listeners
//	stream:  DispatchEvent -> appends outbox -> engine -> Deliver -> follower -> deliveries -> listeners
package target
