package fanout

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/spokehub/spokehub/netpoll"
	"github.com/spokehub/spokehub/wsframe"
)

// remove takes the spoke out of the hub. Its connection lives on until end, or Release.
func (l *lane) remove(s *Spoke, cause Cause) bool {
	if s.phase >= closing {
		return false
	}
	wasOpen := s.phase == open
	s.phase = closing
	if s.marks&ready == 0 {
		l.unhold(s, held)
	}
	l.dropHead(s)
	if !wasOpen {
		return true
	}
	if !defectKeepsSubscriptions {
		l.part.Drop(s.conn.Slot)
	}
	s.parser.Release()
	l.counts.disconnected++
	l.hub.forgetAdded(s)
	if cause.Kind == CauseBackpressure || cause.Kind == CauseBudget {
		l.notePressure(s, cause)
	}
	if cause.Kind == CauseClosed {
		s.marks &^= greeting
	}
	if l.hub.cfg.OnConnection != nil || l.hub.cfg.OnDisconnection != nil {
		l.note(s, itemDisconnected, &detail{cause: cause})
		if defectEndsTwice {
			l.note(s, itemDisconnected, &detail{cause: cause})
		}
		if defectEndsEarly {
			items := s.filling.items
			items[0], items[len(items)-1] = items[len(items)-1], items[0]
		}
	}
	return true
}

// closeWith removes the spoke and tells its peer why, behind what is already queued.
func (l *lane) closeWith(s *Spoke, cause Cause) {
	if !l.remove(s, cause) {
		return
	}
	l.queueClose(s, cause.Code, cause.Reason)
}

func (l *lane) queueClose(s *Spoke, code uint16, reason string) {
	l.counts.closes[code]++
	m := newMessage(l.hub)
	m.buf = wsframe.AppendClose(m.buf[:0], code, reason)
	l.queueLast(s, m)
}

// queueLast queues the last frame of a connection and lets it linger from there.
func (l *lane) queueLast(s *Spoke, m *message) {
	m.Reset(m.buf, false, m)
	l.reactor.Sender().SendLast(s.conn.Slot, &m.Frame)
	m.Release()
	l.reactor.Sender().NotifyDrained(s.conn.Slot)
	l.reactor.Resume(s.conn.Slot)
	l.reactor.SetDeadline(s.conn.Slot, l.hub.cfg.CloseTimeout)
}

// peerClosed answers the peer's close frame with its own code.
func (l *lane) peerClosed(s *Spoke, payload []byte) {
	m := newMessage(l.hub)
	cause := Cause{Kind: CausePeerClosed, Code: codeNone}
	if len(payload) == 0 {
		m.buf = wsframe.AppendFrame(m.buf[:0], wsframe.CloseOp, nil)
	} else {
		peer, _ := wsframe.ParseClose(payload)
		cause.Code, cause.Reason = peer.Code, peer.Reason
		m.buf = wsframe.AppendClose(m.buf[:0], peer.Code, "")
	}
	l.remove(s, cause)
	l.counts.closes[countedCode(cause.Code)]++
	l.queueLast(s, m)
}

const (
	codeNone    = 1005
	codePrivate = 3000
)

// countedCode is the code under which the answer to a peer's close is counted. A peer may choose any of 2,000 codes from 3000
// on: they count as one, for what was ever counted stays in Stats for good.
func countedCode(code uint16) uint16 { return min(code, codePrivate) }

// refuse ends a spoke that can't keep up: what waits for it is dropped but for the rest of a half-sent frame,
// OnBackpressure is called, and then the close frame goes out.
func (l *lane) refuse(s *Spoke, queued, frame int, why netpoll.Reason) {
	if s.phase != open {
		l.reactor.Sender().Refuse(s.conn.Slot)
		if why == netpoll.DropBudget {
			l.reactor.Sender().Cut(s.conn.Slot, why)
		}
		return
	}
	blocked := l.reactor.Sender().BlockedFor(s.conn.Slot)
	l.reactor.Sender().Refuse(s.conn.Slot)
	l.reactor.Sender().Cut(s.conn.Slot, why)
	l.pressure = Backpressure{Queued: queued, Frame: frame, Limit: l.hub.cfg.QueueLimit, Blocked: blocked, Budget: why == netpoll.DropBudget}
	cause := Cause{Kind: CauseBackpressure, Code: CodeTryLater, Reason: retryReason(retryAfter)}
	if why == netpoll.DropBudget {
		cause.Kind = CauseBudget
	}
	l.hub.noteRefused(s, l.pressure)
	if l.hub.cfg.OnBackpressure == nil {
		l.closeWith(s, cause)
		return
	}
	s.marks |= owesClose
	l.remove(s, cause)
	l.reactor.SetDeadline(s.conn.Slot, l.hub.cfg.CloseTimeout)
}

func (l *lane) notePressure(s *Spoke, cause Cause) {
	if l.hub.cfg.OnBackpressure != nil {
		l.note(s, itemBackpressure, &detail{cause: cause, pressure: l.pressure})
		l.note(s, itemSayClose, nil)
	}
}

// sayClose sends the close frame that waited for OnBackpressure.
func (l *lane) sayClose(s *Spoke) {
	if s.marks&owesClose == 0 || s.phase != closing {
		return
	}
	s.marks &^= owesClose
	l.queueClose(s, CodeTryLater, retryReason(retryAfter))
}

// linger waits for the peer's end once everything is sent: closing a socket with unread input would destroy the close
// frame on its way.
func (l *lane) linger(s *Spoke) {
	if s.phase != closing {
		return
	}
	s.phase = lingering
	l.reactor.ShutdownWrite(s.conn.Slot)
	if s.marks&peerEnded != 0 {
		l.end(s, netpoll.DropClosed)
	}
}

// overdue ends a closing connection whose deadline has come, unless it has not even been told.
func (l *lane) overdue(s *Spoke) {
	if s.marks&owesClose != 0 && s.phase == closing {
		l.sayClose(s)
		return
	}
	l.end(s, netpoll.DropClosed)
}

// end closes the socket.
func (l *lane) end(s *Spoke, why netpoll.Reason) {
	if s.phase == gone {
		return
	}
	l.leave(s)
	l.reactor.Close(s.conn.Slot, why)
}

// leave forgets a spoke whose slot is about to be given up.
func (l *lane) leave(s *Spoke) {
	s.phase = gone
	l.dropHead(s)
	l.leaveOver(s.conn.Slot)
	*l.spokes.At(s.conn.Slot) = nil
	l.load.Add(-1)
	l.hub.departed(s)
}

const retryAfter = 2 * time.Second

// retryReason tells a client when to come back, spread so that not all come at once.
func retryReason(around time.Duration) string {
	ms := around.Milliseconds()
	return fmt.Sprintf(`{"retry_after_ms":%d}`, ms/2+rand.Int64N(ms+1))
}
