package netpoll

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// senders are connections of a still reactor whose peers have sent more than is read of them.
type senders struct {
	t     *testing.T
	r     *Reactor
	slots []uint32
	peers []int
	// reads is how often each was read, order the slots as they were read.
	reads map[uint32]int
	order []uint32
}

// sendersOf makes n connections whose peers have sent so many bytes each.
func sendersOf(t *testing.T, cfg Config, n, bytes int) *senders {
	t.Helper()
	h := newRecorder()
	cfg.Handler = h
	s := &senders{t: t, reads: make(map[uint32]int)}
	h.onInput = func(n uint32, _ []byte) {
		s.reads[n]++
		s.order = append(s.order, n)
	}
	s.r, _ = still(t, cfg)
	for range n {
		s.open(bytes)
	}
	t.Cleanup(func() {
		for _, n := range s.slots {
			s.r.Close(n, DropClosed)
		}
		s.r.closeRetired()
	})
	return s
}

func (s *senders) open(bytes int) uint32 {
	s.t.Helper()
	ours, peer := socketPair(s.t)
	n, err := s.r.Open(ours)
	if err != nil {
		s.t.Fatal(err)
	}
	s.slots = append(s.slots, n)
	s.peers = append(s.peers, peer)
	s.send(len(s.slots)-1, bytes)
	return n
}

func (s *senders) send(i, bytes int) {
	s.t.Helper()
	if _, err := unix.Write(s.peers[i], pattern(bytes)); err != nil {
		s.t.Fatal(err)
	}
}

// poll reports all as readable, in the order in which they were opened, as epoll does.
func (s *senders) poll() {
	for _, n := range s.slots {
		s.r.ready(s.r.Conn(n), readable)
	}
}

func TestALightConnectionIsReadAheadOfAHundredThatSendMuch(t *testing.T) {
	s := sendersOf(t, Config{Slice: 1}, 100, 100<<10)
	for s.poll(); s.r.sockets.intake.slow.empty() || !s.r.sockets.intake.light.empty(); s.poll() {
		s.r.readWaiting()
	}
	light := s.open(1)
	s.order = nil
	s.r.turns.begun = false
	s.poll()
	if len(s.order) != 1 || s.order[0] != light {
		t.Errorf("got reads of %d among %d when it became ready, want of it alone", light, s.order)
	}
}

func TestIntakeI1AConnectionIsListedOnceAndReadOnce(t *testing.T) {
	s := sendersOf(t, Config{}, 1, 10)
	n := s.slots[0]
	for range 3 {
		s.r.ReadSoon(n)
	}
	s.r.ready(s.r.Conn(n), readable)
	s.r.readWaiting()
	if s.reads[n] != 1 || !s.r.sockets.intake.empty() || s.r.conns.table.At(n).is(toRead) {
		t.Errorf("got %d reads and empty %v, want one read and nothing left", s.reads[n], s.r.sockets.intake.empty())
	}
}

func TestIntakeI1AnEntryOfAnEndedConnectionIsSkipped(t *testing.T) {
	s := sendersOf(t, Config{}, 2, 10)
	ended, paused := s.slots[0], s.slots[1]
	s.r.ReadSoon(ended)
	s.r.ReadSoon(paused)
	s.r.Close(ended, DropClosed)
	s.r.Pause(paused)
	s.r.closeRetired()
	s.slots = s.slots[1:]
	if again := s.open(10); again != ended {
		t.Fatalf("got slot %d, want %d again", again, ended)
	}
	s.r.readWaiting()
	if len(s.order) != 0 || !s.r.sockets.intake.empty() {
		t.Errorf("got reads of %d, want none", s.order)
	}
}

// TestIntakeI2NobodyIsReadTwiceBeforeAllWereReadOnce lets slices end after every look at the clock, while all stay ready in the same
// order.
func TestIntakeI2NobodyIsReadTwiceBeforeAllWereReadOnce(t *testing.T) {
	for name, size := range map[string]int{"of those that send little": 40, "of those that send much": 200 << 10} {
		t.Run(name, func(t *testing.T) {
			const count = 120
			s := sendersOf(t, Config{Slice: 1}, count, size)
			sent := make(map[uint32]int)
			for range 4 * count {
				s.r.turns.begun = false
				s.poll()
				s.r.turns.begun = false
				s.r.readWaiting()
				for i, n := range s.slots {
					if size < 100 && s.reads[n] > sent[n] {
						sent[n]++
						s.send(i, size)
					}
				}
				if len(s.order) >= 5*count {
					break
				}
			}
			most, least := 0, 1<<30
			for _, n := range s.slots {
				most, least = max(most, s.reads[n]), min(least, s.reads[n])
			}
			if least == 0 || most > least+2 {
				t.Errorf("got between %d and %d reads of each, want all in turns", least, most)
			}
		})
	}
}

func TestTheShareOfASlowOneDependsOnWhoWaits(t *testing.T) {
	const buffer = 64 << 10
	for _, c := range []struct{ others, times, piece int }{
		{0, 4, buffer}, {1, 2, buffer}, {3, 1, buffer}, {15, 1, 16 << 10}, {31, 1, 8 << 10}, {500, 1, minPiece},
	} {
		t.Run(fmt.Sprintf("others=%d", c.others), func(t *testing.T) {
			var q intake
			for i := range c.others {
				q.slow.push(uint32(i))
			}
			if times, piece := q.share(buffer); times != c.times || piece != c.piece {
				t.Errorf("got %d reads of %d, want %d of %d", times, piece, c.times, c.piece)
			}
		})
	}
}

// TestWhatAHandlerChargesEndsASlice is about small inputs that set off much work.
func TestWhatAHandlerChargesEndsASlice(t *testing.T) {
	s := sendersOf(t, Config{Slice: 1}, 10, 1)
	s.r.cfg.Handler.(*recorder).onInput = func(n uint32, _ []byte) {
		s.order = append(s.order, n)
		s.r.Charge(1 << 20)
	}
	s.poll()
	if len(s.order) != 1 {
		t.Errorf("got %d read at once, want 1 and the others to wait", len(s.order))
	}
	for len(s.order) < 10 {
		s.r.turn()
	}
}

func TestAFullSocketIsWrittenOnceHoweverOftenItIsReported(t *testing.T) {
	s := sendersOf(t, Config{Collect: -1}, 1, 0)
	n := s.slots[0]
	_ = unix.SetsockoptInt(int(s.r.conns.table.At(n).fd), unix.SOL_SOCKET, unix.SO_SNDBUF, 4096)
	frame := pattern(100 << 10)
	s.r.sender.Send(n, NewFrame(frame, true))
	s.r.turn()
	if s.r.sender.conns.At(n).backlog == 0 {
		t.Fatal("got no backlog, want one")
	}
	got := make([]byte, len(frame))
	at := 0
	for at < len(frame) {
		m, _ := unix.Read(s.peers[0], got[at:])
		at += max(m, 0)
		sends := s.r.sockets.Sends
		for range 5 {
			s.r.ready(s.r.Conn(n), writable)
		}
		if s.r.sockets.Sends != sends {
			t.Fatalf("got %d sends by readiness alone, want them in flush", s.r.sockets.Sends-sends)
		}
		for s.r.turn() == lookAgain {
			continue
		}
		if more := s.r.sockets.Sends - sends; more > 2 {
			t.Fatalf("got %d sends to a socket with room once, want at most one and a look", more)
		}
	}
	if !bytes.Equal(got, frame) {
		t.Error("got other bytes than were queued")
	}
}

// TestRoomInAFullSocketIsASignOfLife tells what a peer takes from what only the kernel takes.
func TestRoomInAFullSocketIsASignOfLife(t *testing.T) {
	s := sendersOf(t, Config{Collect: -1}, 1, 0)
	n := s.slots[0]
	silentAfter := func(what func()) time.Duration {
		s.r.freeze(300 * time.Millisecond)
		s.r.turn()
		what()
		for s.r.turn() == lookAgain {
			continue
		}
		return s.r.SilentFor(n).Round(Tick)
	}
	if got := silentAfter(func() { s.r.sender.Send(n, NewFrame([]byte("x"), true)) }); got < 2*Tick {
		t.Errorf("got silent for %v once an empty socket took a frame, want that to prove nothing", got)
	}
	s.r.sender.Send(n, NewFrame(pattern(900<<10), true))
	s.r.turn()
	if got := silentAfter(func() { s.r.ready(s.r.Conn(n), writable) }); got < 5*Tick {
		t.Errorf("got silent for %v while a full socket takes nothing, want for longer than before", got)
	}
	if got := silentAfter(func() {
		_, _ = unix.Read(s.peers[0], make([]byte, 400<<10))
		s.r.ready(s.r.Conn(n), writable)
	}); got > Tick {
		t.Errorf("got silent for %v once the peer has made room, want not", got)
	}
}

// TestIntakeI3ASlowOneIsReadThoughSlicesEndAmongLightOnes is about light ones that are read in so slow a way that a slice ends
// before it is a slow one's turn.
func TestIntakeI3ASlowOneIsReadThoughSlicesEndAmongLightOnes(t *testing.T) {
	s := sendersOf(t, Config{Slice: 1}, 3*lightRun, 1)
	s.r.cfg.Handler.(*recorder).onInput = func(n uint32, _ []byte) {
		s.order = append(s.order, n)
		s.r.Charge(workPerLook)
	}
	light := s.slots
	for _, n := range light {
		s.r.sockets.intake.add(n, s.r.conns.table.At(n))
	}
	slow := s.open(1)
	s.r.ReadSoon(slow)
	for range lightRun + 1 {
		s.r.readWaiting()
	}
	if at := slices.Index(s.order, slow); at != lightRun {
		t.Errorf("got the slow one read at place %d of %d, want %d", at, s.order, lightRun)
	}
	s.r.ReadSoon(slow)
	s.send(len(light), 1)
	for len(s.order) < len(light)+2 && !s.r.sockets.intake.empty() {
		s.r.readWaiting()
	}
	if want := 2*lightRun + 1; len(s.order) != len(light)+2 || s.order[want] != slow {
		t.Errorf("got reads of %d, want the slow one again at place %d and all read", s.order, want)
	}
}

// TestATurnWithMuchToReadEndsAfterAWhile has a connection that waits again whenever it was read.
func TestATurnWithMuchToReadEndsAfterAWhile(t *testing.T) {
	const most = 100
	s := sendersOf(t, Config{Slice: 1}, 1, 1)
	s.r.cfg.Handler.(*recorder).onInput = func(n uint32, _ []byte) {
		s.order = append(s.order, n)
		if len(s.order) == 3 {
			s.r.freeze(longTurn)
		}
		if len(s.order) < most {
			s.send(0, 1)
			s.r.ReadSoon(n)
		}
	}
	s.r.ReadSoon(s.slots[0])
	if verdict := s.r.turn(); verdict != lookAgain || len(s.order) == most {
		t.Errorf("got verdict %d after %d reads, want to look again before %d", verdict, len(s.order), most)
	}
}
