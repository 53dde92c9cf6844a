// Package fanout is the hub: it owns WebSocket connections and fans events out to those that are subscribed to them.
//
//	hub, err := fanout.New(fanout.Config{Relay: true})
//	http.Handle("/ws", hub)          // or hub.Serve(listener), or hub.AddConnection(conn)
//	hub.DispatchEvent(event.Event{Type: "price", ID: "EURUSD", Payload: raw})
//
// # Who owns what
//
// A connection lives on one lane, a reactor of package netpoll, for life. Its socket, its queue, its subscriptions and
// what is half read of it are touched by that reactor's goroutine alone, so none of them has a lock. Everybody else
// posts tasks. User code never runs on a reactor: what it has to see is copied into the spoke's inbox (inbox.go), and a
// bounded pool of workers takes one inbox at a time (crew.go).
//
// # One message in
//
// lane.Input, receive, message: frames are parsed and envelopes read in the reactor's buffer. An event that nobody
// listens to is relayed where it was parsed, and a control event with nothing waiting before it takes effect there; what
// user code has to see, and whatever the same spoke sends behind it that must not overtake it, goes by way of the inbox.
// While an inbox is full its connection is not read. Until OnConnection has returned, events wait there as they came, neither
// heard nor relayed (greeting.go).
//
// A connection whose request turns out not to be for the hub goes to net/http, where it still counts (guest.go).
//
// # One event out
//
// DispatchEvent validates, encodes and frames the event once (message.go), looks its two topics up under one shard lock
// each, and posts the message to each lane that has members: one lock and at most one wake-up a lane. The lane walks its
// own members and queues the frame; at the end of the turn each socket that has something waiting gets it in one call.
//
// What was posted and not yet taken is in no spoke's queue, so it has a limit of its own, a few full queues a lane (lag.go).
// Past it, spokes that relay to the lane are not read, and dispatchers sleep a little. Nobody waits for good: a lane takes
// tasks whatever it may not read, so two lanes that wait for each other both catch up.
//
// # Order
//
// Tasks of a lane run in the order of posting, and a read comes behind the tasks that were posted before it. So events of
// one goroutine reach a spoke in order, an event dispatched after an ack left the hub finds the subscription in force,
// and one dispatched before the spoke asked for it does not.
//
// # Locks
//
// The task queue of a reactor, the shards of the index, the queue of the crew, the registries of listeners and of added
// connections each have one. None is held while another is taken, while user code runs, or during a system call other
// than the wake-up of a reactor.
//
// # Decisions
//
// Types and ids reach listeners as strings that stay valid, interned for the recent ones; only the payload is borrowed.
// Strings that change under a map key would be a trap, and the cache costs 20 ns where an allocation costs 40.
//
// RemoveConnection returns the live connection: a *net.TCPConn whose descriptor was taken out can't be brought back to
// life under its old pointer. What callbacks get can, and is.
//
// OnDisconnection is noted when a connection is removed, not when its socket is finally closed: the hub is done with it
// by then, and a peer that doesn't read could hold the news back.
//
// BufferedAmount counts what the hub holds. What the kernel holds is bounded by Config.UnsentLimit, so that the sum is
// bounded as well; the kernel's part can't be asked without a system call a connection.
package fanout
