// Package netpoll owns sockets. A reactor is one goroutine that reads and sends for many connections.
//
// The package knows nothing of WebSocket. A [Reactor] waits until sockets are ready, reads them into one shared buffer that
// it lends to its [Handler], and sends through its [Sender], which owns everything that is queued. It waits with
// mailru/easygo or directly on epoll; a connection that has no descriptor gets two goroutines
// instead, and one of TLS that was made elsewhere gets them while there is something to read or to write (linkwatch.go).
//
// # A turn
//
// A turn is the work between two waits (turn.go). Each kind of work in it has a slice of time (stint.go). The reactor reads
// sockets that are readable and send little (read.go); the others, and what is left, wait for their turn (intake.go). It runs
// the tasks that other goroutines posted, reads of what waits, and passes on the deadlines that have come (deadline.go). If
// frames were queued, it polls once more, so that frames which arrive close together leave together (collect.go). Then it
// sends (flush.go), small fan-outs ahead of giant ones, and goes on with sockets that have room again (resend.go). Last, it
// closes the descriptors of connections that have ended (conn.go): only then can no event that was already fetched refer to
// them. While some still wait to be read it does all this again, for a few milliseconds, before it looks for what has become
// ready meanwhile.
//
// # Time
//
// A reactor's clock leaves out the time in which the reactor did not run (clock.go): after a process was stopped for an hour, no
// deadline expires that had time left. A deadline comes behind a last read, because only the kernel may know what has come.
//
// # What is queued
//
// Frames that wait for the end of the turn are kept for all connections together, as a tree of sequences (pending.go).
// Queueing a frame for a connection is one 32-bit read and one write, and connections with the same pending frames share one
// contiguous batch (batch.go). Only a connection whose socket is full has a backlog of its own (backlog.go).
//
// # TLS
//
// A connection that speaks TLS has a session (tlssession.go): a connection of crypto/tls over a net.Conn in memory. The reactor gives it what it has
// received and takes from it what is to be sent, on the same paths and with the same promises as for any other connection. crypto/tls takes
// a temporary error for "nothing more has come" and goes on later, even within a record; but it can't leave off within a handshake, so
// that has a goroutine (tlshandshake.go), which computes only as one of a few: half of the processors are left to the reactors. What
// was sealed can't be taken back, for the next record would not be understood. So it stays in the queue as what it was until the socket has
// its record, and Cut leaves it alone: every count is as exact as without TLS (tlswrite.go).
//
// An idle session is 5.2 KB of heap, with TLS 1.3 and a hello of 1.5 KB: the states of AES-GCM for both directions 1.8, two buffers that crypto/tls
// keeps from the handshake 2.1, its connection 0.9, what it keeps for exporting keys and ours 0.4. A hello in one long record would cost
// 1.7 KB more, for as long as the connection lives, so it is cut into short ones ahead of crypto/tls (shortRecords).
//
// # Who may call what
//
// Any goroutine may call Post, PostAll, Stop, Run, Done, Handler and Sender. Every other method of a Reactor, and all of its
// Sender, belong to the reactor's goroutine: to the Handler and to tasks. A build with the tag faults checks most of them. The
// two goroutines of a connection without a descriptor read and write its net.Conn and touch nothing else (link.go).
//
// # Stability
//
// This package exists for package fanout and changes with it. It is importable, but it is not part of the API that
// Spokehub keeps stable: programs that embed the hub import fanout and event.
//
// # Measurements
//
// Ratios of CPU time, medians, alternating runs; two cores for the server unless stated otherwise.
//
// Waiting, several reactors. Our own epoll loop (EngineEpoll) costs 0.83 to 1.13 of easygo's over the workloads of the
// bench, with no trend, and saves 60 to 90 bytes per connection. So easygo is the default, and the other can be selected.
//
// Waiting, one reactor. A blocking system call keeps the Go runtime's monitor thread awake: it polls every 20 us and takes
// the processor away from the reactor, which must then get it back. EngineParked lets the runtime park the reactor's
// goroutine instead. Against easygo, with one core for the server and one for the clients, a control event costs 0.54, a
// connect 0.81, an idle spoke 0.76 of the memory; the p99 of 1,000 events a second to ten spokes each is 0.56, of a
// steady fan-out to 1,000 it is 0.83, of small topics beside giant ones 0.11. Everything else lies within 3 %. With two
// reactors it is worse, 9 against 17 million deliveries a second, because only one thread at a time waits in the
// runtime's poller.
//
// Edge-triggered readiness would save epoll's second look at every socket, 3 to 5 % of an incoming event. It requires
// reading until EAGAIN, which costs as much, or trusting short reads, which the injected faults show to be wrong.
//
// Waiting another 20 or 40 us when few sockets were ready saves 0 to 5 % of an incoming event and adds that latency. It
// was not kept. Polling once more after frames were queued was kept: in a fan-out with 64 events in flight, every send
// carries all 64.
//
// A TLS connection that was made elsewhere, watched against two goroutines: 7.7 KB against 22.6 when idle, with crypto/tls at both
// ends; the same CPU for a fan-out to 1,000, which is crypto/tls and a system call each; 1.3 of it for an echo with one in flight, 6 us
// more, because the reactor wakes once more (BenchmarkForeignTLSEcho). Looking for what crypto/tls has buffered costs below 1 us of that.
//
// Two reactors on two cores deliver twice as much as one, at 0.7 of the CPU per delivery with 1,000 members. Only incoming
// events cost more, 1.2, because two half-busy reactors wake more often.
package netpoll
