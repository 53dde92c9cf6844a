package netpoll

import (
	"testing"

	"golang.org/x/sys/unix"
)

// allocs is AllocsPerRun behind a warm-up that fills the pools.
func allocs(runs int, f func()) float64 {
	for range 50 {
		f()
	}
	return testing.AllocsPerRun(runs, f)
}

func TestQueueingAndSendingAllocatesNothing(t *testing.T) {
	r, _ := still(t, Config{Handler: quietHandler{newRecorder()}})
	sink := drain(t)
	members := slotsOf(r, 500)
	for _, n := range members {
		r.conns.table.At(n).fd = sink
	}
	frame := NewFrame(pattern(128), true)
	for name, f := range map[string]func(){
		"a fan-out": func() {
			r.sender.Fanout(frame, members, nil, NoSlot)
			for r.sender.hasWork() {
				r.flush()
			}
		},
		"eight fan-outs that share batches": func() {
			for i := range 8 {
				r.sender.Fanout(frame, members[:100*(i%5+1)], nil, members[i])
			}
			for r.sender.hasWork() {
				r.flush()
			}
		},
		"sends to single connections": func() {
			for _, n := range members[:50] {
				r.sender.Send(n, frame)
				r.sender.SendLast(n, frame)
				r.sender.NotifyDrained(n)
				r.SetDeadline(n, 10*Tick)
			}
			for r.sender.hasWork() {
				r.flush()
			}
		},
		"a fan-out that is dropped": func() {
			r.sender.Fanout(frame, members, nil, NoSlot)
			for _, n := range members {
				r.sender.Cut(n, DropClosed)
			}
			for r.sender.hasWork() {
				r.flush()
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := allocs(100, f); got != 0 {
				t.Errorf("got %v allocations, want none", got)
			}
		})
	}
}

// quietHandler is told what comes often without keeping it.
type quietHandler struct{ Handler }

// Drained does nothing.
func (quietHandler) Drained(uint32) {}

// Input does nothing.
func (quietHandler) Input(uint32, []byte) {}

func TestABlockedConnectionAllocatesNothing(t *testing.T) {
	r, _ := still(t, Config{Handler: quietHandler{newRecorder()}})
	ours, peer := socketPair(t)
	n, err := r.Open(ours)
	if err != nil {
		t.Fatal(err)
	}
	frame := NewFrame(pattern(400<<10), true)
	small := NewFrame([]byte("small"), true)
	buf := make([]byte, 1<<20)
	got := allocs(50, func() {
		r.sender.Send(n, frame)
		r.flush()
		r.sender.Send(n, small)
		for r.sender.Buffered(n) > 0 {
			r.flush()
			_, _ = unix.Read(peer, buf)
			r.ready(r.Conn(n), writable)
		}
		for m, _ := unix.Read(peer, buf); m > 0; m, _ = unix.Read(peer, buf) {
			continue
		}
	})
	if limit := 3.0; got > limit {
		t.Errorf("got %v allocations for a blocked giant, want at most the %v of its batch", got, limit)
	}
	r.Close(n, DropClosed)
	r.closeRetired()
}

func TestReadingAllocatesNothing(t *testing.T) {
	r, _ := still(t, Config{Handler: quietHandler{newRecorder()}})
	ours, peer := socketPair(t)
	n, err := r.Open(ours)
	if err != nil {
		t.Fatal(err)
	}
	message := []byte("message")
	got := allocs(100, func() {
		_, _ = unix.Write(peer, message)
		r.ready(r.Conn(n), readable)
		r.turn()
	})
	if got != 0 {
		t.Errorf("got %v allocations a read, want none", got)
	}
	if c := r.Count(); c.Reads == 0 || c.BytesIn != c.Reads*uint64(len(message)) {
		t.Errorf("got %d reads of %d bytes, want each message", c.Reads, c.BytesIn)
	}
	r.Close(n, DropClosed)
	r.closeRetired()
}

type nopTask struct{}

// Do does nothing.
func (*nopTask) Do(*Reactor) {}

func TestPostingAllocatesNothing(t *testing.T) {
	r, _ := still(t, Config{Handler: quietHandler{newRecorder()}})
	task := new(nopTask)
	all := []Task{task, task, task}
	got := allocs(100, func() {
		r.Post(task)
		r.PostAll(all)
		r.turn()
	})
	if got != 0 {
		t.Errorf("got %v allocations, want none", got)
	}
}
