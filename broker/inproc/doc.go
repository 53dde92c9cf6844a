// Package inproc is an engine within one process: hubs that share a [Network] work as one, without a server. It is for simulations and tests, and makes
// the faults that real engines have: [Faults] says which.
//
// # Owners and locks
//
// The lock of a Network guards its engines, what they are subscribed to, their faults, and all streams: a publish is seen by all engines at one moment, so
// there is one order for all. Each engine has one goroutine that calls its sink, and a queue, whose lock guards nothing else. Lock order: the
// network's, then that of a queue. No lock is held while a sink is called.
//
// # What is kept
//
// A stream keeps what its policy says; the events in a row and those that are the newest of their ids share History.Bytes. It remembers 16,384 idempotency
// keys at most, each for five minutes. All of it is in memory, and goes with the Network.
//
// # Order
//
// Deliveries, and what the sink is told of the connection, come by the same queue, in the order in which they happened. An engine that is cut off loses what is
// still in its queue, as a connection does.
package inproc
