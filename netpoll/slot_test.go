package netpoll

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestSlotI1AGenerationNeverComesTwice(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 5))
	var table connTable
	seen := make(map[Conn]bool)
	var open []uint32
	take := func() {
		n := table.take()
		name := Conn{Slot: n, Gen: table.table.At(n).gen}
		if seen[name] {
			t.Fatalf("got the name %+v a second time", name)
		}
		seen[name] = true
		open = append(open, n)
	}
	for range 20 {
		for range 5000 {
			if random.IntN(3) > 0 {
				take()
			} else if len(open) > 0 {
				i := random.IntN(len(open))
				table.retire(open[i])
				open[i] = open[len(open)-1]
				open = open[:len(open)-1]
			}
			if random.IntN(10) == 0 {
				table.recycle(noLists{})
			}
		}
		for _, n := range open {
			table.retire(n)
		}
		open = nil
		table.recycle(noLists{})
	}
	if table.table.Len() > 4096 {
		t.Errorf("got a table of %d when all slots are free, want it given back", table.table.Len())
	}
	if table.used != 0 {
		t.Errorf("got %d slots in use, want none", table.used)
	}
}

func TestSlotIsNotReusedWhileAListNamesIt(t *testing.T) {
	r, _ := still(t, Config{Handler: newRecorder()})
	n := r.openSlot()
	r.sender.Send(n, NewFrame([]byte("x"), true))
	r.Close(n, DropClosed)
	r.conns.retired.fds = nil
	r.closeRetired()
	if other := r.openSlot(); other == n {
		t.Fatal("got a slot that a list still names, want another")
	}
	r.sender.flush(time.Second)
	r.closeRetired()
	if other := r.openSlot(); other != n {
		t.Errorf("got slot %d once no list names %d, want it", other, n)
	}
	if c := r.Count(); c.Matched != 1 || c.Dropped[DropClosed] != 1 {
		t.Errorf("got %d matched and %d dropped, want 1 and 1", c.Matched, c.Dropped[DropClosed])
	}
}

func TestDeadlineAStaleWheelEntryIsIgnored(t *testing.T) {
	w := newWheel()
	var table connTable
	n := table.take()
	w.set(n, &table.table.At(n).deadline, 10)
	table.retire(n)
	table.recycle(noLists{})
	if again := table.take(); again != n {
		t.Fatalf("got slot %d, want %d again", again, n)
	}
	w.set(n, &table.table.At(n).deadline, 20)
	var at []uint32
	for tick := uint32(1); tick <= 30; tick++ {
		w.pass(tick, &table, func(uint32) { at = append(at, tick) })
	}
	if len(at) != 1 || at[0] != 20 {
		t.Errorf("got expiries at %v, want one at 20", at)
	}
}

func TestSendListIsAQueue(t *testing.T) {
	random := rand.New(rand.NewPCG(6, 6))
	var o sendList
	var model []uint32
	for i := range uint32(60000) {
		if random.IntN(100) < 52 {
			o.push(i)
			model = append(model, i)
		} else if !o.empty() {
			if got := o.pop(); got != model[0] {
				t.Fatalf("got %d, want %d", got, model[0])
			}
			model = model[1:]
		}
		if o.empty() != (len(model) == 0) {
			t.Fatalf("got empty %v with %d in the model", o.empty(), len(model))
		}
	}
	for !o.empty() {
		o.pop()
	}
	o.trim()
	if cap(o.slots) > 4096 {
		t.Errorf("got room for %d in an idle list, want it given back", cap(o.slots))
	}
}

func TestSlotThatIsKeptIsNotReusedBeforeItIsFree(t *testing.T) {
	random := rand.New(rand.NewPCG(8, 8))
	var table connTable
	open, ended := make(map[uint32]bool), make(map[uint32]bool)
	for range 20000 {
		switch random.IntN(4) {
		case 0, 1:
			n := table.take()
			if open[n] || ended[n] {
				t.Fatalf("got slot %d, which is open (%v) or kept (%v)", n, open[n], ended[n])
			}
			open[n] = true
			if random.IntN(2) == 0 {
				table.table.At(n).state |= kept
			}
		case 2:
			for n := range open {
				delete(open, n)
				ended[n] = table.table.At(n).is(kept)
				if !ended[n] {
					delete(ended, n)
				}
				table.retire(n)
				break
			}
		case 3:
			for n := range ended {
				delete(ended, n)
				table.free(n)
				break
			}
			for n := range open {
				table.free(n)
				break
			}
		}
		table.recycle(noLists{})
		if got := table.retired.kept; got != len(ended) {
			t.Fatalf("got %d slots kept, want %d", got, len(ended))
		}
	}
	if got, limit := table.table.Len(), uint32(len(open)+len(ended)+5000); got > limit {
		t.Errorf("got a table of %d slots, want at most about %d: free ones are used again", got, limit)
	}
}

func TestSlotThatIsKeptHoldsTheTable(t *testing.T) {
	var table connTable
	for range largeTable + 1 {
		table.take()
	}
	table.table.At(7).state |= kept
	for n := range table.table.Len() {
		table.retire(n)
	}
	table.recycle(noLists{})
	if table.isLargeAndEmpty() {
		t.Fatal("got the table ready to be dropped while a slot is kept, want it to stay")
	}
	table.free(7)
	table.recycle(noLists{})
	if !table.isLargeAndEmpty() {
		t.Error("got the table held when nothing is kept, want it ready to be dropped")
	}
}

func TestManyEndsAtOnceAreClosedOverSeveralTurns(t *testing.T) {
	r, _ := still(t, Config{Handler: newRecorder()})
	const many = 3*maxCloses + 1
	for range many {
		n := r.openSlot()
		r.Close(n, DropClosed)
	}
	for turn := 1; len(r.conns.retired.fds) > 0; turn++ {
		before := len(r.conns.retired.fds)
		r.turns.again = false
		r.closeRetired()
		left := len(r.conns.retired.fds)
		if closed := before - left; closed != min(before, maxCloses) || r.turns.again != (left > 0) {
			t.Fatalf("turn %d: got %d of %d closed and another turn %v, want %d at most", turn, closed, before, r.turns.again, maxCloses)
		}
	}
}
