package netpoll

import (
	"testing"
)

func TestContractAPanicCostsOneConnection(t *testing.T) {
	onEveryEngine(t, nil, func(t *testing.T, b *bench) {
		var told any
		b.handler.onInput = func(n uint32, view []byte) { panic("by the peer") }
		b.handler.onPanicked = func(n uint32, value any) {
			told = value
			if n != b.slot {
				t.Errorf("got slot %d, want %d", n, b.slot)
			}
			b.r.Close(n, DropClosed)
		}
		b.open(t)
		if _, err := b.peer.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		b.handler.await(t, "panicked")
		on(t, b.r, func() {
			if told != "by the peer" {
				t.Errorf("got the value %v, want the handler's", told)
			}
			if c := b.r.Count(); c.Connections != 0 || c.Panics != 1 {
				t.Errorf("got %d connections and %d panics, want none and 1", c.Connections, c.Panics)
			}
		})
	})
}

func TestContractAPanicOfPanickedClosesTheConnection(t *testing.T) {
	onEveryEngine(t, nil, func(t *testing.T, b *bench) {
		b.handler.onInput = func(uint32, []byte) { panic("first") }
		b.handler.onPanicked = func(uint32, any) { panic("second") }
		b.open(t)
		if _, err := b.peer.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if _, err := b.peer.Read(make([]byte, 1)); err == nil {
			t.Error("got a byte, want the connection closed")
		}
		on(t, b.r, func() {
			if c := b.r.Count(); c.Panics != 2 || c.Connections != 0 {
				t.Errorf("got %d panics and %d connections, want 2 and none", c.Panics, c.Connections)
			}
		})
	})
}

func TestAPanicOfATaskOrATurnIsToldWithoutASlot(t *testing.T) {
	for _, e := range engines() {
		t.Run(e.String(), func(t *testing.T) {
			h := newRecorder()
			once := true
			h.onTurn = func() {
				if once {
					once = false
					panic("turn")
				}
			}
			h.onPanicked = func(n uint32, _ any) {
				if n != NoSlot {
					t.Errorf("got slot %d, want none", n)
				}
			}
			r := start(t, Config{Handler: h, Engine: e})
			h.await(t, "panicked turn")
			r.Post(TaskFunc(func(*Reactor) { panic("task") }))
			h.await(t, "panicked task")
			on(t, r, func() {})
		})
	}
}

func TestAPanicInEveryOtherMethodIsSurvived(t *testing.T) {
	h := newRecorder()
	fail := func(uint32) { panic("told") }
	h.onHangup = func(n uint32, _ error) { fail(n) }
	h.onOverflow = func(n uint32, _, _ int) { fail(n) }
	h.onDrained = fail
	h.onExpired = fail
	h.onAccepted = func(n uint32, _ Accepted) { fail(n) }
	var slots []uint32
	h.onPanicked = func(n uint32, _ any) { slots = append(slots, n) }
	r, _ := still(t, Config{Handler: h, QueueLimit: 10})
	n := r.openSlot()
	r.notifyHangup(n, nil)
	r.sender.Send(n, NewFrame(make([]byte, 11), true))
	r.passOnNotices()
	r.sender.NotifyDrained(n)
	r.flush()
	r.notifyExpired(n)
	r.notifyAccepted(n, Accepted{})
	if want := []uint32{n, n, n, n, NoSlot}; len(slots) != len(want) || slots[0] != n || slots[3] != n || slots[4] != NoSlot {
		t.Errorf("got panics of slots %v, want %v", slots, want)
	}
}
