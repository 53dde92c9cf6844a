package fanout

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"testing"
	"unsafe"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/netpoll"
)

func TestNobodyWritesToAFrameBetweenResetAndRecycle(t *testing.T) {
	l := newLoopHub(t, EngineDefault)
	f := newFrame()
	f.match = l.hub.index.MatchString("t", "")
	f.encode(&outgoing{event: event.Event{Type: "t", Payload: []byte("1")}}, l.hub.cfg.opcode)
	f.Retain(1)
	want := bytes.Clone(f.buf)
	l.slow.post(f)
	for i := range 1000 {
		l.hub.DispatchEvent(event.Event{Type: "t", ID: fmt.Sprint(i), Payload: []byte(`"another"`)})
	}
	l.until("all are delivered", func() bool { return l.hub.Stats().Delivered == 1001 })
	if !bytes.Equal(f.buf, want) {
		t.Errorf("got %q in a frame that is still referenced, want %q", f.buf, want)
	}
	f.Release()
}

func TestTheInboxPositionIsTheFirstItemThatHasNotBeenRun(t *testing.T) {
	type position struct {
		kind itemKind
		text string
	}
	seen := make(chan position, 10)
	at := func(s *Spoke) {
		i := &s.runningInbox.items[s.runningInbox.pos]
		_, _, payload := s.runningInbox.parts(i)
		seen <- position{i.kind, string(payload)}
	}
	l := hubOf(t, Config{
		OnConnection: func(s *Spoke, _ net.Conn) { at(s) },
		OnEvent:      func(s *Spoke, _ event.Event) { at(s) },
		OnSubscribe:  func(s *Spoke, _ string) error { at(s); return nil },
	})
	here, _ := l.join()
	const topics = `{"topic":"a"}`
	const control = `{"type":"__subscribe","payload":` + topics + `}`
	if got, want := <-seen, (position{kind: itemConnected}); got != want {
		t.Errorf("got position %v, want %v", got, want)
	}
	l.send(here, `{"type":"first"}`)
	l.send(here, control)
	l.send(here, `{"type":"last"}`)
	for _, want := range []position{{itemEvent, ""}, {itemControl, topics}, {itemEvent, ""}} {
		got := <-seen
		if want.kind == itemEvent {
			got.text = ""
		}
		if got != want {
			t.Errorf("got position %v, want %v", got, want)
		}
	}
}

func TestPostedMinusTakenIsNeverLessThanWhatWaits(t *testing.T) {
	l := newLoopHub(t, EngineDefault)
	proceed := l.halt()
	e := event.Event{Type: "t", Payload: []byte("12345")}
	size := int64(len(event.Append(nil, e)))
	const events = 100
	for i := range int64(events) {
		l.hub.DispatchEvent(e)
		if got, least := l.slow.shared.inflow.backlog(), (i+1)*size; got < least {
			t.Errorf("got %d bytes waiting after %d events, want at least %d", got, i+1, least)
		}
	}
	proceed()
	l.until("nothing waits", func() bool { return l.slow.shared.inflow.backlog() == 0 })
}

func TestALoopThatFindsAnotherBehindIsNotifiedAndReadsOn(t *testing.T) {
	l := newLoopHub(t, EngineDefault)
	_, spoke := l.joinElsewhere()
	excess := l.hub.cfg.maxInflow + 1
	l.slow.shared.inflow.posted.Add(excess)
	waits := func() (marked, listed bool) {
		spoke.loop.ask(func(*netpoll.Reactor) {
			marked = spoke.marks&targetBehind != 0
			for _, w := range spoke.loop.flow.waiting {
				listed = listed || w.spoke == spoke && w.to == l.slow
			}
		})
		return marked, listed
	}
	spoke.loop.ask(func(*netpoll.Reactor) {
		spoke.loop.makeWait(spoke, &outgoing{full: l.slow, found: found{size: 1}}, []byte(`{"type":"t"}`))
	})
	if marked, listed := waits(); !marked || !listed {
		t.Errorf("got the spoke marked %v and waiting %v for a loop that is behind, want both", marked, listed)
	}
	l.slow.ask(func(*netpoll.Reactor) { l.slow.flow.taken += excess })
	l.until("the spoke is read again", func() bool {
		marked, listed := waits()
		if marked != listed {
			t.Errorf("got the spoke marked %v and waiting %v, want the same", marked, listed)
		}
		return !marked
	})
}

func TestEverySlotInUseButAListenersHasItsSpoke(t *testing.T) {
	l := hubOf(t, Config{Reactors: 2})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- l.hub.Serve(listener) }()
	var clients []net.Conn
	for range 10 {
		here, _ := l.join()
		clients = append(clients, here)
	}
	late, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer late.Close()
	if _, err := late.Write([]byte("GET ")); err != nil {
		t.Fatal(err)
	}
	for _, here := range clients[:5] {
		here.Close()
	}
	l.until("the closed ones have ended", func() bool { return l.hub.Stats().Connections == 6 })
	for _, to := range l.hub.loops {
		to.ask(func(r *netpoll.Reactor) {
			spokes := uint64(0)
			for s := range to.all() {
				spokes++
				if !r.Holds(s.conn) || to.spoke(s.conn.Slot) != s {
					t.Errorf("got spoke %d in a slot that is not its own", s.id)
				}
			}
			if got := r.Count().Connections; got != spokes {
				t.Errorf("got %d slots in use by connections, want the %d of spokes", got, spokes)
			}
		})
	}
}

func TestEachConnectionOverTheLimitsHasAPlace(t *testing.T) {
	l := hubOf(t, Config{Reactors: 2, MaxConnections: 1})
	l.join()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go l.hub.Serve(listener)
	places := func() (listed, taken int) {
		for _, on := range l.hub.loops {
			on.ask(func(*netpoll.Reactor) { listed += len(on.conns.overLimit) })
		}
		return listed, int(l.hub.admission.overLimit.Load())
	}
	awaitPlaces := func(want int) {
		l.until(fmt.Sprint(want, " are over the limits"), func() bool {
			listed, taken := places()
			return listed == want && taken == want
		})
	}
	var over []net.Conn
	for i := range 3 {
		here, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer here.Close()
		if _, err := here.Write([]byte("GET ")); err != nil {
			t.Fatal(err)
		}
		over = append(over, here)
		awaitPlaces(i + 1)
	}
	for i, here := range over {
		here.Close()
		awaitPlaces(len(over) - i - 1)
	}
}

func TestWhatATurnHasForAnotherLoopIsInOrderAndHandedOver(t *testing.T) {
	l := hubOf(t, Config{Reactors: 2, Relay: true, Engine: EngineGoroutine})
	from, to := l.hub.loops[0], l.hub.loops[1]
	arriving, peer := net.Pipe()
	defer peer.Close()
	from.ask(func(*netpoll.Reactor) {
		var frames []*frame
		for i := range 3 {
			f := newFrame()
			f.encode(&outgoing{event: event.Event{Type: "t", ID: fmt.Sprint(i)}}, l.hub.cfg.opcode)
			frames = append(frames, f)
			to.shared.inflow.posted.Add(int64(f.Len()))
			from.forward(to, f, false)
		}
		for i, f := range frames {
			if got := from.work.outbound[to.index][i]; got != netpoll.Task(f) {
				t.Errorf("got %p as frame %d for the other loop, want %p", got, i, f)
			}
		}
		to.shared.connections.Add(1)
		if refusal := l.hub.admit(peerAddress{}); refusal != nil {
			t.Errorf("got %v, want a connection admitted", refusal.Reason)
		}
		from.work.arrivals[to.index] = append(from.work.arrivals[to.index], arrival{Accepted: netpoll.Accepted{FD: -1, Conn: arriving, Peer: netip.AddrPort{}}})
		from.Turn()
		if frames, conns := len(from.work.outbound[to.index]), len(from.work.arrivals[to.index]); frames != 0 || conns != 0 {
			t.Errorf("got %d frames and %d connections kept after the turn, want none", frames, conns)
		}
	})
	l.until("the other loop has the connection", func() bool {
		connections := uint64(0)
		to.ask(func(r *netpoll.Reactor) { connections = r.Count().Connections })
		return connections == 1
	})
	l.until("the other loop has the frames", func() bool { return to.shared.inflow.backlog() == 0 })
}

func TestWhileASpokeWaitsATaskRunsOrTheWatchIsSet(t *testing.T) {
	heard, occupied := make(chan struct{}), make(chan struct{})
	l := hubOf(t, Config{Workers: 1, OnEvent: func(*Spoke, event.Event) { close(heard) }})
	w := l.hub.workers
	if err := w.pool.Submit(func() { <-occupied }); err != nil {
		t.Fatal(err)
	}
	vacate := sync.OnceFunc(func() { close(occupied) })
	t.Cleanup(vacate)
	here, _ := l.join()
	l.send(here, `{"type":"t"}`)
	for checked := 0; checked < 10; {
		l.until("a spoke waits without a task", func() bool {
			w.queue.mu.Lock()
			defer w.queue.mu.Unlock()
			if w.queue.waitingLocked() == 0 || w.queue.running > 0 {
				return false
			}
			checked++
			if !w.watch.set {
				t.Error("got no watch while a spoke waits and no task runs, want one")
			}
			return true
		})
	}
	vacate()
	l.until("the event is heard", func() bool {
		select {
		case <-heard:
			return true
		default:
			return false
		}
	})
}

func TestWhatManySpokesHaveIsOneCacheLine(t *testing.T) {
	for name, c := range map[string]struct{ got, most uintptr }{
		"a spoke, a line and a half":      {unsafe.Sizeof(Spoke{}), 96},
		"extra":                           {unsafe.Sizeof(extra{}), 64},
		"extra and the first identity":    {unsafe.Sizeof(identified{}), 128},
		"what few spokes have besides it": {unsafe.Sizeof(seldom{}), 96},
	} {
		if c.got > c.most {
			t.Errorf("%s: got %d bytes, want %d at most", name, c.got, c.most)
		}
	}
}
