package fanout

import (
	"time"

	"github.com/spokehub/spokehub/event"
)

// allowance is a token bucket in one word (the generic cell rate algorithm, ITU-T I.371): the time at which it will be
// full again. A burst of one second's worth is allowed.
type allowance int64

// spend deducts amount and reports whether there was enough. There is no limit if perSecond is not positive.
func (a *allowance) spend(perSecond, amount int, now int64) bool {
	if perSecond <= 0 {
		return true
	}
	full := max(int64(*a), now) + int64(amount)*int64(time.Second)/int64(perSecond)
	if full-now > max(int64(time.Second), int64(amount)*int64(time.Second)/int64(perSecond)) {
		return false
	}
	*a = allowance(full)
	return true
}

// rateLimits are what a spoke may send in a second; 0 means no limit. They never change.
type rateLimits struct {
	events   int
	bytes    int
	controls int
}

func (r *rateLimits) any() bool { return r.events > 0 || r.bytes > 0 || r.controls > 0 }

// rates is what a spoke may still send. It belongs to the spoke's loop.
type rates struct {
	events   allowance
	bytes    allowance
	controls allowance
}

// spend accounts for one message and reports whether it was within the limits.
func (r *rates) spend(limits *rateLimits, kind event.Kind, size int, at time.Time) bool {
	now := at.UnixNano()
	if !r.bytes.spend(limits.bytes, size, now) {
		return false
	}
	if kind == event.None {
		return r.events.spend(limits.events, 1, now)
	}
	return r.controls.spend(limits.controls, 1, now)
}
