package netpoll

import (
	"strings"
	"testing"
	"time"
)

func TestGateLetsOutWhatWasHeldBehindWhatWasSentAhead(t *testing.T) {
	frame := func(text string) *Frame { return NewFrame([]byte(text), true) }
	tests := []struct {
		name string
		do   func(s *Sender, w *wireOf)
		want string
	}{
		{"nothing goes out while it is shut", func(s *Sender, _ *wireOf) { s.Send(0, frame("live ")) }, ""},
		{"answers pass it", func(s *Sender, _ *wireOf) {
			s.Send(0, frame("live "))
			s.SendLast(0, NewFrame([]byte("pong "), false))
		}, "pong "},
		{"what is sent ahead comes first", func(s *Sender, _ *wireOf) {
			s.Send(0, frame("live "))
			s.SendAhead(0, frame("snapshot "))
			s.Send(0, frame("later "))
			s.Ungate(0)
			s.Send(0, frame("last "))
		}, "snapshot live later last "},
		{"what was queued before it was shut comes first", func(s *Sender, _ *wireOf) {
			s.Ungate(0)
			s.Send(0, frame("before "))
			s.Gate(0)
			s.Send(0, frame("live "))
			s.SendAhead(0, frame("snapshot "))
			s.Ungate(0)
		}, "before snapshot live "},
		{"shutting it twice is shutting it once", func(s *Sender, _ *wireOf) {
			s.Send(0, frame("live "))
			s.Gate(0)
			s.Ungate(0)
		}, "live "},
		{"a member of both topics gets one copy", func(s *Sender, _ *wireOf) {
			s.Fanout(frame("live "), []uint32{0, 1}, []uint32{1, 0}, NoSlot)
			s.Ungate(0)
		}, "live "},
		{"the last frame of one that has left follows no live one", func(s *Sender, _ *wireOf) {
			s.SendAhead(0, frame("snapshot "))
			s.Send(0, frame("live "))
			s.Leave(0)
			s.SendLast(0, NewFrame([]byte("close "), false))
			s.Ungate(0)
		}, "snapshot close "},
		{"behind a full socket the order stays", func(s *Sender, w *wireOf) {
			w.room[0] = 3
			s.SendAhead(0, frame("snapshot "))
			s.flush(time.Second)
			s.Send(0, frame("live "))
			s.Ungate(0)
			s.Send(0, frame("later "))
			s.flush(time.Second)
			w.room[0] = 1000
			s.roomAgain(0)
		}, "snapshot live later "},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s, w, _ := senderOf(1000, 2)
			s.Gate(0)
			test.do(s, w)
			checkQueue(t, s)
			s.flush(time.Second)
			checkQueue(t, s)
			if got := string(w.stream[0]); got != test.want {
				t.Errorf("got %q sent, want %q", got, test.want)
			}
			var got Counters
			s.addTo(&got)
			s.addQueued(&got)
			if out := got.Delivered + got.HandedBack + got.Dropped[DropClosed] + got.Queued; got.Matched != out {
				t.Errorf("got %d matched and %d accounted for, want the same", got.Matched, out)
			}
		})
	}
}

func TestGatedFramesCountAgainstTheLimit(t *testing.T) {
	s, w, _ := senderOf(1000, 1)
	s.Gate(0)
	s.Send(0, NewFrame(pattern(400), true))
	if !s.SendAhead(0, NewFrame(pattern(400), true)) {
		t.Error("got a frame within the limit refused, want it taken")
	}
	s.Send(0, NewFrame(pattern(400), true))
	if s.IsRefusing(0) || len(w.stream[0]) != 400 {
		t.Errorf("got refusing %v and %d bytes sent, want what is sent ahead flushed to make room for the frame", s.IsRefusing(0), len(w.stream[0]))
	}
	if s.SendAhead(0, NewFrame(pattern(400), true)) || !s.IsRefusing(0) {
		t.Error("got a frame over the limit taken, want the connection to refuse it")
	}
	if over := s.noticesOf(overflowed); len(over) != 1 {
		t.Errorf("got %d notices of overflow, want 1", len(over))
	}
	s.Cut(0, DropOverflow)
	wantLedger(t, s, Ledger{Matched: 4, Delivered: 1, Dropped: [Reasons]uint64{DropOverflow: 3}})
	if got := s.HeldBytes(); got != 0 {
		t.Errorf("got %d bytes held behind a queue that was cut, want 0", got)
	}
}

func TestAFrameBehindManyGatesIsHeldOnce(t *testing.T) {
	s, _, slots := senderOf(10000, 50)
	for _, slot := range slots {
		s.Gate(slot)
	}
	for i := range slots {
		s.Fanout(NewFrame(pattern(100), true), slots[i:], nil, NoSlot)
	}
	if got, most := s.HeldBytes(), 50*(100+nodeOverhead)+50*50*placeBytes; got > most {
		t.Errorf("got %d bytes held, want at most %d: each of 50 frames once", got, most)
	}
	shares := 0
	for _, slot := range slots {
		shares += s.heldBy(slot)
	}
	if got := s.HeldBytes(); shares < got*9/10 || shares > got {
		t.Errorf("got shares of %d bytes together, want about the %d that are held", shares, got)
	}
}

func TestAGatedConnectionIsNotCongested(t *testing.T) {
	s, w, _ := senderOf(1000, 1)
	w.room[0] = 1
	s.Send(0, NewFrame([]byte(strings.Repeat("x", 10)), true))
	s.flush(time.Second)
	s.Gate(0)
	s.Fanout(NewFrame(pattern(700), true), []uint32{0}, nil, NoSlot)
	if ofType, _ := s.Met(); ofType != NoSlot || s.IsCongested(0) {
		t.Errorf("got slot %d met and congested %v, want a gated connection to hold nobody back", ofType, s.IsCongested(0))
	}
	s.SendAhead(0, NewFrame(pattern(100), true))
	if ofType, _ := s.Met(); ofType != 0 || !s.IsBehind(0) {
		t.Errorf("got slot %d met and behind %v, want who sends to it alone to know", ofType, s.IsBehind(0))
	}
}
