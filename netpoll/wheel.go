package netpoll

// wheel keeps the deadlines of all connections of a reactor in one ring of buckets, a tick each. A deadline that is
// moved back costs nothing: its entry stays where it is and is parked again when its bucket comes round. It belongs to
// the reactor.
//
// A deadline that has come is ripe until Reactor.expireDue takes it: that works in slices of time, and comes behind reading.
//
// I1: an entry is parked at most wheelBuckets-1 ticks ahead, and never later than its deadline is due.
// I2: now only grows.
// I3: while there are entries, no bucket between now and soonest has any.
// I4: a ripe deadline that is moved on, or whose connection ends, does not come.
type wheel struct {
	now     uint32
	buckets [][]uint32
	// spare is the bucket emptied last, to be used again.
	spare   []uint32
	entries int
	soonest uint32
	// ripe are the slots whose deadline has come.
	ripe sendList
}

const (
	wheelBuckets = 1024
	// largeBucket is the room above which an emptied bucket is not kept if most of it was unused.
	largeBucket = 4096
)

func newWheel() wheel { return wheel{buckets: make([][]uint32, wheelBuckets)} }

// set makes slot n due at tick due. An earlier entry that lies before due is left to find its new deadline by itself.
func (w *wheel) set(n uint32, d *deadline, due uint32) {
	due = max(due, w.now+1)
	d.due = due
	if d.parked > w.now && d.parked <= due {
		return
	}
	w.park(n, d)
}

func (w *wheel) park(n uint32, d *deadline) {
	d.parked = min(d.due, w.now+wheelBuckets-1)
	b := &w.buckets[d.parked%wheelBuckets]
	*b = append(*b, n)
	if w.entries == 0 || d.parked < w.soonest {
		w.soonest = d.parked
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

// advance moves to tick now. The deadlines that have come are ripe then.
func (w *wheel) advance(now uint32, conns *connTable) {
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
			if n >= conns.table.Len() {
				continue
			}
			s := conns.table.At(n)
			d := &s.deadline
			if !s.is(inUse) || d.due == 0 || d.parked > w.now {
				continue
			}
			if d.due > w.now {
				w.park(n, d)
				continue
			}
			w.ripe.push(n)
		}
		w.spare = bucket
		if cap(w.spare) > largeBucket && len(bucket) < cap(w.spare)/4 {
			w.spare = nil
		}
	}
}

// takeRipe takes the next of the ripe deadlines, of which there must be one. It says false where that deadline holds no longer;
// else its due is 0 from now on.
func (w *wheel) takeRipe(conns *connTable) (n uint32, ok bool) {
	n = w.ripe.pop()
	if n >= conns.table.Len() {
		return n, false
	}
	s := conns.table.At(n)
	if !s.is(inUse) || s.deadline.due == 0 || s.deadline.due > w.now {
		return n, false
	}
	s.deadline.due = 0
	return n, true
}
