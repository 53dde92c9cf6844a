package netpoll

import (
	"testing"
	"testing/synctest"
	"time"
)

// freeze makes it look as if the reactor had not run for a while.
func (r *Reactor) freeze(pause time.Duration) { r.turns.clock.epoch = r.turns.clock.epoch.Add(-pause) }

func TestClockI1APauseIsNotTime(t *testing.T) {
	for name, c := range map[string]struct {
		patience, away, least, most time.Duration
	}{
		"a wait as long as it was meant counts":      {time.Second, time.Second, time.Second, 1200 * time.Millisecond},
		"a wait that lasts a little longer counts":   {time.Second, 1400 * time.Millisecond, 1400 * time.Millisecond, 1500 * time.Millisecond},
		"of a pause within a wait only the wait":     {time.Second, time.Hour, 1400 * time.Millisecond, 1500 * time.Millisecond},
		"of a pause within a turn next to nothing":   {0, time.Hour, 400 * time.Millisecond, 500 * time.Millisecond},
		"a wait without deadlines may take any time": {-1, time.Hour, time.Hour, time.Hour + time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := newClock()
				k.look()
				before := k.now
				k.patience = c.patience
				k.epoch = k.epoch.Add(-c.away)
				k.look()
				if got := k.now - before; got < c.least || got > c.most {
					t.Errorf("got %v passed, want %v to %v", got, c.least, c.most)
				}
				if got := time.Duration(k.tick) * Tick; got > k.now || k.now-got >= Tick {
					t.Errorf("got tick %d at %v, want the one under way", k.tick, k.now)
				}
				before = k.now
				k.epoch = k.epoch.Add(-time.Hour)
				k.look()
				if k.now < before || k.now-before > maxGap {
					t.Errorf("got %v passed in a pause behind the wait, want at most %v", k.now-before, maxGap)
				}
			})
		})
	}
}

// TestAFrozenReactorExpiresNothingThatHadTimeLeft freezes a reactor for longer than any deadline, while it waits and while it works.
func TestAFrozenReactorExpiresNothingThatHadTimeLeft(t *testing.T) {
	for name, idle := range map[string]bool{"while it waits": true, "while it works": false} {
		t.Run(name, func(t *testing.T) {
			h := newRecorder()
			r, _ := still(t, Config{Handler: h})
			near, far := r.openSlot(), r.openSlot()
			for _, n := range []uint32{near, far} {
				r.conns.table.At(n).state |= paused
			}
			r.SetDeadline(near, Tick)
			r.SetDeadline(far, time.Minute)
			if idle && r.turn() != waitForMore {
				t.Fatal("got no wait, want one")
			}
			r.freeze(time.Hour)
			r.turn()
			if h.count("expired") != 1 || r.conns.table.At(far).deadline.due == 0 {
				t.Errorf("got %d expiries, the far one set %v, want the near one alone", h.count("expired"), r.conns.table.At(far).deadline.due != 0)
			}
			if silent := r.SilentFor(far); silent > 2*time.Second {
				t.Errorf("got a silence of %v, want the pause left out", silent)
			}
		})
	}
}

// TestAWaitIsBoundedWhileThereAreDeadlines is what keeps a pause within a wait from counting for long.
func TestAWaitIsBoundedWhileThereAreDeadlines(t *testing.T) {
	r, p := still(t, Config{Handler: newRecorder()})
	r.turn()
	if r.turns.clock.patience >= 0 {
		t.Errorf("got a patience of %v without deadlines, want no bound", r.turns.clock.patience)
	}
	n := r.openSlot()
	r.SetDeadline(n, time.Hour)
	r.turn()
	if got := p.alarms[len(p.alarms)-1]; got != maxWait || r.turns.clock.patience != time.Second {
		t.Errorf("got an alarm in %d ticks and a patience of %v, want %d and 1s", got, r.turns.clock.patience, maxWait)
	}
}
