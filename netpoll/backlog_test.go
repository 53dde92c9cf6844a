package netpoll

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestBacklogI1BytesAreWhatIsUnsent(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	var pool batchPool
	var g backlog
	var count sendCounters
	want, counted := 0, 0
	for range 5000 {
		switch {
		case g.empty() || random.IntN(3) == 0:
			g.push(batchOf(&pool, 7, -3, 11), &pool)
			want += 21
			counted += 2
		case random.IntN(50) == 0:
			dropped := g.cut(&pool)
			counted -= dropped
			want = g.bytes
		default:
			n := 1 + random.IntN(g.bytes)
			before := count.Delivered
			g.advance(n, &pool, &count)
			counted -= int(count.Delivered - before)
			want -= n
		}
		bytes := -g.offset
		frames, offset := 0, g.offset
		for _, b := range g.batches[g.first:] {
			bytes += len(b.bytes)
			for _, e := range b.ends {
				if e.offset() > offset {
					frames++
				}
			}
			offset = 0
		}
		if g.frames != frames {
			t.Fatalf("got %d frames noted, want %d", g.frames, frames)
		}
		if g.bytes != want || bytes != want {
			t.Fatalf("got %d bytes noted and %d there, want %d", g.bytes, bytes, want)
		}
		if got := g.counted(); got != counted {
			t.Fatalf("got %d counted frames unfinished, want %d", got, counted)
		}
	}
	g.drop(&pool)
	if pool.held != 0 {
		t.Errorf("got %d bytes held, want none", pool.held)
	}
}

func TestBacklogI2IsNotEmptyWhileInUse(t *testing.T) {
	var all backlogs
	var pool batchPool
	n := all.get(5)
	if n == 0 {
		t.Fatal("got backlog 0, which means none")
	}
	g := &all.all[n]
	g.push(batchOf(&pool, 4), &pool)
	if g.empty() || g.since != 5 {
		t.Fatalf("got empty %v since %d, want a batch since 5", g.empty(), g.since)
	}
	g.advance(4, &pool, new(sendCounters))
	if !g.empty() {
		t.Fatal("got a backlog with nothing unsent that is not empty")
	}
	all.put(n)
	if again := all.get(6); again != n || all.all[again].bytes != 0 || all.all[again].offset != 0 {
		t.Errorf("got backlog %d with %d bytes, want %d, empty", again, all.all[again].bytes, n)
	}
}

func TestBacklogsGiveMemoryBackWhenNoSocketIsFull(t *testing.T) {
	var all backlogs
	a, b := all.get(0), all.get(0)
	all.put(a)
	all.trim()
	if all.all == nil {
		t.Fatal("got the backlogs dropped while one is in use")
	}
	all.put(b)
	all.trim()
	if all.all != nil || all.inUse != 0 {
		t.Errorf("got %d backlogs, want none", len(all.all))
	}
}

func TestBacklogCutKeepsTheRestOfAHalfSentFrame(t *testing.T) {
	for name, c := range map[string]struct{ sent, left, dropped int }{
		"nothing when no byte was sent":              {0, 0, 4},
		"nothing when the cut is between two frames": {7, 0, 3},
		"the rest of the first":                      {3, 4, 3},
		"the rest of one that does not count":        {8, 2, 3},
		"the rest of the last of a batch":            {20, 1, 2},
		"the rest of one in the second batch":        {22, 6, 1},
	} {
		t.Run(name, func(t *testing.T) {
			var pool batchPool
			var g backlog
			g.push(batchOf(&pool, 7, -3, 11), &pool)
			g.push(batchOf(&pool, 7, -3, 11), &pool)
			g.advance(c.sent, &pool, new(sendCounters))
			if dropped := g.cut(&pool); dropped != c.dropped {
				t.Errorf("got %d dropped, want %d", dropped, c.dropped)
			}
			if g.bytes != c.left {
				t.Errorf("got %d bytes left, want %d", g.bytes, c.left)
			}
			if g.empty() {
				return
			}
			if again := g.cut(&pool); again != 0 || g.bytes != c.left {
				t.Errorf("got %d dropped and %d bytes left by a second cut, want 0 and %d", again, g.bytes, c.left)
			}
		})
	}
}

// TestBacklogI3ABacklogWithRoomIsListedUntilTheSocketIsFullAgain goes on with a backlog of several resends, in which others have
// their turn.
func TestBacklogI3ABacklogWithRoomIsListedUntilTheSocketIsFullAgain(t *testing.T) {
	const size, rest = 100 << 10, 1000
	s, w, slots := senderOf(1<<30, 2)
	n := slots[0]
	w.room[n] = 0
	queued := 0
	for ; queued < 3*maxResend; queued += size {
		s.Send(n, NewFrame(pattern(size), true))
		s.flush(time.Second)
	}
	w.room[n] = queued - rest
	s.hasRoom(n)
	s.hasRoom(n)
	rounds := 0
	for ; s.hasWork(); rounds++ {
		checkQueue(t, s)
		if before := s.Buffered(n); rounds > queued/maxResend {
			t.Fatalf("got the backlog listed with %d bytes left in round %d, want it at rest", before, rounds)
		}
		s.flushList(&s.lists.bulk, inBulk, 1)
	}
	if got := s.Buffered(n); got != rest || rounds < queued/maxResend {
		t.Errorf("got %d bytes left after %d rounds, want %d after %d at least", got, rounds, rest, queued/maxResend)
	}
	checkQueue(t, s)
}
