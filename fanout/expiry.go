package fanout

import (
	"context"
	"math"
	"time"

	"github.com/spokehub/spokehub/netpoll"
)

// tenure is what a loop knows of a spoke whose identity is awaited, or who has sent tokens. Other spokes have none. It belongs to the
// loop's goroutine.
//
// I1: a spoke with an identity that expires is closed within a Tick of extra.expires, unless it is renewed.
// I2: attempts is how many __auth of the spoke wait in its inboxes. Behind them its events wait, too.
// I3: when the spoke ends, so does the context of OnAuth.
type tenure struct {
	// due is when the identity has to be there, by the reactor's time; it counts only until there is one.
	due      time.Duration
	attempts int
	// rejected is how many tokens were, of a spoke without an identity.
	rejected int
	// asks is how often OnAuth was asked lately.
	asks allowance
	// attempt is the one that OnAuth is asked about, cancel ends its context; nil if there is none.
	attempt *attempt
	cancel  context.CancelFunc
}

// never is longer than any time.
const never = time.Duration(math.MaxInt64)

// The reasons for closing a spoke with CodeUnauthorized.
const (
	reasonExpired  = `{"reason":"identity expired"}`
	reasonTimeout  = `{"reason":"no identity in time"}`
	reasonRejected = `{"reason":"too many tokens rejected"}`
)

func (l *loop) tenureOf(s *Spoke) *tenure {
	t := l.conns.tenures[s]
	if t == nil {
		t = new(tenure)
		l.conns.tenures[s] = t
	}
	return t
}

// startTenure begins to watch the identity of a spoke that has opened, or its want of one.
func (l *loop) startTenure(s *Spoke) {
	if s.marks&unidentified != 0 {
		l.tenureOf(s).due = l.reactor.Now() + l.hub.cfg.HandshakeTimeout
		l.watchDues(s)
		return
	}
	l.watchIdentity(s)
}

// watchIdentity has the spoke closed when its identity expires. Until then it is monotonic time that counts, whatever becomes of the
// wall clock.
func (l *loop) watchIdentity(s *Spoke) {
	i := s.known()
	if i == nil {
		return
	}
	x := s.extra.Load()
	if x.expires = 0; !i.Expires.IsZero() {
		x.expires = time.Since(epoch) + min(time.Until(i.Expires), never/2)
		l.watchDues(s)
	}
}

// identityLeft is how long the spoke's identity is still good, or how long it may still be without one.
func (l *loop) identityLeft(s *Spoke) time.Duration {
	if s.marks&unidentified != 0 {
		return l.tenureOf(s).due - l.reactor.Now()
	}
	x := s.extra.Load()
	if x == nil || x.expires == 0 {
		return never
	}
	return x.expires - time.Since(epoch)
}

// checkIdentity closes a spoke whose identity has expired or is overdue, and reports false then. One that had no chance to be read is
// not overdue.
func (l *loop) checkIdentity(s *Spoke) bool {
	switch {
	case l.identityLeft(s) > 0:
		return true
	case s.marks&unidentified == 0:
		l.closeUnauthenticated(s, reasonExpired)
	case l.reactor.IsHeavy():
		return true
	default:
		l.closeUnauthenticated(s, reasonTimeout)
	}
	return false
}

// closeUnauthenticated closes a spoke that has no identity any more, or none yet.
func (l *loop) closeUnauthenticated(s *Spoke, reason string) {
	l.counts.unauthenticated++
	if s.marks&unidentified != 0 {
		l.hub.log.unidentified(s, reason)
	}
	l.closeWith(s, Cause{Kind: CauseUnauthenticated, Code: CodeUnauthorized, Reason: reason})
}

// endTenure forgets the spoke, which ends, and ends the context of its OnAuth.
func (l *loop) endTenure(s *Spoke) {
	l.endAttempt(s)
	delete(l.conns.tenures, s)
}

// endAttempt ends the context of OnAuth, if there is one.
func (l *loop) endAttempt(s *Spoke) {
	if t := l.conns.tenures[s]; t != nil && t.cancel != nil {
		t.cancel()
		l.takeBackAttempt(t.attempt)
		t.attempt, t.cancel = nil, nil
	}
}

// watchDues has Expired come when the spoke's identity or its unfinished message is due, if it doesn't come before, for a ping or
// for the drain.
func (l *loop) watchDues(s *Spoke) {
	left := min(l.messageLeft(s), l.identityLeft(s))
	if left == never || s.phase != open {
		return
	}
	left = min(max(left, netpoll.Tick), maxTimeout)
	if l.hub.cfg.PingInterval > 0 || l.ending.draining {
		l.reactor.Hasten(s.conn.Slot, left)
	} else {
		l.reactor.SetDeadline(s.conn.Slot, left)
	}
}
