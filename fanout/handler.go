package fanout

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spokehub/spokehub/netpoll"
)

var _ netpoll.Handler = (*loop)(nil)

// Accepted brings a connection of a listener.
func (l *loop) Accepted(listener uint32, a netpoll.Accepted) {
	l.accept(l.hub.newArrival(a, l.conns.listeners[listener]))
}

// AcceptFailed says that accepting pauses because of err, or with nil that it goes on.
func (l *loop) AcceptFailed(_ uint32, err error) {
	l.hub.shared.acceptPaused.Store(err != nil)
	if err != nil {
		l.hub.acceptFailed(l, err)
	}
}

// Input brings bytes of a connection.
func (l *loop) Input(slot uint32, view []byte) {
	s := l.spoke(slot)
	switch s.phase {
	case handshaking:
		l.handshake(s, view)
	case open:
		l.receive(s, view)
		l.charge(s)
	default:
		l.discard(s, len(view))
	}
}

// Securing says that the client has begun its TLS handshake: it has HandshakeTimeout for that and its request.
func (l *loop) Securing(slot uint32) { l.reactor.SetDeadline(slot, l.hub.cfg.HandshakeTimeout) }

// Secured says how that has ended.
func (l *loop) Secured(slot uint32, err error) {
	s := l.spoke(slot)
	var notTLS *netpoll.NotTLSError
	switch {
	case err == nil:
		l.counts.tlsHandshakes++
	case errors.As(err, &notTLS) && s.phase == handshaking:
		l.refuse(s, notTLS.Sent, refuseNotTLS)
	default:
		l.tlsFailed(s, err)
	}
}

// Hangup says that the peer is gone, or that reading or sending failed.
func (l *loop) Hangup(slot uint32, err error) {
	s := l.spoke(slot)
	if errors.Is(err, netpoll.ErrFruitless) && s.phase == open {
		l.counts.overRate++
		l.closeWith(s, Cause{Kind: CauseViolation, Code: CodePolicy, Reason: retryReason(time.Second)})
		return
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	if isOwnAlert(err) && s.phase <= open {
		l.tlsBroken(s, err)
		return
	}
	if _, isBegun := l.reactor.IsSecuring(slot); isBegun && err != nil && s.phase == handshaking {
		l.counts.tlsFailed++
		l.hub.log.tlsFailed(s.peer, err)
	}
	l.peerGone(s, err)
}

// Overflow says that a frame does not fit into a connection's queue.
func (l *loop) Overflow(slot uint32, queued, size int) {
	l.closeSlow(l.spoke(slot), queued, size, netpoll.DropOverflow)
}

// Drained says that all that was queued on a connection is with the kernel: of an open one all answers, of a closing one all frames,
// the last one included.
func (l *loop) Drained(slot uint32) {
	s := l.spoke(slot)
	switch {
	case s.phase == open:
		l.answersDrained(s)
	case s.marks&owesClose == 0:
		l.linger(s)
	}
}

// Expired says that a connection's deadline has come.
func (l *loop) Expired(slot uint32) {
	s := l.spoke(slot)
	switch s.phase {
	case handshaking:
		l.handshakeTimeout(s)
	case open:
		if !l.checkIdentity(s) {
			return
		}
		if l.ending.draining {
			l.drainInTime(s)
			return
		}
		if l.checkMessage(s) {
			l.checkPeer(s)
			l.watchDues(s)
		}
	default:
		l.closeTimeout(s)
	}
}

// Turn hands over what a batch of readiness brought: inboxes to the workers, relayed events and new connections to the
// other loops. Spokes that waited for room go on, and then what is too long for one turn does.
func (l *loop) Turn() {
	l.noteSkipped()
	l.publishProgress()
	l.reviewHolds()
	l.resumeInboxes()
	l.resumeWaiting()
	l.handOver()
	l.walkOn()
	l.feed()
	l.work.topics = turnTopics
	for _, to := range l.hub.loops {
		l.forwardAll(to)
		l.sendArrivals(to)
	}
	l.wakeQuiet()
	l.lookIntoFilling()
	l.enforceBudget()
	l.awaitInboxRoom()
	l.dropTopics()
	l.tellAccepting()
}

// Panicked ends a connection over which the loop's own code panicked: what it knows of it can't be trusted any more.
func (l *loop) Panicked(slot uint32, value any, stack []byte) {
	l.hub.counters.panics.Add(1)
	l.hub.cfg.Logger.Error("reactor panicked; the hub goes on", "reactor", l.index, "panic", fmt.Sprint(value), "stack", string(stack))
	if slot == netpoll.NoSlot || slot >= l.conns.spokes.Len() || l.spoke(slot) == nil {
		return
	}
	s := l.spoke(slot)
	cause := Cause{Kind: CauseInternal, Code: CodeInternal}
	if s.phase == open {
		l.closeWith(s, cause)
		return
	}
	l.end(s, cause)
}

// Failed says that the reactor broke. Without it the hub can't keep its promises, so all of it ends.
func (l *loop) Failed(err error) {
	l.hub.cfg.Logger.Error("a reactor failed; the hub stops", "reactor", l.index, "error", err)
	for s := range l.all() {
		l.end(s, Cause{Kind: CauseInternal, Err: err})
	}
	l.handOver()
	go l.hub.abort(err)
}
