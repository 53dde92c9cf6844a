package netpoll

import (
	"testing"
	"time"
)

// crowdedSender has one connection whose full socket has half of its limit waiting.
func crowdedSender(t *testing.T) (*Sender, *wireOf, uint32) {
	t.Helper()
	const limit = 8000
	s, w, slots := senderOf(limit, 2)
	w.room[0] = 0
	for range 4 {
		s.Send(slots[0], NewFrame(pattern(limit/8), true))
		s.flush(time.Second)
	}
	if !s.IsCongested(slots[0]) {
		t.Fatal("got a connection with a full socket and half a queue not congested, want it congested")
	}
	return s, w, slots[0]
}

func TestAConnectionIsCongestedWhileItIsBehindABurst(t *testing.T) {
	for name, c := range map[string]struct {
		then func(s *Sender, w *wireOf, slot uint32)
		want bool
	}{
		"and takes bytes": {func(s *Sender, w *wireOf, slot uint32) {
			w.tick += freshTicks
			w.room[slot] = 1
			s.roomAgain(slot)
			w.tick += freshTicks
		}, true},
		"and not once it has taken none for a while": {func(s *Sender, w *wireOf, slot uint32) {
			w.tick += freshTicks + 1
		}, false},
		"but no longer than for so long": {func(s *Sender, w *wireOf, slot uint32) {
			for range patienceTicks + 1 {
				w.tick++
				w.room[slot] = 1
				s.roomAgain(slot)
			}
		}, false},
		"until its queue is down to a quarter": {func(s *Sender, w *wireOf, slot uint32) {
			w.room[slot] = 2500
			s.roomAgain(slot)
		}, false},
		"also between the two marks": {func(s *Sender, w *wireOf, slot uint32) {
			w.room[slot] = 1500
			s.roomAgain(slot)
		}, true},
		"until it refuses": {func(s *Sender, w *wireOf, slot uint32) {
			s.Refuse(slot)
		}, false},
		"until it has ended": {func(s *Sender, w *wireOf, slot uint32) {
			s.drop(slot, DropClosed)
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			s, w, slot := crowdedSender(t)
			c.then(s, w, slot)
			if got := s.IsCongested(slot); got != c.want {
				t.Errorf("got congested %v, want %v", got, c.want)
			}
		})
	}
}

func TestAConnectionIsCongestedByASingleFrameThatFillsItsSocket(t *testing.T) {
	s, w, slots := senderOf(8000, 1)
	w.room[0] = 1000
	s.Send(slots[0], NewFrame(pattern(5000), true))
	s.flush(time.Second)
	if !s.IsCongested(slots[0]) {
		t.Error("got a connection with half of its limit behind a full socket not congested, want it congested")
	}
}

func TestAConnectionThatRecoveredIsWaitedForAgain(t *testing.T) {
	s, w, slot := crowdedSender(t)
	w.tick += patienceTicks + 1
	w.room[slot] = 3000
	s.roomAgain(slot)
	for range 3 {
		s.Send(slot, NewFrame(pattern(1000), true))
		s.flush(time.Second)
	}
	if !s.IsCongested(slot) {
		t.Error("got a connection that had emptied its queue to an eighth not congested by the next burst, want it congested")
	}
}

func TestAFrameMeetsTheCongestedThatTakeIt(t *testing.T) {
	s, w, slot := crowdedSender(t)
	other := uint32(1)
	small := NewFrame(pattern(1), true)
	for name, c := range map[string]struct {
		queue               func()
		ofType, ofTypeAndID uint32
	}{
		"by type":        {func() { s.Fanout(small, []uint32{other, slot}, nil, NoSlot) }, slot, NoSlot},
		"by type and id": {func() { s.Fanout(small, []uint32{other}, []uint32{slot}, NoSlot) }, NoSlot, slot},
		"not its source": {func() { s.Fanout(small, []uint32{other, slot}, nil, slot) }, NoSlot, NoSlot},
		"not by others":  {func() { s.Fanout(small, []uint32{other}, nil, NoSlot) }, NoSlot, NoSlot},
		"sent to it":     {func() { s.Send(slot, small) }, slot, NoSlot},
	} {
		t.Run(name, func(t *testing.T) {
			c.queue()
			if ofType, ofTypeAndID := s.Met(); ofType != c.ofType || ofTypeAndID != c.ofTypeAndID {
				t.Errorf("got %d and %d met, want %d and %d", ofType, ofTypeAndID, c.ofType, c.ofTypeAndID)
			}
		})
	}
	w.tick += freshTicks + 1
	s.Send(slot, small)
	if ofType, _ := s.Met(); ofType != NoSlot {
		t.Errorf("got slot %d met though it stalls, want none", ofType)
	}
}

func TestACongestedConnectionIsStuckUntilItHasShownThatItReads(t *testing.T) {
	s, w, slot := crowdedSender(t)
	if !s.IsStuck(slot) {
		t.Error("got one whose socket has taken nothing not stuck, want it stuck")
	}
	w.room[slot] = s.limit/stuckShare - 1
	s.roomAgain(slot)
	if !s.IsStuck(slot) {
		t.Error("got one whose socket has taken a little not stuck, want it stuck")
	}
	w.room[slot] = 1
	s.roomAgain(slot)
	if s.IsStuck(slot) {
		t.Error("got one whose socket has taken an eighth of a queue stuck, want it not")
	}
	if s.IsStuck(1) {
		t.Error("got one that has nothing to send stuck, want it not")
	}
}
