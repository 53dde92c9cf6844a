package netpoll

import (
	"testing"
	"time"
)

func TestBusyMeterLeavesWaitsOut(t *testing.T) {
	var m busyMeter
	m.turn(time.Second)
	m.wait(time.Second + 3*time.Millisecond)
	m.turn(5 * time.Second)
	m.turn(5*time.Second + 7*time.Millisecond)
	m.turn(5*time.Second + 9*time.Millisecond)
	var c Counters
	m.addTo(&c, 5*time.Second+10*time.Millisecond)
	if c.Busy != 13*time.Millisecond || c.LongestTurn != 7*time.Millisecond {
		t.Errorf("got %v busy and a turn of %v, want 13ms and 7ms", c.Busy, c.LongestTurn)
	}
	m.wait(5*time.Second + 29*time.Millisecond)
	m.addTo(&c, time.Hour)
	if c.Busy != 32*time.Millisecond || c.LongestTurn != 20*time.Millisecond {
		t.Errorf("got %v busy and a turn of %v, want 32ms and 20ms", c.Busy, c.LongestTurn)
	}
}

func TestBusyMeterForgetsALongTurn(t *testing.T) {
	var m busyMeter
	longest := func() time.Duration {
		var c Counters
		m.addTo(&c, 0)
		return c.LongestTurn
	}
	turn := func(at, took time.Duration) {
		m.turn(at)
		m.wait(at + took)
	}
	turn(time.Second, time.Second)
	turn(busyWindow+time.Second, time.Millisecond)
	if got := longest(); got != time.Second {
		t.Errorf("got %v in the next window, want 1s", got)
	}
	turn(2*busyWindow+time.Second, 2*time.Millisecond)
	if got := longest(); got != 2*time.Millisecond {
		t.Errorf("got %v in the one behind that, want 2ms", got)
	}
	turn(time.Hour, time.Microsecond)
	if got := longest(); got != time.Microsecond {
		t.Errorf("got %v after a pause, want 1us", got)
	}
}

func TestGlanceIsCountWithoutWhatIsQueued(t *testing.T) {
	s, w, slots := senderOf(1<<20, 3)
	clear(w.room)
	s.Fanout(NewFrame(pattern(100), true), slots, nil, NoSlot)
	s.flush(time.Second)
	s.Fanout(NewFrame(pattern(100), true), slots[:1], nil, NoSlot)
	var got, all Counters
	s.addTo(&got)
	s.addTo(&all)
	s.addQueued(&all)
	if got.Blocked != 3 || got.Queued != 0 || all.Queued != 4 || all.Matched != 4 {
		t.Errorf("got %d blocked, %d and %d queued of %d, want 3, 0 and 4 of 4", got.Blocked, got.Queued, all.Queued, all.Matched)
	}
}

func TestEndOfATurnIsTheSameByAFlushAsByALook(t *testing.T) {
	c := newClock()
	c.look()
	c.busy.turn(c.now)
	before := c.elapsed()
	flushed := Moment()
	after := c.elapsed()
	c.endTurn(flushed)
	if got := c.busy.worked + c.busy.began; got < before || got > after {
		t.Errorf("got a turn that ended at %v, want it between %v and %v", got, before, after)
	}
}
