package netpoll

import (
	"maps"
	"math/rand/v2"
	"testing"
)

func checkWheel(t *testing.T, w *wheel, table *connTable) {
	t.Helper()
	entries := 0
	parkedAt := make(map[uint32]bool)
	for i, bucket := range w.buckets {
		entries += len(bucket)
		for _, n := range bucket {
			s := table.table.At(n).deadline
			if s.parked%wheelBuckets == uint32(i) {
				parkedAt[n] = true
			}
		}
	}
	if entries != w.entries {
		t.Fatalf("got %d entries noted, want %d", w.entries, entries)
	}
	for n := range table.table.Len() {
		s := table.table.At(n).deadline
		if !table.table.At(n).is(inUse) || s.due == 0 {
			continue
		}
		if !parkedAt[n] || s.parked > s.due || s.parked <= w.now || s.parked-w.now >= wheelBuckets {
			t.Fatalf("slot %d: got parked at %d (found %v) at %d when due at %d, want within a turn and not late", n, s.parked, parkedAt[n], w.now, s.due)
		}
	}
	if next := w.next(); next != 0 {
		for tick := w.now + 1; tick < w.now+next; tick++ {
			if len(w.buckets[tick%wheelBuckets]) > 0 {
				t.Fatalf("got the next entry in %d ticks, want %d", next, tick-w.now)
			}
		}
	}
}

// pass moves to tick now and calls expired for each deadline that comes.
func (w *wheel) pass(now uint32, table *connTable, expired func(slot uint32)) {
	w.advance(now, table)
	for !w.ripe.empty() {
		if n, ok := w.takeRipe(table); ok {
			expired(n)
		}
	}
}

// noLists names no slot.
type noLists struct{}

func (noLists) isListed(uint32) bool { return false }

func TestWheelAgreesWithAMapOfDeadlines(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 3))
	w := newWheel()
	var table connTable
	model := make(map[uint32]uint32)
	var open []uint32
	var again []uint32
	expired := func(n uint32) {
		if due, ok := model[n]; !ok || due > w.now {
			t.Fatalf("slot %d: got expired at %d, want %d (set: %v)", n, w.now, due, ok)
		}
		delete(model, n)
		if random.IntN(4) == 0 {
			again = append(again, n)
			due := w.now + 1 + random.Uint32N(50)
			w.set(n, &table.table.At(n).deadline, due)
			model[n] = due
		}
	}
	for step := range 30000 {
		switch random.IntN(8) {
		case 0:
			open = append(open, table.take())
		case 1:
			if len(open) > 0 {
				i := random.IntN(len(open))
				table.retire(open[i])
				delete(model, open[i])
				open[i] = open[len(open)-1]
				open = open[:len(open)-1]
				table.recycle(noLists{})
			}
		case 2, 3, 4:
			if len(open) > 0 {
				n := open[random.IntN(len(open))]
				due := w.now + 1 + random.Uint32N([]uint32{3, 60, 900, 5000}[random.IntN(4)])
				w.set(n, &table.table.At(n).deadline, due)
				model[n] = due
			}
		case 5:
			if len(open) > 0 {
				n := open[random.IntN(len(open))]
				table.table.At(n).deadline.due = 0
				delete(model, n)
			}
		case 6:
			w.pass(w.now+random.Uint32N(20), &table, expired)
		case 7:
			if step%50 == 0 {
				w.pass(w.now+random.Uint32N(5000), &table, expired)
			}
		}
		for n, due := range maps.All(model) {
			if due <= w.now {
				t.Fatalf("step %d: slot %d is due at %d, and it is %d, but it has not expired", step, n, due, w.now)
			}
		}
		checkWheel(t, &w, &table)
	}
	if len(again) == 0 {
		t.Error("got no deadline set from within an expiry, want some")
	}
}

func TestWheelI1EntriesArePartOfOneRound(t *testing.T) {
	w := newWheel()
	var table connTable
	n := table.take()
	w.set(n, &table.table.At(n).deadline, 100000)
	if parked := table.table.At(n).deadline.parked; parked != wheelBuckets-1 {
		t.Errorf("got a far deadline parked at %d, want %d", parked, wheelBuckets-1)
	}
	expiries := 0
	for tick := uint32(1); tick <= 100000; tick++ {
		w.pass(tick, &table, func(uint32) { expiries++ })
		if (expiries == 1) != (tick == 100000) {
			t.Fatalf("got %d expiries at tick %d, want one at 100000", expiries, tick)
		}
	}
}

func TestWheelI2NowOnlyGrowsAndNothingIsLostInALongPause(t *testing.T) {
	for _, pause := range []uint32{wheelBuckets - 1, wheelBuckets, wheelBuckets + 1, 10 * wheelBuckets} {
		w := newWheel()
		var table connTable
		want := 0
		for due := uint32(1); due <= wheelBuckets+5; due++ {
			n := table.take()
			w.set(n, &table.table.At(n).deadline, due)
			if due <= pause {
				want++
			}
		}
		got := 0
		w.pass(pause, &table, func(uint32) { got++ })
		if got != want || w.now != pause {
			t.Errorf("got %d expiries at tick %d after a pause, want %d at %d", got, w.now, want, pause)
		}
	}
}

func TestWheelI3NextIsTheFirstBucketWithEntries(t *testing.T) {
	w := newWheel()
	var table connTable
	if got := w.next(); got != 0 {
		t.Errorf("got next %d of an empty wheel, want 0", got)
	}
	a, b := table.take(), table.take()
	w.set(a, &table.table.At(a).deadline, 700)
	w.set(b, &table.table.At(b).deadline, 30)
	if got := w.next(); got != 30 {
		t.Errorf("got next %d, want 30", got)
	}
	w.pass(30, &table, func(uint32) {})
	if got := w.next(); got != 670 {
		t.Errorf("got next %d, want 670", got)
	}
}

func TestWheelMovingADeadlineBackCostsNoEntry(t *testing.T) {
	w := newWheel()
	var table connTable
	n := table.take()
	for due := uint32(10); due < 500; due++ {
		w.set(n, &table.table.At(n).deadline, due)
	}
	if w.entries != 1 {
		t.Errorf("got %d entries of one slot, want 1", w.entries)
	}
}

func TestWheelI4ARipeDeadlineThatIsMovedOrEndedDoesNotCome(t *testing.T) {
	w := newWheel()
	var table connTable
	moved, ended, cleared, due := table.take(), table.take(), table.take(), table.take()
	for _, n := range []uint32{moved, ended, cleared, due} {
		w.set(n, &table.table.At(n).deadline, 5)
	}
	w.advance(5, &table)
	w.set(moved, &table.table.At(moved).deadline, 9)
	table.retire(ended)
	table.table.At(cleared).deadline.due = 0
	var came []uint32
	w.pass(5, &table, func(n uint32) { came = append(came, n) })
	if len(came) != 1 || came[0] != due {
		t.Errorf("got the deadlines of %d, want of %d alone", came, due)
	}
	w.pass(9, &table, func(n uint32) { came = append(came, n) })
	if len(came) != 2 || came[1] != moved {
		t.Errorf("got the deadlines of %d, want of %d in its time", came, moved)
	}
}

// TestDeadlinesThatComeTogetherGoInSlices lets slices end after every look at the clock.
func TestDeadlinesThatComeTogetherGoInSlices(t *testing.T) {
	const count = 500
	h := newRecorder()
	r, _ := still(t, Config{Handler: h, Slice: 1})
	for _, n := range slotsOf(r, count) {
		r.conns.table.At(n).state |= paused
		r.SetDeadline(n, Tick)
	}
	r.freeze(2 * Tick)
	if verdict := r.turn(); verdict != lookAgain || h.count("expired") == 0 || h.count("expired") > count/10 {
		t.Errorf("got verdict %d with %d of %d expired in a turn, want some and to look again", verdict, h.count("expired"), count)
	}
	for r.turn() == lookAgain {
		continue
	}
	if got := h.count("expired"); got != count {
		t.Errorf("got %d expired, want %d", got, count)
	}
}
