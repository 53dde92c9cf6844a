// Package fanout is the hub: it owns WebSocket connections and fans events out to those that are subscribed to them.
//
//	hub, err := fanout.New(fanout.Config{Relay: true})
//	http.Handle("/ws", hub)          // or hub.Serve(listener), or hub.AddConnection(conn)
//	hub.DispatchEvent(event.Event{Type: "price", ID: "EURUSD", Payload: raw})
//
// # Who owns what
//
// A connection lives on one loop, with one reactor of package netpoll, for life.
//
//   - The reactor's goroutine owns the socket (a connection without a descriptor is read and written by two goroutines of
//     its own), the queue of unsent frames, what has been received in part, the subscriptions, and the inbox in which events
//     and callbacks are collected. Other goroutines post tasks to it. No user code runs on it but Config.Logger's handler.
//   - One worker at a time owns the inbox of a connection that is being worked off. It alone calls the connection's callbacks
//     and listeners.
//   - Any goroutine may use the exported methods, the counters and the limits on connections: they are atomics, or have a
//     lock of their own.
//
// # Locks
//
// A lock each: a reactor's task queue, a shard of the subscription index, the queue of the workers, the listeners of the hub
// and of each spoke, the added connections, the counts by address, the connections on their way to net/http, the lifecycle,
// each limit of the log, what a spoke keeps for user code. None is held while another is taken, while user code runs, or
// during a system call other than the wake-up of a reactor.
//
// # Order
//
// A loop runs its tasks in the order of posting, and reads only after the tasks that were posted before. So events of one
// goroutine reach a spoke in order; an event dispatched after an ack left the hub finds the subscription in force; and one
// dispatched before the spoke asked for it does not.
//
// What a spoke sends takes effect in its order. An event that nobody listens to is relayed where it was parsed, and a control
// event takes effect there if nothing waits in the inbox before it. Whatever must not overtake what waits there goes through
// the inbox as well. Until OnConnection has returned all events wait, neither heard nor relayed.
//
// # Decisions
//
// Types and ids reach listeners as strings that stay valid; only the payload is borrowed. Strings whose bytes change under a
// map key would be a trap. The recent ones are interned, which costs 20 ns where an allocation costs 40.
//
// RemoveConnection returns a new connection, because a *net.TCPConn whose descriptor was taken out can't be revived. The one
// that callbacks get can, and works again.
//
// OnDisconnection is called when a connection is removed from the hub, not when its socket is finally closed: the hub has
// finished with it by then, and a peer that doesn't read could delay the news.
//
// BufferedAmount counts what the hub holds. The kernel's share can't be known without a system call for each connection; it
// is bounded by Config.UnsentLimit, so the sum is bounded too.
package fanout
