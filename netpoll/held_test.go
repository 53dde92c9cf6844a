package netpoll

import (
	"testing"
	"time"
)

func TestHeldByIsAConnectionsShare(t *testing.T) {
	const size = 10_000
	s, w, slots := senderOf(100*size, 12)
	clear(w.room)
	own, shared, idle := slots[0], slots[1:11], slots[11]
	check := func(when string, slot uint32, least, most int) {
		t.Helper()
		if got := s.heldBy(slot); got < least || got > most {
			t.Errorf("%s: got %d bytes held by %d, want %d to %d", when, got, slot, least, most)
		}
	}
	send := func() {
		s.Send(own, NewFrame(pattern(size), true))
		s.Fanout(NewFrame(pattern(size), true), shared, nil, NoSlot)
	}
	send()
	check("pending", own, size, size)
	check("pending", shared[3], size/10, size/10)
	check("pending", idle, 0, 0)
	s.flush(time.Second)
	for range 9 {
		send()
		s.flush(time.Second)
	}
	sum := 0
	for _, slot := range slots {
		sum += s.heldBy(slot)
	}
	check("in a backlog", own, 10*size, 2*10*size)
	check("in a backlog", shared[3], size, 2*size)
	check("in a backlog", idle, 0, 0)
	if held := s.HeldBytes(); sum < held*9/10 || sum > held*11/10 {
		t.Errorf("got %d bytes held by all connections, want about the %d that are held", sum, held)
	}
}
