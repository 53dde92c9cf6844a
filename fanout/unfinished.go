package fanout

import "time"

// charge charges a spoke for the memory of its pending inbox and its unfinished message, or no longer. It follows whatever
// changes the parser. A message that has begun gets its deadline.
func (l *loop) charge(s *Spoke) {
	l.chargeInbox(s)
	held := s.parser.Held()
	if uint32(held) != s.charged {
		l.conns.memory.messages += int64(held) - int64(s.charged)
		s.charged = uint32(held)
	}
	if held == 0 {
		return
	}
	if s.parser.Age(l.reactor.Now()) == 0 {
		l.watchDues(s)
	}
	if l.conns.memory.messages > l.conns.memory.checkAt {
		l.enforceBudget()
	}
}

// messageLeft is how long the spoke's unfinished message may still take.
func (l *loop) messageLeft(s *Spoke) time.Duration {
	if s.charged == 0 || l.ending.draining {
		return never
	}
	return l.hub.cfg.MessageTimeout - s.parser.Age(l.reactor.Now())
}

// checkMessage closes a spoke whose message has been unfinished for too long, and reports false then. Time in which the hub
// did not read the spoke does not count.
func (l *loop) checkMessage(s *Spoke) bool {
	now := l.reactor.Now()
	switch {
	case s.charged == 0:
		return true
	case s.marks&hubNotReading != 0 || l.reactor.IsHeavy():
		s.parser.Restart(now)
		return true
	case s.parser.Age(now) < l.hub.cfg.MessageTimeout:
		return true
	}
	l.counts.overdue++
	l.closeWith(s, Cause{Kind: CauseViolation, Code: CodePolicy, Reason: retryReason(time.Second)})
	return false
}
