package netpoll

import (
	"bytes"
	"io"
	"net"
	"testing"
)

func TestLinkI1OneInputIsUnderWay(t *testing.T) {
	h := newRecorder()
	r := start(t, Config{Handler: h, Engine: EngineGoroutine})
	ours, peer := net.Pipe()
	defer peer.Close()
	sent := pattern(100 << 10)
	var input []byte
	h.onInput = func(n uint32, view []byte) {
		before := bytes.Clone(view)
		l := r.links.bySlot[n]
		r.Pause(n)
		r.Resume(n)
		l.readOn(r.conns.table.At(n))
		if len(l.in.next) != 0 {
			t.Error("got the reader let go on within Input, want it to wait")
		}
		if !bytes.Equal(before, view) {
			t.Error("got the view changed within Input")
		}
		input = append(input, view...)
		if len(input) == len(sent) {
			h.note("complete")
		}
	}
	on(t, r, func() { r.OpenLink(ours) })
	go peer.Write(sent)
	h.await(t, "complete")
}

func TestLinkI2BusyUntilTheWriteIsReported(t *testing.T) {
	h := newRecorder()
	r := start(t, Config{Handler: h, Engine: EngineGoroutine})
	ours, peer := net.Pipe()
	defer peer.Close()
	var n uint32
	on(t, r, func() {
		n = r.OpenLink(ours)
		r.sender.Send(n, NewFrame([]byte("abc"), true))
		r.sender.NotifyDrained(n)
	})
	on(t, r, func() {
		l := r.links.bySlot[n]
		if !l.out.busy || l.write([]byte("more")) != 0 {
			t.Errorf("got busy %v with a write under way, want it to take nothing", l.out.busy)
		}
		if h.count("drained") != 0 {
			t.Error("got drained before the peer has read, want it after")
		}
	})
	if _, err := peer.Read(make([]byte, 3)); err != nil {
		t.Fatal(err)
	}
	h.await(t, "drained")
	on(t, r, func() {
		if r.links.bySlot[n].out.busy {
			t.Error("got busy after the write, want not")
		}
	})
}

func TestLinkI3GoroutinesEndBeforeRunReturns(t *testing.T) {
	r, err := New(Config{Handler: newRecorder(), Engine: EngineGoroutine})
	if err != nil {
		t.Fatal(err)
	}
	go r.Run()
	var links []*link
	for range 20 {
		ours, peer := net.Pipe()
		defer peer.Close()
		on(t, r, func() {
			n := r.OpenLink(ours)
			r.sender.Send(n, NewFrame([]byte("never read"), true))
			links = append(links, r.links.bySlot[n])
		})
	}
	r.Stop()
	for i, l := range links {
		select {
		case <-l.in.done:
		default:
			t.Errorf("link %d: got a reader after Run, want none", i)
		}
		select {
		case <-l.out.done:
		default:
			t.Errorf("link %d: got a writer after Run, want none", i)
		}
	}
}

func TestConnectionsOpenedByTheLastTasksAreClosed(t *testing.T) {
	r, err := New(Config{Handler: newRecorder(), Engine: EngineGoroutine})
	if err != nil {
		t.Fatal(err)
	}
	ours, peer := net.Pipe()
	r.Post(TaskFunc(func(r *Reactor) {
		r.turns.stopping = true
		r.Post(TaskFunc(func(r *Reactor) { r.OpenLink(ours) }))
	}))
	go r.Run()
	if _, err := peer.Read(make([]byte, 1)); err == nil {
		t.Error("got a byte, want the connection closed")
	}
	<-r.Done()
}

func TestAWriteGivenToALinkOutlivesItsRelease(t *testing.T) {
	r := start(t, Config{Handler: newRecorder(), Engine: EngineGoroutine})
	for range 100 {
		ours, peer := net.Pipe()
		var out *Released
		on(t, r, func() {
			n := r.OpenLink(ours)
			r.sender.Send(n, NewFrame([]byte("abc"), true))
			r.flush()
			out = r.Release(n, nil)
		})
		conn, err := out.Conn()
		if err != nil {
			t.Fatal(err)
		}
		go conn.Write([]byte("def"))
		got := make([]byte, 6)
		if _, err := io.ReadFull(peer, got); err != nil || string(got) != "abcdef" {
			t.Fatalf("got %q and error %v, want what was queued and then the new owner's", got, err)
		}
		conn.Close()
		peer.Close()
	}
}

func TestALinkThatTakesMoreIsAlive(t *testing.T) {
	r, _ := still(t, Config{Handler: newRecorder(), Collect: -1})
	n, l := stillLink(r, nil)
	r.sender.Send(n, NewFrame(pattern(2*linkWriteBytes), true))
	r.turn()
	r.freeze(3 * Tick)
	r.turn()
	if got := r.SilentFor(n); got < 3*Tick {
		t.Fatalf("got silent for %v while a write is under way, want %v", got, 3*Tick)
	}
	<-l.out.jobs
	(*linkWritten)(l).Do(r)
	r.turn()
	if got := r.SilentFor(n); got != 0 {
		t.Errorf("got silent for %v once the peer has taken a write, want not", got)
	}
}
