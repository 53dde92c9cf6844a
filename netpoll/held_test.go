package netpoll

import (
	"net"
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
	check("pending", own, size+nodeOverhead, size+nodeOverhead)
	check("pending", shared[3], (size+nodeOverhead)/10, (size+nodeOverhead)/10)
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

func TestWhatAWriterHasInHandIsHeldUntilTheWriteOrTheConnectionEnds(t *testing.T) {
	for name, end := range map[string]func(r *Reactor, n uint32, l *link){
		"the write":                           func(r *Reactor, n uint32, l *link) { (*linkWritten)(l).Do(r) },
		"the connection, closed by its owner": func(r *Reactor, n uint32, l *link) { r.Close(n, DropClosed) },
		"the connection, handed back":         func(r *Reactor, n uint32, l *link) { r.Release(n, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			r, _ := still(t, Config{Handler: newRecorder(), Engine: EngineGoroutine})
			ours, peer := net.Pipe()
			defer peer.Close()
			n, l := stillLink(r, ours)
			const size = 5000
			r.sender.Send(n, NewFrame(pattern(size), true))
			r.flush()
			if held, by := r.HeldBytes(), r.HeldBy(n); held < size || by != held {
				t.Fatalf("got %d bytes held, %d by the connection, want %d at least, all by it", held, by, size)
			}
			end(r, n, l)
			if held := r.HeldBytes(); held != 0 {
				t.Errorf("got %d bytes held, want none", held)
			}
			r.closeRetired()
		})
	}
}

func TestNothingIsHeldFromTheMomentAConnectionIsClosed(t *testing.T) {
	for name, hold := range map[string]func(r *Reactor, n uint32){
		"of pending frames": func(r *Reactor, n uint32) { r.sender.Send(n, NewFrame(pattern(5000), true)) },
		"of a backlog": func(r *Reactor, n uint32) {
			r.sender.Send(n, NewFrame(pattern(5<<20), true))
			r.flush()
		},
		"behind a gate": func(r *Reactor, n uint32) {
			r.sender.Gate(n)
			r.sender.Send(n, NewFrame(pattern(5000), true))
			r.flush()
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, _ := still(t, Config{Handler: newRecorder(), QueueLimit: 8 << 20})
			ours, peer := net.Pipe()
			defer peer.Close()
			n, _ := stillLink(r, ours)
			hold(r, n)
			if r.HeldBytes() == 0 {
				t.Fatal("got nothing held, want something")
			}
			r.Close(n, DropClosed)
			if held := r.HeldBytes(); held != 0 {
				t.Errorf("got %d bytes held, want none", held)
			}
			r.closeRetired()
		})
	}
}
