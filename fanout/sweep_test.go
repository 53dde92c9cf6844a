package fanout

import (
	"context"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/netpoll"
)

// newSweptHub is a hub of one reactor with so many spokes.
func newSweptHub(t *testing.T, spokes int) *Hub {
	t.Helper()
	h := newHubOf(t, 1)
	for range spokes {
		here, there := net.Pipe()
		t.Cleanup(func() { here.Close() })
		if _, err := h.AddConnection(there); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

// newHubOf is a hub of so many reactors.
func newHubOf(t *testing.T, reactors int) *Hub {
	t.Helper()
	h, err := New(Config{Reactors: reactors})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = h.Shutdown(ctx)
	})
	return h
}

func TestSweepLetsOtherWorkOfTheLoopComeInBetween(t *testing.T) {
	const spokes = 8 * sweepStep
	h := newSweptHub(t, spokes)
	l, visited, posted := h.loops[0], 0, 0
	var ran []int
	h.sweep(&connectionFilter{}, func(_ *loop, s *Spoke) bool {
		if visited++; visited%sweepStep == 1 {
			posted++
			l.reactor.Post(netpoll.TaskFunc(func(*netpoll.Reactor) { ran = append(ran, visited) }))
		}
		for began := time.Now(); time.Since(began) < 2*sweepSlice/sweepStep; {
			continue
		}
		return true
	})
	l.ask(func(*netpoll.Reactor) {})
	if visited != spokes || len(ran) != posted {
		t.Fatalf("got %d spokes visited and %d of %d tasks run, want %d and all", visited, len(ran), posted, spokes)
	}
	for i, at := range ran {
		if want := (i + 1) * sweepStep; at != want {
			t.Errorf("task %d: ran behind %d spokes, want behind %d: visits of a whole slice are followed by other work", i, at, want)
		}
	}
}

// TestSweepsAtTheSameTimeLetALoopReadAndSend has several ask at once: a turn that runs what both post, and nothing else, would last as long as all of them.
func TestSweepsAtTheSameTimeLetALoopReadAndSend(t *testing.T) {
	const spokes, sweeps = 8 * sweepStep, 4
	h := newSweptHub(t, spokes)
	visiting, most := 0, 0
	var group sync.WaitGroup
	for range sweeps {
		group.Go(func() {
			visited := 0
			h.sweep(&connectionFilter{}, func(*loop, *Spoke) bool {
				if visited++; visited == 1 {
					visiting++
					most = max(most, visiting)
				}
				if visited == spokes {
					visiting--
				}
				for began := time.Now(); time.Since(began) < 2*sweepSlice/sweepStep; {
					continue
				}
				return true
			})
			if visited != spokes {
				t.Errorf("got %d spokes visited, want %d", visited, spokes)
			}
		})
	}
	group.Wait()
	if most != 1 || visiting != 0 {
		t.Errorf("got %d sweeps of a loop at a time and %d left, want one and none", most, visiting)
	}
}

// TestWhoAsksForManySpokesTakesTurns has somebody else hold the loop for slices of work: nobody who asks for many spokes comes in between.
func TestWhoAsksForManySpokesTakesTurns(t *testing.T) {
	h := newSweptHub(t, 3)
	l := h.loops[0]
	l.ask(func(*netpoll.Reactor) { l.users.Subscribe(l.spoke(0).conn.Slot, []byte("ada")) })
	for name, ask := range map[string]func(){
		"UserSpokes":     func() { h.UserSpokes("ada") },
		"DisconnectUser": func() { h.DisconnectUser("ada", CodeNormal, "") },
		"Spoke":          func() { h.Spoke(1) },
	} {
		l.shared.sweeping.Lock()
		done := make(chan struct{})
		go func() {
			defer close(done)
			ask()
		}()
		for range 100 {
			l.ask(func(*netpoll.Reactor) {})
		}
		select {
		case <-done:
			t.Errorf("%s: got an answer while another asks, want them one behind the other", name)
		default:
		}
		l.shared.sweeping.Unlock()
		<-done
	}
}

func TestSweepEndsWhenItIsToldTo(t *testing.T) {
	h := newSweptHub(t, 5)
	visited := 0
	h.sweep(&connectionFilter{}, func(*loop, *Spoke) bool {
		visited++
		return visited < 3
	})
	if visited != 3 {
		t.Errorf("got %d spokes visited, want 3", visited)
	}
}

func TestMomentIsASecondWithin194Days(t *testing.T) {
	now := time.Since(epoch)
	for _, ago := range []time.Duration{0, time.Minute, 24 * time.Hour, 193 * 24 * time.Hour} {
		got := momentOf(now - ago + 400*24*time.Hour)
		want := momentOf(now - ago + 400*24*time.Hour + (momentMask+1)*time.Second)
		if got != want {
			t.Errorf("got %v and %v, want the same a round later", got, want)
		}
	}
	came := momentOf(now)
	if got := came.time(); got.After(time.Now()) || time.Since(got) > 3*time.Second+time.Since(epoch.Add(now)) {
		t.Errorf("got %v for now, %v", got, time.Now())
	}
}

// TestLooksIntoQueuesAreFew has so many queues read at once that most are not: each takes the loop time.
func TestLooksIntoQueuesAreFew(t *testing.T) {
	h := newSweptHub(t, 1)
	l, looked := h.loops[0], 0
	const many = 1000
	l.ask(func(*netpoll.Reactor) {
		s := l.spoke(0)
		f := newFrame()
		f.seal(event.Append(f.reserveHeader(), event.Event{Type: "t"}), h.cfg.opcode, false)
		l.sender.Send(s.conn.Slot, &f.Frame)
		f.Release()
		for range many {
			w := l.lookInto(s, 0, 0)
			if w.Frames != 1 || w.Largest == 0 {
				t.Errorf("got %+v, want the frame that is queued", w)
			}
			looked += w.Looked
		}
	})
	const most = int(looksBurst / looksPause)
	if looked == 0 || looked > most {
		t.Errorf("got %d of %d queues read at once, want 1 to %d", looked, many, most)
	}
	if took := time.Duration(most) * lookTime; took > time.Millisecond {
		t.Errorf("got up to %v that they take, want a millisecond at most: the loop does nothing else meanwhile", took)
	}
}

// TestQueuesThatFillAllAtOnceAreLookedIntoInSlices is of one event that has filled the queues of all spokes.
func TestQueuesThatFillAllAtOnceAreLookedIntoInSlices(t *testing.T) {
	h := newSweptHub(t, 1)
	l := h.loops[0]
	const many = 20000
	l.ask(func(*netpoll.Reactor) {
		for range 3 {
			l.Filling(0)
		}
		if got := l.flow.slow; got.filled != (SlowCounts{}) || len(got.filling) != 1 {
			t.Errorf("got %v queues looked into at once and %d to look into, want none before the turn does, and the spoke once", got.filled, len(got.filling))
		}
		l.flow.slow.filling = slices.Repeat(l.flow.slow.filling, many)
		l.lookIntoFilling()
		if left := len(l.flow.slow.filling); left == 0 || left >= many {
			t.Errorf("got %d of %d queues left to the next turn, want some", left, many)
		}
	})
	looked := uint64(0)
	for deadline := time.Now().Add(time.Minute); looked < many && time.Now().Before(deadline); {
		l.ask(func(*netpoll.Reactor) {
			looked = 0
			for _, n := range l.flow.slow.filled.ByCause() {
				looked += n
			}
		})
	}
	l.ask(func(*netpoll.Reactor) {
		if looked != many || l.flow.slow.filling != nil {
			t.Errorf("got %d queues looked into and %d left, want all %d", looked, len(l.flow.slow.filling), many)
		}
	})
}

// TestASpokeThatEndsBeforeItsQueueIsLookedIntoIsPassedOver has the queue fill and the spoke close in the same turn.
func TestASpokeThatEndsBeforeItsQueueIsLookedIntoIsPassedOver(t *testing.T) {
	h := newSweptHub(t, 1)
	l := h.loops[0]
	l.ask(func(*netpoll.Reactor) {
		s := l.spoke(0)
		l.Filling(0)
		l.closeWith(s, Cause{Kind: CauseClosed, Code: CodeNormal})
		l.lookIntoFilling()
		if got := l.flow.slow; got.filled != (SlowCounts{}) || got.last != nil || got.filling != nil {
			t.Errorf("got %v counted, %d remembered and %d left, want none", got.filled, len(got.last), len(got.filling))
		}
	})
}

// TestAQueueThatIsNotReadIsGlancedAt has a long frame behind those that are looked at of a queue when many are slow: of what has not met a full socket, the newest.
func TestAQueueThatIsNotReadIsGlancedAt(t *testing.T) {
	h := newSweptHub(t, 1)
	l := h.loops[0]
	l.ask(func(*netpoll.Reactor) {
		s := l.spoke(0)
		send := func(payload string) {
			f := newFrame()
			f.seal(event.Append(f.reserveHeader(), event.Event{Type: "t", Payload: []byte(payload)}), h.cfg.opcode, false)
			l.sender.Send(s.conn.Slot, &f.Frame)
			f.Release()
		}
		send("1234567890123456789012345678901234567890")
		for range glanceFrames {
			send("1")
		}
		first := l.lookInto(s, 0, 0)
		for range looksBurst / looksPause {
			l.lookInto(s, 0, 0)
		}
		later := l.lookInto(s, 0, 0)
		if first.Looked != glanceFrames+1 || later.Looked != 0 || later.Largest == 0 || later.Largest >= first.Largest {
			t.Errorf("got %d and %d frames read, and %d and %d for the longest, want the long one only where the queue is read",
				first.Looked, later.Looked, first.Largest, later.Largest)
		}
	})
}
