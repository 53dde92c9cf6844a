package netpoll

import "time"

// Tick is the resolution of deadlines.
const Tick = 100 * time.Millisecond

const wheelBuckets = 1024

// wheel keeps the deadlines of all connections of a reactor in one ring of buckets, a tick each. A deadline that is
// moved back costs nothing: its entry stays where it is and is parked again when its bucket comes round. It belongs to
// the reactor.
//
// I1: an entry is parked at most wheelBuckets-1 ticks ahead, and never later than its slot's due.
// I2: now only grows.
// I3: while there are entries, no bucket between now and soonest has any.
type wheel struct {
	buckets [][]uint32
	spare   []uint32
	now     uint32
	entries int
	soonest uint32
}

func newWheel() wheel { return wheel{buckets: make([][]uint32, wheelBuckets)} }

// set makes slot n due at tick due. An earlier entry that lies before due is left to find its new deadline by itself.
func (w *wheel) set(n uint32, s *slot, due uint32) {
	due = max(due, w.now+1)
	s.due = due
	if s.parked > w.now && s.parked <= due {
		return
	}
	w.park(n, s)
}

func (w *wheel) park(n uint32, s *slot) {
	s.parked = min(s.due, w.now+wheelBuckets-1)
	b := &w.buckets[s.parked%wheelBuckets]
	*b = append(*b, n)
	if w.entries == 0 || s.parked < w.soonest {
		w.soonest = s.parked
	}
	w.entries++
}

// next is the number of ticks until the first bucket that has entries, 0 if there are none.
func (w *wheel) next() uint32 {
	if w.entries == 0 {
		return 0
	}
	for w.soonest <= w.now || len(w.buckets[w.soonest%wheelBuckets]) == 0 {
		w.soonest = max(w.soonest, w.now) + 1
	}
	return w.soonest - w.now
}

// advance moves to tick now and calls expired for each slot whose deadline has come. The slot's due is 0 by then.
func (w *wheel) advance(now uint32, table *slots, expired func(n uint32)) {
	if now-w.now >= wheelBuckets {
		w.now = now - wheelBuckets
	}
	for w.now < now {
		w.now++
		bucket := w.buckets[w.now%wheelBuckets]
		if len(bucket) == 0 {
			continue
		}
		w.buckets[w.now%wheelBuckets] = w.spare[:0]
		w.entries -= len(bucket)
		for _, n := range bucket {
			if n >= table.table.Len() {
				continue
			}
			s := table.table.At(n)
			if s.flags&inUse == 0 || s.due == 0 || s.parked > w.now {
				continue
			}
			if s.due > w.now {
				w.park(n, s)
				continue
			}
			s.due = 0
			expired(n)
		}
		w.spare = bucket
		if cap(w.spare) > 4096 && len(bucket) < cap(w.spare)/4 {
			w.spare = nil
		}
	}
}
