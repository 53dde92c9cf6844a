package netpoll

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"
	"time"
)

// wireOf is what a sender writes to in place of sockets: each slot takes room bytes, and keeps them.
type wireOf struct {
	room    map[uint32]int
	stream  map[uint32][]byte
	broken  map[uint32]syscall.Errno
	waiting map[uint32]bool
	writes  []uint32
	tick    uint32
	// failsBehind: behind the bytes that there is room for, a write fails.
	failsBehind bool
	// sealed is how many bytes at the front of what a slot has queued can't be taken back.
	sealed map[uint32]int
}

func (w *wireOf) write(slot uint32, pieces [][]byte) (int, syscall.Errno) {
	w.writes = append(w.writes, slot)
	if errno := w.broken[slot]; errno != 0 {
		return 0, errno
	}
	taken := 0
	for _, piece := range pieces {
		n := min(len(piece), w.room[slot])
		w.room[slot] -= n
		w.stream[slot] = append(w.stream[slot], piece[:n]...)
		taken += n
	}
	if taken == 0 && w.failsBehind {
		return 0, syscall.ENOBUFS
	}
	if taken == 0 {
		return 0, syscall.EAGAIN
	}
	return taken, 0
}

func (w *wireOf) committed(slot uint32) int          { return w.sealed[slot] }
func (w *wireOf) awaitRoom(slot uint32, wanted bool) { w.waiting[slot] = wanted }
func (w *wireOf) now() uint32                        { return w.tick }

// senderOf makes a sender with so many connections, each with room for plenty.
func senderOf(limit, connections int) (*Sender, *wireOf, []uint32) {
	w := &wireOf{room: make(map[uint32]int), stream: make(map[uint32][]byte), broken: make(map[uint32]syscall.Errno), waiting: make(map[uint32]bool)}
	s := newSender(limit, w, new(owner))
	slots := make([]uint32, connections)
	for i := range slots {
		slots[i] = uint32(i)
		s.open(slots[i])
		w.room[slots[i]] = 1 << 30
	}
	return &s, w, slots
}

func (s *Sender) noticesOf(kind noticeKind) (slots []uint32) {
	for _, x := range s.notices.noted {
		if x.kind == kind {
			slots = append(slots, x.slot)
		}
	}
	return slots
}

func wantLedger(t *testing.T, s *Sender, want Ledger) {
	t.Helper()
	var got Counters
	s.addTo(&got)
	s.addQueued(&got)
	if got.Ledger != want {
		t.Errorf("got the ledger %+v, want %+v", got.Ledger, want)
	}
}

func TestSenderI1TheChargeNeverExceedsTheLimitButForTheLast(t *testing.T) {
	const limit = 1000
	random := rand.New(rand.NewPCG(8, 8))
	s, w, slots := senderOf(limit, 6)
	clear(w.room)
	for range 20000 {
		slot := slots[random.IntN(len(slots))]
		switch random.IntN(4) {
		case 0, 1:
			s.Fanout(NewFrame(pattern(1+random.IntN(400)), true), slots[:1+random.IntN(6)], slots[random.IntN(6):], NoSlot)
		case 2:
			s.flush(time.Second)
		case 3:
			w.room[slot] += random.IntN(900)
			s.roomAgain(slot)
		}
		for _, n := range slots {
			if got := s.Charge(n); got > limit {
				t.Fatalf("slot %d: got charge %d, want at most %d", n, got, limit)
			}
			if s.IsRefusing(n) && s.Buffered(n) == 0 {
				s.drop(n, DropClosed)
			}
		}
		checkQueue(t, s)
	}
	s.SendLast(slots[0], NewFrame(pattern(2*limit), false))
	if got := s.Buffered(slots[0]); got < 2*limit {
		t.Errorf("got %d bytes unsent, want the last frame in spite of the limit", got)
	}
}

func TestSenderI2AFrameHalfSentIsFinishedAheadOfTheLast(t *testing.T) {
	s, w, slots := senderOf(1000, 1)
	w.room[0] = 3
	s.Send(slots[0], NewFrame([]byte("abcdef"), true))
	s.Send(slots[0], NewFrame([]byte("dropped"), true))
	s.flush(time.Second)
	s.Cut(slots[0], DropBudget)
	s.SendLast(slots[0], NewFrame([]byte("!"), false))
	s.flush(time.Second)
	w.room[0] = 100
	s.roomAgain(slots[0])
	if got := string(w.stream[0]); got != "abcdef!" {
		t.Errorf("got %q sent, want the half-sent frame whole and the last one", got)
	}
	wantLedger(t, s, Ledger{Matched: 2, Delivered: 1, Dropped: [Reasons]uint64{DropBudget: 1}})
}

func TestSenderI4WhatPendsIsFlushedBeforeAFrameIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		room      int
		overflows bool
	}{
		"and the frame is taken where the socket has room":    {1000, false},
		"and the frame is refused where the socket is full":   {0, true},
		"and the frame is taken where enough of it has moved": {500, false},
	} {
		t.Run(name, func(t *testing.T) {
			s, w, slots := senderOf(1000, 2)
			w.room[0] = c.room
			s.Send(slots[0], NewFrame(pattern(600), true))
			s.Fanout(NewFrame(pattern(700), true), slots, nil, NoSlot)
			if got := len(s.noticesOf(overflowed)) > 0; got != c.overflows {
				t.Errorf("got an overflow %v, want %v", got, c.overflows)
			}
			if slices.Contains(w.writes, slots[1]) {
				t.Errorf("got writes to %v, want none to a connection that is not near its limit", w.writes)
			}
		})
	}
}

func TestSenderI5AMemberOfBothTopicsGetsOneCopyAndIsCountedOnce(t *testing.T) {
	for name, c := range map[string]struct {
		size, except uint32
		want         Ledger
	}{
		"when it takes the frame":  {10, NoSlot, Ledger{Matched: 4, Queued: 4}},
		"when it refuses it":       {200, NoSlot, Ledger{Matched: 4, Dropped: [Reasons]uint64{DropOverflow: 4}}},
		"when it is the exception": {10, 1, Ledger{Matched: 3, Queued: 3}},
	} {
		t.Run(name, func(t *testing.T) {
			s, _, slots := senderOf(100, 4)
			s.Fanout(NewFrame(pattern(int(c.size)), true), slots[:3], slots[1:], c.except)
			wantLedger(t, s, c.want)
			checkQueue(t, s)
			s.Fanout(NewFrame(pattern(1), true), slots[:1], nil, NoSlot)
			if got, want := s.count.Matched, c.want.Matched+1; got != want {
				t.Errorf("got %d matched with the next frame, want %d", got, want)
			}
		})
	}
}

func TestSmallFanoutsAreSentAheadOfGiantsAndGiantsAmongThem(t *testing.T) {
	s, w, slots := senderOf(1<<20, 600)
	s.Fanout(NewFrame([]byte("giant"), true), slots[:400], nil, NoSlot)
	for from := 400; from < 600; from += 50 {
		s.Fanout(NewFrame([]byte("small"), true), slots[from:from+50], nil, NoSlot)
	}
	s.flush(time.Second)
	first, last := slices.Index(w.writes, slots[0]), slices.Index(w.writes, slots[599])
	if first != expressRun || last > first+4*expressRun {
		t.Errorf("got the first of the giant written as number %d and the last small one as %d, want %d and soon after", first, last, expressRun)
	}
}

func TestDrainedIsNotedOnceAllIsWithTheTransport(t *testing.T) {
	s, w, slots := senderOf(1000, 1)
	w.room[0] = 2
	s.Send(slots[0], NewFrame([]byte("abcd"), true))
	s.NotifyDrained(slots[0])
	s.NotifyDrained(slots[0])
	s.flush(time.Second)
	if got := s.noticesOf(drained); len(got) != 0 {
		t.Fatalf("got drained with two bytes left, want it later: %v", got)
	}
	if !w.waiting[0] || s.BlockedFor(slots[0]) != 0 {
		t.Errorf("got room awaited %v, blocked for %v, want it awaited and blocked now", w.waiting[0], s.BlockedFor(slots[0]))
	}
	w.tick += 5
	if got := s.BlockedFor(slots[0]); got != 5*Tick {
		t.Errorf("got blocked for %v, want %v", got, 5*Tick)
	}
	w.room[0] = 100
	s.roomAgain(slots[0])
	if got := s.noticesOf(drained); len(got) != 1 || w.waiting[0] {
		t.Errorf("got drained noted %d times and room awaited %v, want once and not", len(got), w.waiting[0])
	}
	s.Send(slots[0], NewFrame([]byte("more"), true))
	if s.isDrained(slots[0]) {
		t.Error("got drained with a frame queued since, want it noted again later")
	}
	s.flush(time.Second)
	if got := s.noticesOf(drained); len(got) != 2 {
		t.Errorf("got drained noted %d times, want again", len(got))
	}
}

func TestABrokenSocketIsNotedAndItsFramesAreDropped(t *testing.T) {
	s, w, slots := senderOf(1000, 2)
	w.broken[0] = syscall.EPIPE
	s.Fanout(NewFrame([]byte("abc"), true), slots, nil, NoSlot)
	s.NotifyDrained(slots[0])
	s.flush(time.Second)
	if got := s.noticesOf(sendFailed); !slices.Equal(got, slots[:1]) || len(s.noticesOf(drained)) != 0 {
		t.Errorf("got failures of %v and drained of %v, want the failure of %v alone", got, s.noticesOf(drained), slots[:1])
	}
	wantLedger(t, s, Ledger{Matched: 2, Delivered: 1, Dropped: [Reasons]uint64{DropClosed: 1}})
}

func TestSenderI2NothingGoesOutBehindASendThatHasFailed(t *testing.T) {
	for name, hasBacklog := range map[string]bool{"within a frame": false, "with a backlog": true} {
		t.Run(name, func(t *testing.T) {
			s, w, slots := senderOf(1000, 1)
			w.room[0] = 1
			w.failsBehind = !hasBacklog
			s.Send(slots[0], NewFrame([]byte("abc"), true))
			s.flushOne(slots[0])
			if hasBacklog {
				w.broken[0] = syscall.ENOBUFS
				s.roomAgain(slots[0])
			}
			w.failsBehind, w.broken[0], w.room[0] = false, 0, 100
			s.Send(slots[0], NewFrame([]byte("def"), true))
			s.HasRoom(slots[0], 1, 0)
			s.flush(time.Second)
			s.roomAgain(slots[0])
			if got := string(w.stream[0]); got != "a" {
				t.Errorf("got %q sent, want %q and nothing behind the failure", got, "a")
			}
			if got := s.noticesOf(sendFailed); len(got) != 1 {
				t.Errorf("got %d failures noted, want 1", len(got))
			}
			s.drop(slots[0], DropClosed)
			wantLedger(t, s, Ledger{Matched: 2, Dropped: [Reasons]uint64{DropClosed: 2}})
		})
	}
}

func TestWhatIsHandedBackIsAllThatIsUnsent(t *testing.T) {
	s, w, slots := senderOf(1000, 1)
	w.room[0] = 2
	for _, text := range []string{"abcd", "ef", "gh"} {
		s.Send(slots[0], NewFrame([]byte(text), true))
		s.flush(time.Second)
	}
	s.Send(slots[0], NewFrame([]byte("ij"), true))
	if got := s.handBack(slots[0]); !bytes.Equal(got, []byte("cdefghij")) {
		t.Errorf("got %q handed back, want %q", got, "cdefghij")
	}
	wantLedger(t, s, Ledger{Matched: 4, HandedBack: 4})
	if s.pending.live != 0 || s.HeldBytes() != 0 {
		t.Errorf("got %d nodes and %d bytes held, want none", s.pending.live, s.HeldBytes())
	}
}

func TestNothingIsQueuedOnAConnectionThatHasEndedThoughListsOfMembersNameIt(t *testing.T) {
	for name, end := range map[string]func(s *Sender, slot uint32){
		"closed":      func(s *Sender, slot uint32) { s.drop(slot, DropClosed) },
		"handed back": func(s *Sender, slot uint32) { s.handBack(slot) },
	} {
		t.Run(name, func(t *testing.T) {
			s, _, slots := senderOf(1000, 2)
			end(s, slots[0])
			s.Fanout(NewFrame([]byte("abc"), true), slots, nil, NoSlot)
			s.flush(time.Second)
			wantLedger(t, s, Ledger{Matched: 1, Delivered: 1})
		})
	}
}

func TestARunSendsOnlySoMuchBeforeTheOtherListHasItsTurn(t *testing.T) {
	s, w, slots := senderOf(1<<30, 4)
	for _, slot := range slots {
		s.Send(slot, NewFrame(pattern(maxWrite/2), true))
	}
	s.flushList(&s.lists.express, inExpress, expressRun)
	if !slices.Equal(w.writes, slots[:2]) {
		t.Errorf("got writes to %d in a run, want to %d", w.writes, slots[:2])
	}
}

func TestASenderGivesTheMemoryOfManyRefusalsBack(t *testing.T) {
	s, _, slots := senderOf(100, 3*largeList)
	s.Fanout(NewFrame(pattern(101), true), slots, nil, NoSlot)
	s.trim()
	if got := len(s.notices.take()); got != len(slots) {
		t.Fatalf("got %d notices kept while they are not passed on, want %d", got, len(slots))
	}
	s.trim()
	if got := cap(s.offer.refusals) + cap(s.notices.noted) + cap(s.notices.spare); got != 0 {
		t.Errorf("got room for %d refusals and notices kept, want none", got)
	}
}
