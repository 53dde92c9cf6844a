package netpoll

import "syscall"

// noticeKind says what a notice is about.
type noticeKind uint8

const (
	// overflowed: a frame was refused, and the connection refuses from now on.
	overflowed noticeKind = iota
	// drained: all that was queued is with the transport.
	drained
	// sendFailed: the socket is broken.
	sendFailed
	// filling: more than half of the limit waits beside a full socket.
	filling
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

// trim forgets the lists that a spike has made large, once all is passed on.
func (l *noticeList) trim() {
	if len(l.noted) == 0 && cap(l.noted)+cap(l.spare) > largeList {
		l.noted, l.spare = nil, nil
	}
}
