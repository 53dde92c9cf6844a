package netpoll

import (
	"net"
	"runtime"
	"strings"
	"testing"
)

func TestNewNamesTheFieldItDoesNotLike(t *testing.T) {
	for field, cfg := range map[string]Config{
		"Handler":    {},
		"QueueLimit": {Handler: newRecorder(), QueueLimit: -1},
		"ReadBuffer": {Handler: newRecorder(), ReadBuffer: -1},
		"Slice":      {Handler: newRecorder(), Slice: -1},
		"Engine":     {Handler: newRecorder(), Engine: 99},
	} {
		t.Run(field, func(t *testing.T) {
			if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), "Config."+field) {
				t.Errorf("got error %v, want one that names Config.%s", err, field)
			}
		})
	}
	if _, err := New(Config{Handler: newRecorder(), QueueLimit: 1<<30 + 1}); err == nil {
		t.Error("got a limit over 1 GiB accepted, want an error")
	}
}

func TestEveryEngineIsReadByItsName(t *testing.T) {
	for e := EngineDefault; e <= EngineGoroutine; e++ {
		if got, err := ParseEngine(e.String()); err != nil || got != e {
			t.Errorf("got %v and error %v for %q, want %v", got, err, e.String(), e)
		}
	}
	if got, err := ParseEngine("kqueue"); err == nil {
		t.Errorf("got engine %v for a name that is none, want an error", got)
	}
}

func TestAFrameIsRecycledOnceWithItsLastReference(t *testing.T) {
	var times recycled
	f := new(Frame)
	f.Reset([]byte("abc"), true, &times)
	f.Retain(2)
	for range 3 {
		if times != 0 {
			t.Fatal("got the frame recycled while it is referenced")
		}
		f.Release()
	}
	if times != 1 || f.Len() != 3 {
		t.Errorf("got recycled %d times with length %d, want once with 3", times, f.Len())
	}
}

type recycled int

// Recycle counts.
func (r *recycled) Recycle() { *r++ }

func TestWhatHasNoSocketIsNotAdopted(t *testing.T) {
	ours, peer := net.Pipe()
	defer ours.Close()
	defer peer.Close()
	if fd, ok, err := Adopt(ours); ok || err != nil || fd != -1 {
		t.Errorf("got descriptor %d, %v and error %v of a pipe, want none", fd, ok, err)
	}
	if fd, ok, err := AdoptListener(noListener{}); ok || err != nil || fd != -1 {
		t.Errorf("got descriptor %d, %v and error %v of a listener of no kind, want none", fd, ok, err)
	}
}

type noListener struct{ net.Listener }

// TestSenderI3AQueueIsPendingOrBacklogAndListed follows one connection from empty to full and back.
func TestSenderI3AQueueIsPendingOrBacklogAndListed(t *testing.T) {
	r, _ := still(t, Config{Handler: newRecorder(), Engine: EngineGoroutine})
	n, l := stillLink(r, nil)
	s := r.sender.conns.At(n)
	r.sender.Send(n, NewFrame(pattern(linkWriteBytes+10), true))
	if s.node == 0 || s.backlog != 0 || s.state&listed == 0 {
		t.Fatalf("got node %d, backlog %d, flags %b when queued, want it pending and listed", s.node, s.backlog, s.state)
	}
	checkQueue(t, &r.sender)
	r.flush()
	if s.node != 0 || s.backlog == 0 || s.state&listed != 0 {
		t.Fatalf("got node %d, backlog %d, flags %b when full, want a backlog alone", s.node, s.backlog, s.state)
	}
	checkQueue(t, &r.sender)
	r.sender.Send(n, NewFrame([]byte("more"), true))
	if s.node == 0 || s.state&listed == 0 {
		t.Fatalf("got node %d, flags %b behind a backlog, want it pending and listed", s.node, s.state)
	}
	r.flush()
	for range 2 {
		<-l.out.jobs
		(*linkWritten)(l).Do(r)
		r.flush()
	}
	<-l.out.jobs
	(*linkWritten)(l).Do(r)
	if s.node != 0 || s.backlog != 0 {
		t.Errorf("got node %d and backlog %d when all is sent, want none", s.node, s.backlog)
	}
	checkQueue(t, &r.sender)
	if c := r.Count(); c.Delivered != 2 {
		t.Errorf("got %d delivered, want 2", c.Delivered)
	}
}

// TestAKickUnderWayKeepsThePoller is about a goroutine that posts while the reactor ends.
func TestAKickUnderWayKeepsThePoller(t *testing.T) {
	for _, e := range engines() {
		t.Run(e.String(), func(t *testing.T) {
			r, err := New(Config{Handler: newRecorder(), Engine: e})
			if err != nil {
				t.Fatal(err)
			}
			go r.Run()
			on(t, r, func() {})
			r.mail.kicking.Add(1)
			stopped := make(chan struct{})
			go func() {
				defer close(stopped)
				r.Stop()
			}()
			for r.Post(TaskFunc(func(*Reactor) {})) {
				continue
			}
			for range 5000 {
				runtime.Gosched()
			}
			select {
			case <-stopped:
				if e != EngineGoroutine {
					t.Error("got the poller freed during a kick, want it to wait")
				}
			default:
			}
			r.mail.kicking.Add(-1)
			<-stopped
		})
	}
}
