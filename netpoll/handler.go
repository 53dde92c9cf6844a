package netpoll

// Handler is what a reactor tells its owner, in the order of a connection's life. In package fanout the *loop is one, in
// bench/echo the echo server. All methods run on the reactor's goroutine, one at a time, and must not block; they may call
// any method of the reactor and its Sender, none of which calls back.
type Handler interface {
	// Accepted brings a connection that a listener of this reactor accepted. It belongs to the handler, which opens it
	// on some reactor or closes it.
	Accepted(listener uint32, a Accepted)
	// AcceptFailed says that accepting pauses because of err, and (err nil) that it goes on.
	AcceptFailed(listener uint32, err error)
	// Input brings bytes that a connection sent. view is the reactor's own buffer: it is borrowed until return and may
	// be written to.
	Input(slot uint32, view []byte)
	// Securing says that the client has begun the TLS handshake that Reactor.Secure waits for.
	Securing(slot uint32)
	// Secured says that it has ended, and Input brings from now on what was sealed. With an error it has failed: the client has been told
	// by an alert, and nothing can be sent or read any more, but for a NotTLSError. The handler closes the connection, best behind
	// ShutdownWrite and the client's end.
	Secured(slot uint32, err error)
	// Hangup says that the peer is gone: err is io.EOF where it closed, else what failed. The handler calls Close.
	Hangup(slot uint32, err error)
	// Overflow says that a frame was refused because queued, which is what the unsent frames and the overhead of this one count
	// for, and the frame's own bytes exceed the limit. It comes once a connection, behind the method or task that brought the
	// frame, before any other; from then on all frames but those of Sender.SendLast are refused silently.
	Overflow(slot uint32, queued, frame int)
	// Filling says that more than half of the limit waits for the connection beside its full socket: once until its queue is calm again, which is at a
	// quarter.
	Filling(slot uint32)
	// Drained says, once for each Sender.NotifyDrained, that all queued bytes are with the kernel.
	Drained(slot uint32)
	// Expired says that the deadline set with SetDeadline has come, and that a last read, made just now unless the reactor is
	// heavy or the connection paused, has not set another.
	Expired(slot uint32)
	// Turn ends a round of reading and tasks, before anything is flushed. A turn with much to read has several.
	Turn()
	// Panicked says that a method of the handler panicked over the connection in slot, which the handler now closes; or,
	// with NoSlot, that a task did, or a method that is about no connection. The reactor goes on.
	Panicked(slot uint32, value any, stack []byte)
	// Failed says that the reactor can't go on: no task runs any more, nothing is read or sent, and what connections the
	// handler leaves are closed next. Nothing follows it.
	Failed(err error)
}
