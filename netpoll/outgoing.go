package netpoll

import "syscall"

// maxPieces bounds in how many pieces one call hands bytes to a socket.
const maxPieces = 64

// outgoing is what the fan-out path touches of a connection: 12 bytes without pointers.
type outgoing struct {
	// node is where the connection's pending sequence ends in the pending tree; 0 when nothing is pending.
	node uint32
	// backlog is the number of its backlog; 0 unless the socket is full.
	backlog uint32
	state   sendState
}

// sendState is a set of flags of one connection.
type sendState uint8

const (
	// inExpress: the express list names the connection.
	inExpress sendState = 1 << iota
	// inBulk: the bulk list names it.
	inBulk
	// refusing: it takes no more frames but that of SendLast; all others are dropped and counted.
	refusing
	// refused: it has refused the frame that is being queued.
	refused
	// wantsDrained: the handler is to be told when nothing is left to send.
	wantsDrained
)

const listed = inExpress | inBulk

// noticeKind says what a notice is about.
type noticeKind uint8

const (
	// overflowed: a frame was refused, and the connection refuses from now on.
	overflowed noticeKind = iota
	// drained: all that was queued is with the transport.
	drained
	// sendFailed: the socket is broken.
	sendFailed
)

// notice is what the handler must learn of a connection: with overflowed, the bytes queued and those of the refused frame;
// with sendFailed, the error.
type notice struct {
	kind          noticeKind
	slot          uint32
	queued, frame int
	errno         syscall.Errno
}

// noticeList is what was noted and not yet passed on by Reactor.passOnNotices.
type noticeList struct {
	noted []notice
	// spare is the list before, empty, to be used again.
	spare []notice
}

func (l *noticeList) add(x notice) { l.noted = append(l.noted, x) }

// take returns what was noted; it is valid until the next take.
func (l *noticeList) take() []notice {
	taken := l.noted
	l.noted, l.spare = l.spare[:0], taken
	return taken
}
