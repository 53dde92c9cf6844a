package netpoll

import "time"

// busyMeter measures how long a reactor works between its waits, and its longest turn. A turn begins with a look at the clock, which ends the one
// before if that did not wait; only a turn that ends in a wait looks once more. It belongs to the reactor.
//
// I1: worked leaves out waits, and what clock leaves out.
type busyMeter struct {
	// worked is the time between waits, up to the last wait.
	worked time.Duration
	// isWorking: no wait has begun since began and turned. began is when the last wait ended, turned when the last turn began.
	isWorking     bool
	began, turned time.Duration
	// longest is the longest turn of the window that began at window, recent that of the one before.
	longest, recent, window time.Duration
}

// busyWindow is how long a turn is remembered, at least; twice that at most, while turns come.
const busyWindow = 10 * time.Second

// turn begins a turn.
func (m *busyMeter) turn(now time.Duration) {
	if m.isWorking {
		m.longest = max(m.longest, now-m.turned)
	} else {
		m.isWorking, m.began = true, now
	}
	m.turned = now
	if passed := now - m.window; passed >= busyWindow {
		m.recent, m.longest, m.window = m.longest, 0, now
		if passed >= 2*busyWindow {
			m.recent = 0
		}
	}
}

// wait ends a turn behind which the reactor waits.
func (m *busyMeter) wait(now time.Duration) {
	m.longest = max(m.longest, now-m.turned)
	m.worked += now - m.began
	m.isWorking = false
}

// addTo adds what the reactor tells of it, at a moment of its clock.
func (m *busyMeter) addTo(c *Counters, now time.Duration) {
	c.Up, c.Busy = now, m.worked
	if m.isWorking {
		c.Busy += now - m.began
	}
	c.LongestTurn = max(m.longest, m.recent)
}
