package netpoll

import (
	"syscall"
	"testing"
	"time"
)

// agedFrame is a counted frame of so many bytes that was made long ago.
func agedFrame(size int, age time.Duration) *Frame {
	f := NewFrame(pattern(size), true)
	f.made = Moment() - age
	return f
}

// latencyOf is what the sender has counted.
func latencyOf(s *Sender) *Histogram {
	var h Histogram
	s.AddLatency(&h)
	return &h
}

// aged says how many deliveries took between least and four thirds of it: tests are slow, but not that slow.
func (h *Histogram) aged(least time.Duration) (n uint64) {
	for i, count := range h.Counts {
		if HistogramBound(i) >= least && HistogramBound(i) <= least*4/3 {
			n += count
		}
	}
	return n
}

func TestABatchCountsAsOldAsItsOldestFrame(t *testing.T) {
	s, _, slots := senderOf(1<<20, 2)
	s.Fanout(agedFrame(10, 30*time.Second), slots, nil, NoSlot)
	s.Fanout(NewFrame(pattern(10), false), slots, nil, NoSlot)
	s.Fanout(agedFrame(10, 10*time.Second), slots, nil, NoSlot)
	s.Fanout(agedFrame(10, 10*time.Second), slots[:1], nil, NoSlot)
	s.flush(time.Second)
	if h := latencyOf(s); h.aged(30*time.Second) != 5 || h.Count() != 5 {
		t.Errorf("got %d deliveries of %d that took 30 s, want 5 of 5", h.aged(30*time.Second), h.Count())
	}
	s.Fanout(agedFrame(10, 10*time.Second), slots, nil, NoSlot)
	s.flush(time.Second)
	if h := latencyOf(s); h.aged(10*time.Second) != 2 {
		t.Errorf("got %d deliveries that took 10 s, want the 2 of the next flush", h.aged(10*time.Second))
	}
}

func TestWhatWaitsBesideAFullSocketCountsWhenItLeaves(t *testing.T) {
	s, w, slots := senderOf(1<<20, 1)
	w.room[0] = 15
	s.Send(slots[0], agedFrame(10, 20*time.Second))
	s.Send(slots[0], agedFrame(10, 20*time.Second))
	s.flush(time.Second)
	if h := latencyOf(s); h.Count() != 1 {
		t.Errorf("got %d deliveries while half a frame waits, want 1", h.Count())
	}
	s.Send(slots[0], agedFrame(tailBytes, 5*time.Second))
	s.flush(time.Second)
	w.room[0] = 1 << 20
	s.hasRoom(slots[0])
	s.flush(time.Second)
	if h := latencyOf(s); h.aged(20*time.Second) != 2 || h.aged(5*time.Second) != 1 {
		t.Errorf("got %d and %d deliveries that took 20 s and 5 s, want 2 and 1", h.aged(20*time.Second), h.aged(5*time.Second))
	}
}

func TestWhatIsDroppedCountsForNoLatency(t *testing.T) {
	s, w, slots := senderOf(1<<20, 2)
	s.Fanout(agedFrame(10, 20*time.Second), slots, nil, NoSlot)
	s.Fanout(agedFrame(10, 20*time.Second), slots, nil, NoSlot)
	w.broken[0] = syscall.EPIPE
	w.room[1], w.failsBehind = 10, true
	s.flush(time.Second)
	wantLedger(t, s, Ledger{Matched: 4, Delivered: 1, Dropped: [Reasons]uint64{DropClosed: 3}})
	if h := latencyOf(s); h.Count() != 1 {
		t.Errorf("got %d deliveries counted, want 1", h.Count())
	}
}

func TestCountFromOverridesWhenFramesWereMade(t *testing.T) {
	s, _, slots := senderOf(1<<20, 1)
	s.CountFrom(Moment() - 5*time.Second)
	s.Send(slots[0], agedFrame(10, time.Hour))
	s.CountFrom(0)
	s.flush(time.Second)
	s.Send(slots[0], agedFrame(10, 20*time.Second))
	s.flush(time.Second)
	if h := latencyOf(s); h.aged(5*time.Second) != 1 || h.aged(20*time.Second) != 1 || h.Over != 0 {
		t.Errorf("got %d, %d and %d deliveries of 5 s, 20 s and an hour, want 1, 1 and 0", h.aged(5*time.Second), h.aged(20*time.Second), h.Over)
	}
}

func TestDeparturesKeepCountBetweenLooksAtTheClock(t *testing.T) {
	var d departures
	for i := range 3*sendsPerLook + 1 {
		d.add(time.Duration(1+i%3), 2)
	}
	d.add(1, 0)
	d.settle(Moment())
	if got := d.latency.Count(); got != 2*(3*sendsPerLook+1) {
		t.Errorf("got %d counted, want %d", got, 2*(3*sendsPerLook+1))
	}
}
