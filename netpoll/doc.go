// Package netpoll owns sockets: reactors that read and send for many connections with one goroutine each.
//
// It knows no WebSocket. A Reactor waits for readiness (by mailru/easygo, by a wait loop of its own on epoll, or with
// two goroutines a connection where there is no descriptor), reads into one shared buffer that it lends to its Handler,
// keeps the queue of what every connection still has to send, and sends it when the turn ends.
//
// # A turn
//
// A turn is what happens between two waits: descriptors that are ready are read or resent; tasks that other goroutines
// posted are run; if frames were queued the reactor looks once more for others to send along (collect.go); then it sends
// for about a slice of time (flush.go), small fan-outs ahead of giants, and what is left goes on in the next turn. Ended
// connections are closed last, when no readiness already fetched can name them.
//
// # The queue
//
// What waits for the end of the turn is kept for all connections at once, as a tree of sequences (outlog.go): queueing
// a frame on a connection is one 32-bit read and write, and connections with the same frames pending share one batch of
// bytes and so one copy. A queue of its own (backlog.go) is made only for a connection whose socket is full.
//
// # Who may call what
//
// Post, PostAll, Waiting, Stop, Run and Done may be called from any goroutine. Everything else on a Reactor belongs to
// its own goroutine: to the Handler and to tasks.
package netpoll
