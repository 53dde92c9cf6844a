package fanout

import (
	"time"

	"github.com/spokehub/spokehub/event"
)

// allowance is a leaky bucket in one word (the generic cell rate algorithm, ITU-T I.371): the time at which it will be empty,
// in nanoseconds of a monotonic clock that began at 0. It needs no timer, leaks however long it is left alone, and is exact to
// the nanosecond. Its zero value is empty.
type allowance int64

// spend adds what takes cost to leak out, and reports whether that fits into a bucket that takes burst to empty. If not, it adds
// nothing.
func (a *allowance) spend(cost, burst, now time.Duration) bool {
	empty := max(time.Duration(*a), now) + cost
	if empty-now > burst {
		return false
	}
	*a = allowance(empty)
	return true
}

// rateLimit is how much of something a spoke may send. The zero value means no limit. It never changes.
type rateLimit struct {
	perSecond int
	// burst is how long it takes to leak as much as may come at once.
	burst time.Duration
}

// newRateLimit allows a burst of one second's worth, and at least one of least, so that what is legal by itself is never over.
func newRateLimit(perSecond, least int) rateLimit {
	if perSecond <= 0 {
		return rateLimit{}
	}
	r := rateLimit{perSecond: perSecond}
	r.burst = max(time.Second, r.cost(least))
	return r
}

// cost is how long it takes to leak amount.
func (r *rateLimit) cost(amount int) time.Duration {
	return time.Duration(int64(amount) * int64(time.Second) / int64(r.perSecond))
}

// rateLimits are the limits of every spoke. They never change.
//
// I1: bytes are every byte of an open connection, frames all frames but those of control events, controls the topics that control
// events name, or one for a control event that names none.
type rateLimits struct {
	bytes    rateLimit
	frames   rateLimit
	controls rateLimit
}

// messageOverhead is what the headers of one message of the greatest length may add to its bytes, where it is not cut into very small
// fragments.
const messageOverhead = 1 << 10

func newRateLimits(cfg *Config) rateLimits {
	return rateLimits{
		bytes:    newRateLimit(cfg.MaxBytesPerSecond, cfg.MaxMessage+messageOverhead),
		frames:   newRateLimit(cfg.MaxEventsPerSecond, 1),
		controls: newRateLimit(cfg.MaxControlsPerSecond, cfg.MaxTopics),
	}
}

func (r *rateLimits) any() bool { return *r != rateLimits{} }

// rates are what a spoke has sent lately. They belong to the spoke's loop.
type rates struct {
	bytes    allowance
	frames   allowance
	controls allowance
	// lists are the users of whom the spoke was sent lists.
	lists allowance
	// resumes is how many topics of streams it has resumed.
	resumes uint32
}

// startRates begins to count for a spoke that has opened, if there are limits.
func (l *loop) startRates(s *Spoke) {
	if l.hub.cfg.rated {
		l.conns.rates.Extend(s.conn.Slot + 1)
		*l.conns.rates.At(s.conn.Slot) = rates{}
	}
}

// withinBytes accounts for bytes as they arrive, before they are looked at. Like its kin it closes a spoke that is over the limit,
// and then reports false.
func (l *loop) withinBytes(s *Spoke, n int) bool {
	if !l.hub.cfg.rated {
		return true
	}
	return l.spend(s, &l.conns.rates.At(s.conn.Slot).bytes, &l.hub.cfg.rates.Load().bytes, n)
}

// withinFrames accounts for frames that are not those of control events.
func (l *loop) withinFrames(s *Spoke, n int) bool {
	if !l.hub.cfg.rated || n == 0 {
		return true
	}
	return l.spend(s, &l.conns.rates.At(s.conn.Slot).frames, &l.hub.cfg.rates.Load().frames, n)
}

// withinControls accounts for the control event in view by the topics that it names, as far as those are carried out: one that
// names too many is refused whole and counts as MaxTopics. p learns that they have been counted.
func (l *loop) withinControls(s *Spoke, kind event.Kind, p *progress) bool {
	limits, maxTopics := l.hub.cfg.rates.Load(), l.hub.maxTopics()
	if limits.controls.perSecond == 0 {
		return true
	}
	named := 0
	if kind != event.UnknownControl && kind != event.Auth {
		named, _ = l.scratch.view.CountTopics(maxTopics)
		p.begun = named > 0 && named <= maxTopics
	}
	return l.spend(s, &l.conns.rates.At(s.conn.Slot).controls, &limits.controls, min(max(named, 1), maxTopics))
}

// withinLists accounts for a list of users that a spoke asks for, and reports false if it has asked for too many. That closes nobody: a
// client can't know how long a list will be.
func (l *loop) withinLists(s *Spoke, users int) bool {
	limits := l.hub.cfg.rates.Load()
	if !l.hub.cfg.rated || limits.controls.perSecond == 0 {
		return true
	}
	cost := min(users/usersPerTopic, l.hub.maxTopics())
	return l.conns.rates.At(s.conn.Slot).lists.spend(limits.controls.cost(cost), limits.controls.burst, l.reactor.Now())
}

func (l *loop) spend(s *Spoke, a *allowance, limit *rateLimit, amount int) bool {
	now := l.reactor.Now()
	if limit.perSecond == 0 || a.spend(limit.cost(amount), limit.burst, now) ||
		a.spend(limit.cost(amount), limit.burst+l.gapBefore(s, now), now) {
		return true
	}
	l.counts.overRate++
	l.closeWith(s, Cause{Kind: CauseViolation, Code: CodePolicy, Reason: retryReason(time.Second)})
	return false
}
