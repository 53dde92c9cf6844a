package fanout

import "testing"

func TestAShortRequestHoldsLittleBehindALongOne(t *testing.T) {
	r := requests{bySlot: make(map[uint32][]byte)}
	for range 100 {
		r.storeFirst(1, make([]byte, 12<<10))
		r.with(1, make([]byte, 8<<10))
		r.storeFirst(2, make([]byte, 100))
		if got := r.heldBy(1) + r.heldBy(2); got != 20<<10+100 {
			t.Errorf("got %d bytes stored, want all", got)
		}
		r.discard(1)
		if r.held != 1024 {
			t.Fatalf("got %d bytes held for 100, want 1024", r.held)
		}
		r.discard(2)
		r.discard(2)
		if r.held != 0 || r.begun(1) || r.begun(2) {
			t.Fatalf("got %d bytes held in the end, want none", r.held)
		}
	}
}
