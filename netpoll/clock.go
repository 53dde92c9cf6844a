package netpoll

import "time"

// clock is a reactor's time. It is monotonic, it is looked at once a turn, and it leaves out the time in which the reactor
// did not run because the process was stopped, the machine slept or pages came in: a pause of ours is nobody's silence. All
// deadlines hang on it. It belongs to the reactor.
//
// I1: from one look to the next, now grows by at most patience and maxGap, and never shrinks.
type clock struct {
	// epoch is the reactor's start, moved on by every pause.
	epoch time.Time
	// now is the time since epoch, and tick the same in ticks, as of the last look.
	now  time.Duration
	tick uint32
	// patience is how long the reactor may have waited since the last look; negative: for ever.
	patience time.Duration
	// skipped is how much the pauses took that now leaves out.
	skipped time.Duration
	busy    busyMeter
}

const (
	// maxGap is how much longer than it meant to wait a reactor may be away before that counts as a pause.
	maxGap = 500 * time.Millisecond
	// maxWait bounds a wait in ticks while there are deadlines, so that of a pause within it hardly anything counts.
	maxWait = uint32(time.Second / Tick)
)

func newClock() clock { return clock{epoch: time.Now()} }

// look brings now up to date. It says whether another tick has begun.
func (c *clock) look() bool {
	now := c.elapsed()
	if excess := now - c.now - c.patience - maxGap; excess > 0 && c.patience >= 0 {
		c.epoch = c.epoch.Add(excess)
		c.skipped += excess
		now -= excess
	}
	c.now = now
	c.patience = 0
	before := c.tick
	c.tick = uint32(now / Tick)
	return c.tick != before
}

// elapsed is the time since epoch at this moment.
func (c *clock) elapsed() time.Duration { return time.Since(c.epoch) }

// endTurn ends a turn behind which the reactor waits. Where the last that it did was to flush, it needs no look: flushed is the moment at which that ended,
// 0 for none.
func (c *clock) endTurn(flushed time.Duration) {
	if flushed == 0 {
		c.busy.wait(c.elapsed())
		return
	}
	c.busy.wait(flushed - c.epoch.Sub(processStart))
}

// Now is the time since the reactor's start, monotonic, as of the beginning of this turn, less the time in which the reactor
// did not run. It costs no look at a clock.
func (r *Reactor) Now() time.Duration {
	r.owner.assert()
	return r.turns.clock.now
}

// Skipped is how much time Now has left out since the reactor's start, because the reactor did not run.
func (r *Reactor) Skipped() time.Duration {
	r.owner.assert()
	return r.turns.clock.skipped
}

// now is the same in ticks.
func (r *Reactor) now() uint32 { return r.turns.clock.tick }
