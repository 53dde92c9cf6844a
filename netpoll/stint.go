package netpoll

import "time"

// stint measures the work of one kind that a turn does, such as reading what is ready, against Config.Slice. It looks at the
// clock only after a fair amount of work, so a turn with little to do costs no look. It belongs to the reactor.
type stint struct {
	began time.Duration
	// work is what was done since the last look: about the number of nanoseconds that it costs at the least.
	work int
	// over: the slice has passed.
	over bool
}

const (
	// workPerLook is how much work is done between two looks at the clock.
	workPerLook = 8 << 10
	// callWork is the work of one system call, memberWork that of queueing a frame for one member. A byte of input is one.
	callWork   = 512
	memberWork = 4
)

// begin begins a stint at a moment of the reactor's clock.
func (t *stint) begin(now time.Duration) { *t = stint{began: now} }

// Charge counts work against the time in which this turn reads: the handler calls it for what a small input has set off,
// such as the end of a message that came in many pieces. A byte of JSON is about one.
func (r *Reactor) Charge(work int) {
	r.owner.assert()
	r.spend(work)
}

func (r *Reactor) spend(work int) {
	r.turns.stint.work += work
	if r.turns.stint.work >= workPerLook {
		r.measure()
	}
}

// measure looks at the clock.
func (r *Reactor) measure() {
	r.turns.stint.work = 0
	r.turns.stint.over = r.turns.clock.elapsed()-r.turns.stint.began >= r.cfg.Slice
}
