// Package netpoll owns sockets: reactors that read and send for many connections with one goroutine each.
//
// It knows no WebSocket. A [Reactor] waits for readiness (by mailru/easygo, on epoll by itself, or with two goroutines a
// connection where there is no descriptor), reads into one shared buffer that it lends to its [Handler],
// and sends through its [Sender], which owns everything that is queued.
//
// # A turn
//
// A turn is what happens between two waits (turn.go). Descriptors that are ready are read (read.go), or sent to if they had
// been full. Tasks that other goroutines posted are run. If frames were queued, the reactor looks once more for others to
// send along (collect.go). Then it sends for about a slice of time (flush.go), small fan-outs ahead of giant ones; what is
// left goes on in the next turn. Descriptors of ended connections are closed last, when no readiness that was already
// fetched can name them (conn.go).
//
// # What is queued
//
// What waits for the end of the turn is kept for all connections at once, as a tree of sequences (pending.go): queueing
// a frame on a connection is one 32-bit read and write, and connections with the same frames pending share one batch of
// bytes and so one copy. Only a connection whose socket is full has a backlog of its own (backlog.go).
//
// # Who may call what
//
// Post, PostAll, Stop, Run, Done and Handler may be called from any goroutine. Everything else on a Reactor and its Sender
// belongs to the reactor's goroutine: to the Handler and to tasks. A build with the tag faults checks that. A connection
// without a descriptor has two goroutines beside it, which read and write its net.Conn and nothing else (link.go).
//
// # Stability
//
// This package is made for package fanout, and changes with it: it is no part of what Spokehub promises to keep stable.
// Programs that embed the hub import fanout and event.
//
// # What was measured, and what was kept
//
// All on two cores for the server, in turns, CPU of the process an operation, medians.
//
// The wait. easygo's loop against our own on epoll (EngineEpoll): between 0.83 and 1.13 over all workloads of the bench,
// without a tendency (6 turns each: events in 1.02, connect 1.02, steady 1.01), and 60 to 90 bytes a connection more for
// its closure and its map entry. So several reactors wait by easygo, and the other loop can be chosen.
//
// A single reactor is parked in Go's runtime (EngineParked). A blocking system call keeps the runtime's monitor thread
// awake, which looks every 20 us, takes the processor away, and makes the reactor ask for it back. Parked against easygo,
// one core for the server and one for the clients, medians of 4 runs of a second in turns: 0.54 of the CPU of a control
// event, 0.81 of a connect, 0.76 of the memory of an idle spoke; of the p99 at 1,000 events a second to ten spokes each
// 0.56, of a steady fan-out to 1,000 0.83, of a small topic beside giant ones 0.11; the rest within 0.97 and 1.03. Two
// reactors it runs in turns instead of side by side, 9 against 17 million deliveries a second on two cores, because only
// one thread at a time waits for the runtime's poller.
//
// Edge-triggered readiness would save the second look that epoll takes at every socket, about 3 to 5 % of an event in. It
// needs a read until EAGAIN, which costs as much, or trust in short reads, which the fault shim shows to be misplaced.
//
// Waiting 20 or 40 us for more when a wait brought only a few sockets saves 0 to 5 % of an event in, for that much
// latency. It was not kept. Looking once more when frames were queued was kept: with a fan-out of 64 events in flight every
// send carries all 64.
//
// On two cores, two reactors deliver twice as much as one and cost 0.7 of its CPU a delivery at 1,000 members. Only
// events in cost more, 1.2, because two that are not full wake more often.
package netpoll
