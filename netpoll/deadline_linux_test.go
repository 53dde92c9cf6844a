package netpoll

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

// TestReactorI5ADeadlineComesBehindALastRead is about bytes that the poller has not reported.
func TestReactorI5ADeadlineComesBehindALastRead(t *testing.T) {
	for name, c := range map[string]struct {
		sent, again bool
		want        []string
	}{
		"and comes where nothing had come":                {false, false, []string{"expired"}},
		"and comes where that sets no other":              {true, false, []string{"input", "expired"}},
		"and is void where what was read has set another": {true, true, []string{"input"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := sendersOf(t, Config{}, 1, 0)
				var got []string
				h := s.r.cfg.Handler.(*recorder)
				h.onInput = func(n uint32, _ []byte) {
					got = append(got, "input")
					if c.again {
						s.r.SetDeadline(n, time.Minute)
					}
				}
				h.onExpired = func(uint32) { got = append(got, "expired") }
				s.r.SetDeadline(s.slots[0], Tick)
				s.r.turn()
				if c.sent {
					s.send(0, 5)
				}
				s.r.freeze(time.Second)
				s.r.turn()
				if fmt.Sprint(got) != fmt.Sprint(c.want) {
					t.Errorf("got %v, want %v", got, c.want)
				}
			})
		})
	}
}

// TestReactorI5ADeadlineComesBehindALastWrite is about room in a full socket that the poller has not reported.
func TestReactorI5ADeadlineComesBehindALastWrite(t *testing.T) {
	for name, read := range map[string]bool{"and finds room where the peer has read": true, "and finds none where it has not": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := sendersOf(t, Config{Collect: -1}, 1, 0)
				n := s.slots[0]
				var silent []time.Duration
				s.r.cfg.Handler.(*recorder).onExpired = func(n uint32) { silent = append(silent, s.r.SilentFor(n)) }
				s.r.sender.Send(n, NewFrame(pattern(900<<10), true))
				s.r.SetDeadline(n, 3*Tick)
				s.r.turn()
				if !s.r.conns.table.At(n).is(awaitsRoom) {
					t.Fatal("got no full socket, want one")
				}
				if read {
					_, _ = unix.Read(s.peers[0], make([]byte, 400<<10))
				}
				s.r.freeze(4 * Tick)
				s.r.turn()
				if len(silent) != 1 || (silent[0] == 0) != read {
					t.Errorf("got silent for %v at the deadline, want one deadline and room found %v", silent, read)
				}
			})
		})
	}
}

func TestADeadlineThatComesWhileNothingMayBeReadSaysSo(t *testing.T) {
	s := sendersOf(t, Config{QueueLimit: 4096}, 1, 0)
	n := s.slots[0]
	var heavy []bool
	s.r.cfg.Handler.(*recorder).onExpired = func(uint32) { heavy = append(heavy, s.r.IsHeavy()) }
	for _, pending := range []int{2000, 1} {
		s.send(0, 5)
		s.r.SetDeadline(n, Tick)
		s.r.sender.Send(n, NewFrame(pattern(pending), true))
		s.r.freeze(2 * Tick)
		for s.r.turn() == lookAgain {
			continue
		}
	}
	if len(heavy) != 2 || !heavy[0] || heavy[1] {
		t.Errorf("got heavy %v at two deadlines, want it at the first alone", heavy)
	}
	if s.reads[n] != 1 {
		t.Errorf("got %d reads, want one ahead of the second deadline", s.reads[n])
	}
}

func TestHastenMakesADeadlineComeEarlierAndNeverLater(t *testing.T) {
	for name, c := range map[string]struct {
		set, hasten time.Duration
		want        uint32
	}{
		"one that is later comes earlier": {time.Minute, time.Second, 10},
		"one that is earlier stays":       {time.Second, time.Minute, 10},
		"at once is the next tick":        {time.Minute, -time.Second, 1},
		"where there is none none comes":  {0, time.Second, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r, _ := still(t, Config{Handler: newRecorder()})
			n := r.openSlot()
			r.SetDeadline(n, c.set)
			r.Hasten(n, c.hasten)
			if got := r.conns.table.At(n).deadline.due; got != c.want || r.wheel.next() != c.want {
				t.Errorf("got a deadline at tick %d and the next bucket in %d, want both at %d", got, r.wheel.next(), c.want)
			}
		})
	}
}

func TestTimeLeftFollowsTheDeadline(t *testing.T) {
	s := sendersOf(t, Config{}, 1, 0)
	n := s.slots[0]
	for what, c := range map[string]struct {
		deadline, want time.Duration
	}{
		"no deadline":            {0, 0},
		"one, rounded to a Tick": {3*Tick - 1, 3 * Tick},
		"one of a whole minute":  {time.Minute, time.Minute},
		"none any more":          {-1, 0},
	} {
		s.r.SetDeadline(n, c.deadline)
		if got := s.r.TimeLeft(n); got != c.want {
			t.Errorf("%s: got %v, want %v", what, got, c.want)
		}
	}
	s.r.SetDeadline(n, 10*Tick)
	s.r.freeze(4 * Tick)
	s.r.turn()
	if got := s.r.TimeLeft(n); got > 10*Tick-4*Tick+Tick || got < Tick {
		t.Errorf("got %v left of %v after %v", got, 10*Tick, 4*Tick)
	}
}
