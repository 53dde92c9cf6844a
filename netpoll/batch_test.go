package netpoll

import "testing"

// batchOf makes a batch of frames of these lengths; a negative one is not counted.
func batchOf(pool *batchPool, lengths ...int) *batch {
	size := 0
	for _, n := range lengths {
		size += max(n, -n)
	}
	b := pool.get(size, len(lengths))
	end := 0
	for i, n := range lengths {
		end += max(n, -n)
		b.ends[i] = endOf(end, n > 0)
	}
	for i := range b.bytes {
		b.bytes[i] = byte(i)
	}
	return b
}

func TestBatchI1BytesStayWhileHeld(t *testing.T) {
	var pool batchPool
	b := batchOf(&pool, 4)
	b.refs++
	pool.release(b)
	if other := pool.get(4, 1); &other.bytes[0] == &b.bytes[0] {
		t.Error("got the bytes of a batch that is still held, want others")
	}
	pool.release(b)
	if other := pool.get(4, 1); other != b {
		t.Error("got a new batch, want the one that was given back")
	}
}

func TestBatchI2EndsTellFramesAndWhetherTheyCount(t *testing.T) {
	var pool batchPool
	b := batchOf(&pool, 3, -2, 5)
	for name, c := range map[string]struct {
		offset, counted, start, end int
		counts, cut                 bool
	}{
		"at the start":               {0, 2, 0, 3, true, false},
		"inside the first":           {2, 2, 0, 3, true, true},
		"behind the first":           {3, 1, 3, 5, false, false},
		"inside the uncounted":       {4, 1, 3, 5, false, true},
		"inside the last":            {9, 1, 5, 10, true, true},
		"behind the last, no frames": {10, 0, 0, 0, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := b.countedFrom(c.offset); got != c.counted {
				t.Errorf("got %d counted from %d on, want %d", got, c.offset, c.counted)
			}
			start, end, counts, cut := b.frameAt(c.offset)
			if start != c.start || end != c.end || counts != c.counts || cut != c.cut {
				t.Errorf("got frame [%d,%d) counted %v cut %v at %d, want [%d,%d) %v %v", start, end, counts, cut, c.offset, c.start, c.end, c.counts, c.cut)
			}
		})
	}
}

func idleBatches(pool *batchPool) (n int) {
	for _, idle := range pool.idle {
		n += len(idle)
	}
	return n
}

func TestBatchI1MoreIsAddedBehindWhatOneOwnerHolds(t *testing.T) {
	var pool batchPool
	b, more := batchOf(&pool, 3, -2), batchOf(&pool, 4)
	b.refs++
	if b.takes(more) {
		t.Fatal("got room for more in a batch that two hold, want none")
	}
	b.refs--
	if !b.takes(more) {
		t.Fatal("got no room in a batch of 5 bytes that one holds, want some")
	}
	pool.add(b, more)
	if got := b.countedFrom(0); got != 2 || len(b.bytes) != 9 || b.ends[2] != 9<<1|1 {
		t.Errorf("got %d counted frames in %d bytes with ends %v, want 2 in 9", got, len(b.bytes), b.ends)
	}
	pool.release(b)
	pool.release(more)
	if pool.held != 0 {
		t.Errorf("got %d bytes held, want none", pool.held)
	}
}

func TestBatchPoolKeepsNoGiants(t *testing.T) {
	var pool batchPool
	pool.release(pool.get(2<<maxClass, 1))
	if idle := idleBatches(&pool); idle != 0 {
		t.Errorf("got %d idle batches, want the giant gone", idle)
	}
	if pool.held != 0 {
		t.Errorf("got %d bytes held, want none", pool.held)
	}
}

func TestBatchPoolIsEmptyAfterSomeTrims(t *testing.T) {
	var pool batchPool
	var all []*batch
	for range 100 {
		all = append(all, pool.get(10, 1))
	}
	for _, b := range all {
		pool.release(b)
	}
	for range 8 {
		pool.trim()
	}
	if idle := idleBatches(&pool); idle != 0 {
		t.Errorf("got %d idle batches, want none", idle)
	}
}
