package fanout

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/spokehub/spokehub/netpoll"
	"github.com/spokehub/spokehub/wsframe"
)

// Close ends the connection: what is queued is sent, then a close frame with code and reason (cut to 123 bytes), then
// the socket is closed once the peer has answered or Config.CloseTimeout has passed, or twice that if the peer has not read what
// was queued. A code that RFC 6455 does not let a server send becomes 1011. It does not wait; OnDisconnection tells when the spoke
// is removed. Called in OnConnection, it drops what the client has sent so far, also if the client has left by then.
func (s *Spoke) Close(code uint16, reason string) {
	if !wsframe.CodeAllowed(code) {
		code = CodeInternal
	}
	s.loop.reactor.Post(netpoll.TaskFunc(func(r *netpoll.Reactor) {
		if r.Holds(s.conn) {
			s.loop.closeWith(s, Cause{Kind: CauseClosed, Code: code, Reason: reason})
		}
		s.marks &^= connecting
	}))
}

// closeWith starts closing the spoke and tells its peer why, behind what is already queued.
func (l *loop) closeWith(s *Spoke, cause Cause) {
	if l.startClosing(s, cause) {
		if cause.Kind == CauseViolation {
			l.hub.log.violation(s, cause)
		}
		l.sendClose(s, cause.Code, cause.Reason)
	}
}

// peerClosed answers the peer's close frame with its own code.
func (l *loop) peerClosed(s *Spoke, payload []byte) {
	f := newFrame()
	cause := Cause{Kind: CausePeerClosed, Code: codeNone}
	if len(payload) == 0 {
		f.sealRaw(wsframe.AppendFrame(f.buf[:0], wsframe.CloseOp, nil))
	} else {
		peer, _ := wsframe.ParseClose(payload)
		cause.Code, cause.Reason = peer.Code, peer.Reason
		f.sealRaw(wsframe.AppendClose(f.buf[:0], peer.Code, ""))
	}
	l.startClosing(s, cause)
	l.counts.closes[min(cause.Code, codePrivate)]++
	l.sendLast(s, f)
}

const (
	// codeNone stands for the code of a close frame that has none.
	codeNone = 1005
	// codePrivate is the first of 2,000 codes that a peer may choose. They are counted as one, for a code that was ever
	// counted stays in Stats for good.
	codePrivate = 3000
)

// peerGone ends a connection that failed, or whose peer has ended its side (err is nil). In the latter case a closing
// connection first gets its last frame sent, which tells the peer why.
func (l *loop) peerGone(s *Spoke, err error) {
	if s.phase == closing && err == nil {
		s.marks |= peerEnded
		l.reactor.Pause(s.conn.Slot)
		return
	}
	l.end(s, Cause{Kind: CausePeerGone, Err: err})
}

// closeSlow ends a spoke that can't keep up: its queue is dropped except for the rest of a half-sent frame, OnBackpressure is
// called, and then the close frame goes out.
func (l *loop) closeSlow(s *Spoke, queued, size int, why netpoll.Reason) {
	slot := s.conn.Slot
	blocked, again := l.sender.BlockedFor(slot), l.sender.IsRefusing(slot)
	held := l.heldBy(s)
	l.sender.Refuse(slot)
	if s.phase != open {
		if why == netpoll.DropBudget {
			l.takeBack(s, again)
		}
		return
	}
	found := l.lookInto(s, queued, size)
	l.noteClosedSlow(s, found)
	l.sender.Cut(slot, why)
	info := Backpressure{Queued: queued, Frame: size, Limit: l.hub.cfg.QueueLimit, Held: held, Blocked: blocked, Budget: why == netpoll.DropBudget, Why: found}
	cause := Cause{Kind: CauseBackpressure, Code: CodeTryLater, Reason: retryReason(retryAfter)}
	if info.Budget {
		cause.Kind = CauseBudget
	}
	l.hub.counters.backpressured.Add(1)
	l.hub.log.slowSpoke(s, info)
	if l.hub.cfg.OnBackpressure == nil || s.marks&unidentified != 0 {
		l.closeWith(s, cause)
		return
	}
	s.marks |= owesClose
	l.note(s, itemBackpressure, &detail{pressure: info})
	l.note(s, itemCloseFrame, nil)
	l.startClosing(s, cause)
	l.awaitEnd(s)
}

// takeBack frees for the budget what a closing connection has queued: all but the rest of a half-sent frame and its close
// frame, or the connection itself if it has no more than those.
func (l *loop) takeBack(s *Spoke, isCut bool) {
	if isCut {
		l.end(s, Cause{})
		return
	}
	l.sender.Cut(s.conn.Slot, netpoll.DropBudget)
}

// sendOwedClose sends the close frame that waited for OnBackpressure.
func (l *loop) sendOwedClose(s *Spoke) {
	if s.marks&owesClose == 0 || s.phase != closing {
		return
	}
	s.marks &^= owesClose
	l.sendClose(s, CodeTryLater, retryReason(retryAfter))
}

func (l *loop) sendClose(s *Spoke, code uint16, reason string) {
	l.counts.closes[code]++
	f := newFrame()
	f.sealRaw(wsframe.AppendClose(f.buf[:0], code, reason))
	l.sendLast(s, f)
}

// startClosing takes the spoke out of the hub: no event is for it any more, what it sends is discarded, what waits in its inbox is given up, and OnDisconnection
// is noted. Its connection lives on until end or detach. It reports false if the spoke is closing already. A spoke that lags does so until the message that it
// waits with is published: it would get that without what lies ahead.
func (l *loop) startClosing(s *Spoke, cause Cause) bool {
	if s.phase >= closing {
		return false
	}
	wasOpen := s.phase == open
	l.endAnswers(s, cause)
	l.endSnapshot(s)
	l.endWait(s)
	l.forgetSlow(s)
	s.phase = closing
	l.conns.requests.discard(s.conn.Slot)
	l.dropInquiry(s)
	l.await(s)
	if !wasOpen {
		return true
	}
	l.letGo(s)
	l.endLag(s)
	l.endTenure(s)
	l.leave(s)
	s.parser.Release()
	l.charge(s)
	l.counts.disconnected++
	l.counts.causes[cause.Kind]++
	l.hub.connections.remove(s)
	if cause.Kind == CauseClosed || cause.Kind == CauseUnauthenticated {
		s.marks &^= connecting
	}
	if !s.quiet() {
		l.markReady(s)
	}
	if s.marks&unidentified != 0 {
		return true
	}
	if l.hub.cfg.OnConnection != nil || l.hub.cfg.OnDisconnection != nil {
		l.note(s, itemDisconnected, &detail{cause: cause})
	}
	return true
}

// linger waits for the peer to close once everything is sent: closing a socket with unread input would destroy the close
// frame on its way.
func (l *loop) linger(s *Spoke) {
	if s.phase != closing {
		return
	}
	s.phase = lingering
	l.awaitEnd(s)
	l.reactor.ShutdownWrite(s.conn.Slot)
	if s.marks&peerEnded != 0 {
		l.end(s, Cause{})
	}
}

// closeTimeout ends a closing connection whose deadline has come. One whose close frame still waits for OnBackpressure gets
// that first, and one whose close frame waits behind a queue is rid of the queue.
func (l *loop) closeTimeout(s *Spoke) {
	switch {
	case s.phase == closing && s.marks&owesClose != 0:
		l.sendOwedClose(s)
	case s.phase == closing && s.marks&refused == 0 && l.cutAhead(s):
		l.awaitEnd(s)
	default:
		l.end(s, Cause{})
	}
}

// cutAhead drops what is queued ahead of the close frame, if anything is.
func (l *loop) cutAhead(s *Spoke) bool {
	slot := s.conn.Slot
	before := l.sender.Buffered(slot)
	l.sender.Cut(slot, netpoll.DropClosed)
	return l.sender.Buffered(slot) < before
}

// end closes the socket at once. cause counts if the spoke was not closing already.
func (l *loop) end(s *Spoke, cause Cause) {
	if s.phase != ended {
		l.freeSlot(s, cause)
		l.reactor.Close(s.conn.Slot, netpoll.DropClosed)
		l.work.closed = closedNow
	}
}

// detach takes the connection out of the reactor without closing it; unread are the bytes of it that were read ahead.
func (l *loop) detach(s *Spoke, cause Cause, unread []byte) *netpoll.Released {
	l.freeSlot(s, cause)
	return l.reactor.Release(s.conn.Slot, unread)
}

// freeSlot drops what the loop has of a connection that is about to lose its slot.
func (l *loop) freeSlot(s *Spoke, cause Cause) {
	l.startClosing(s, cause)
	slot := s.conn.Slot
	s.phase = ended
	l.forgetGap(s)
	l.awaitNoMore(s)
	delete(l.conns.toSecure, slot)
	if s.marks&leavesIndex != 0 {
		l.reactor.KeepSlot(slot)
	}
	if l.conns.overLimit[slot] != nil {
		delete(l.conns.overLimit, slot)
		l.hub.admission.removeOverLimit()
	}
	*l.conns.spokes.At(slot) = nil
	l.uncount(s)
}

const retryAfter = 2 * time.Second

// retryReason tells a client when to come back, spread so that not all come at once.
func retryReason(around time.Duration) string {
	ms := around.Milliseconds()
	return fmt.Sprintf(`{"retry_after_ms":%d}`, ms/2+rand.Int64N(ms+1))
}
