package netpoll

import (
	"encoding/binary"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

var waitLoops = []Engine{EngineEpoll, EngineEasygo, EngineParked}

// TestTrapStaleReadinessAfterClose has two descriptors ready in one batch; what is told first closes the other and opens
// a third connection in the same call.
func TestTrapStaleReadinessAfterClose(t *testing.T) {
	for _, e := range waitLoops {
		t.Run(e.String(), func(t *testing.T) {
			h := newRecorder()
			r := start(t, Config{Handler: h, Engine: e})
			for range 50 {
				a, peerOfA := socketPair(t)
				b, peerOfB := socketPair(t)
				fresh, peerOfFresh := socketPair(t)
				var slots [2]uint32
				opened, inputs := NoSlot, 0
				onInput := func(n uint32, view []byte) {
					inputs++
					if opened == n {
						if string(view) != "fresh" {
							t.Errorf("got %q on the new connection, want its own input", view)
						}
						h.note("fresh")
						return
					}
					r.Close(slots[0]+slots[1]-n, DropClosed)
					opened, _ = r.Open(fresh)
					h.note("replaced")
				}
				on(t, r, func() {
					h.onInput = onInput
					h.onHangup = func(n uint32, err error) { t.Errorf("got a hangup of slot %d: %v", n, err) }
					slots[0], _ = r.Open(a)
					slots[1], _ = r.Open(b)
					_, _ = unix.Write(peerOfA, []byte("stale"))
					_, _ = unix.Write(peerOfB, []byte("stale"))
				})
				h.await(t, "replaced")
				_, _ = unix.Write(peerOfFresh, []byte("fresh"))
				h.await(t, "fresh")
				on(t, r, func() {
					if inputs != 2 {
						t.Errorf("got %d inputs, want one of a batch of two and the new connection's", inputs)
					}
					for n := range r.conns.table.Len() {
						if r.conns.table.At(n).is(inUse) {
							r.Close(n, DropClosed)
						}
					}
				})
				h.mu.Lock()
				h.events = nil
				h.mu.Unlock()
			}
		})
	}
}

func TestTrapClosedWithoutDelTheNumberCanBeUsedAgain(t *testing.T) {
	for _, e := range waitLoops {
		t.Run(e.String(), func(t *testing.T) {
			h := newRecorder()
			r := start(t, Config{Handler: h, Engine: e})
			reused := 0
			number := -1
			for range 100 {
				ours, peer := loosePair(t)
				if ours == number {
					reused++
				}
				number = ours
				var n uint32
				on(t, r, func() {
					var err error
					if n, err = r.Open(ours); err != nil {
						t.Fatalf("got %v for a number that was used before, want it taken", err)
					}
				})
				_, _ = unix.Write(peer, []byte("alive"))
				h.await(t, `input "alive"`)
				on(t, r, func() { r.Close(n, DropClosed) })
				on(t, r, func() {})
				h.mu.Lock()
				h.events = nil
				h.mu.Unlock()
				unix.Close(peer)
			}
			if reused == 0 {
				t.Skip("no number came twice")
			}
		})
	}
}

func TestTrapAFailedAddLeavesNoEntry(t *testing.T) {
	for _, e := range waitLoops {
		t.Run(e.String(), func(t *testing.T) {
			h := newRecorder()
			r := start(t, Config{Handler: h, Engine: e})
			fd, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
			if err != nil {
				t.Fatal(err)
			}
			on(t, r, func() {
				if _, err := r.Open(fd); err == nil {
					t.Error("got a file opened, want an error")
				}
			})
			ours, peer := socketPair(t)
			if err := unix.Dup3(ours, fd, unix.O_CLOEXEC); err != nil {
				t.Fatal(err)
			}
			unix.Close(ours)
			on(t, r, func() {
				if _, err := r.Open(fd); err != nil {
					t.Errorf("got %v for a socket with the number of what failed, want it taken", err)
				}
			})
			_, _ = unix.Write(peer, []byte("alive"))
			h.await(t, `input "alive"`)
		})
	}
}

// TestTrapCloseInsideACallbackDeadlocks ends a reactor from within what easygo calls.
func TestTrapCloseInsideACallbackDeadlocks(t *testing.T) {
	for _, e := range waitLoops {
		t.Run(e.String(), func(t *testing.T) {
			ours, peer := socketPair(t)
			before := openDescriptors(t)
			h := newRecorder()
			r, err := New(Config{Handler: h, Engine: e})
			if err != nil {
				t.Fatal(err)
			}
			h.onInput = func(uint32, []byte) {
				r.Post(TaskFunc(func(r *Reactor) { r.turns.stopping = true }))
			}
			go r.Run()
			on(t, r, func() { _, _ = r.Open(ours) })
			_, _ = unix.Write(peer, []byte("stop"))
			<-r.Done()
			if isOpen(ours) {
				t.Error("got the connection open after Run, want it closed")
			}
			for what, after := range openDescriptors(t) {
				if after > before[what] {
					t.Errorf("got %d descriptors of %s, want the %d from before", after, what, before[what])
				}
			}
		})
	}
}

// openDescriptors counts them by what they stand for. What earlier tests have left may be closed at any time.
func openDescriptors(t testing.TB) map[string]int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	open := make(map[string]int)
	for _, entry := range entries {
		if what, err := os.Readlink("/proc/self/fd/" + entry.Name()); err == nil {
			open[what]++
		}
	}
	return open
}

// TestTrapAHardWaitErrorIsToldAndEndsTheReactor puts another descriptor in the place of the epoll's.
func TestTrapAHardWaitErrorIsToldAndEndsTheReactor(t *testing.T) {
	for _, e := range waitLoops {
		t.Run(e.String(), func(t *testing.T) {
			h := newRecorder()
			r, err := New(Config{Handler: h, Engine: e})
			if err != nil {
				t.Fatal(err)
			}
			go r.Run()
			ours, peer := socketPair(t)
			on(t, r, func() {
				_, _ = r.Open(ours)
				epoll := 0
				switch p := r.poller.(type) {
				case *epollPoller:
					epoll = p.epoll
				case *parkedPoller:
					epoll = p.epoll
				case *easygoPoller:
					epoll = int(reflect.ValueOf(p.epoll).Elem().FieldByName("fd").Int())
				}
				if err := unix.Dup3(peer, epoll, unix.O_CLOEXEC); err != nil {
					t.Error(err)
				}
			})
			r.Post(TaskFunc(func(*Reactor) {}))
			h.await(t, "failed")
			<-r.Done()
			if isOpen(ours) {
				t.Error("got the connection open after the failure, want it closed")
			}
			if r.Post(TaskFunc(func(*Reactor) {})) {
				t.Error("got a task accepted after the failure, want it refused")
			}
			r.Stop()
		})
	}
}

// TestTrapHandleAndDescAreNeverUsed allows of easygo's names only those of its low-level Epoll.
func TestTrapHandleAndDescAreNeverUsed(t *testing.T) {
	allowed := []string{"Epoll", "EpollCreate", "EpollConfig", "EpollEvent"}
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	uses := 0
	for _, file := range files {
		if !strings.HasSuffix(file.Name(), ".go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(parsed.Imports, func(i *ast.ImportSpec) bool { return strings.Contains(i.Path.Value, "mailru/easygo") }) {
			continue
		}
		ast.Inspect(parsed, func(node ast.Node) bool {
			selector, ok := node.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if name, ok := selector.X.(*ast.Ident); ok && name.Name == "netpoll" {
				uses++
				if !slices.Contains(allowed, selector.Sel.Name) {
					t.Errorf("%s: got netpoll.%s of easygo used, want only %v", file.Name(), selector.Sel.Name, allowed)
				}
			}
			return true
		})
	}
	if uses == 0 {
		t.Error("got no use of easygo found, want some")
	}
}

func easygoStill(t *testing.T) (*Reactor, *easygoPoller) {
	t.Helper()
	r, err := New(Config{Handler: newRecorder(), Engine: EngineEasygo})
	if err != nil {
		t.Fatal(err)
	}
	return r, r.poller.(*easygoPoller)
}

func TestEasygoI1OneWriteABatch(t *testing.T) {
	r, p := easygoStill(t)
	defer p.free()
	loops := p.event
	own, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(own)
	p.event = own
	for range 5 {
		p.onReady(Conn{Slot: 7}, unix.EPOLLIN)
	}
	var count [8]byte
	_, _ = unix.Read(p.event, count[:])
	if got := binary.NativeEndian.Uint64(count[:]); got != 1 {
		t.Errorf("got %d writes for a batch, want 1", got)
	}
	p.began.Store(true)
	p.onKick(unix.EPOLLIN)
	if p.turnDue || r.turns.count != 1 {
		t.Errorf("got a turn due %v after %d turns, want none after 1", p.turnDue, r.turns.count)
	}
	p.event = loops
}

func TestEasygoI2ACallbackOfAnEarlierUserOfTheNumberFindsNobody(t *testing.T) {
	h := newRecorder()
	r := start(t, Config{Handler: h, Engine: EngineEasygo})
	ours, _ := socketPair(t)
	again, other := socketPair(t)
	var stale Conn
	on(t, r, func() {
		n, err := r.Open(ours)
		if err != nil {
			t.Fatal(err)
		}
		stale = r.Conn(n)
		r.Close(n, DropClosed)
	})
	for isOpen(ours) {
		on(t, r, func() {})
	}
	on(t, r, func() {
		n, err := r.Open(again)
		if err != nil || n != stale.Slot {
			t.Fatalf("got slot %d and error %v, want slot %d again", n, err, stale.Slot)
		}
		_, _ = unix.Write(other, []byte("x"))
		r.poller.(*easygoPoller).onReady(stale, unix.EPOLLIN|unix.EPOLLHUP)
		if got := h.list(); len(got) != 0 {
			t.Errorf("got %q told for a stale callback, want nothing", got)
		}
	})
	h.await(t, `input "x"`)
}

func TestEasygoI3NoTurnComesBeforeRun(t *testing.T) {
	r, p := easygoStill(t)
	p.onKick(unix.EPOLLIN)
	p.kick()
	if r.turns.count != 0 {
		t.Errorf("got %d turns before Run, want none", r.turns.count)
	}
	go r.Run()
	on(t, r, func() {})
	r.Stop()
}

func TestEasygoI4NothingIsRegisteredWhenItCloses(t *testing.T) {
	r, p := easygoStill(t)
	go r.Run()
	for range 10 {
		ours, _ := socketPair(t)
		on(t, r, func() { _, _ = r.Open(ours) })
	}
	r.Stop()
	if registered := reflect.ValueOf(p.epoll).Elem().FieldByName("callbacks").Len(); registered != 0 {
		t.Errorf("got %d callbacks after Run, want none", registered)
	}
	if !reflect.ValueOf(p.epoll).Elem().FieldByName("closed").Bool() {
		t.Error("got easygo's Epoll open after Run, want it closed")
	}
}

func TestTheDefaultEngineParksAReactorThatIsAlone(t *testing.T) {
	for name, c := range map[string]struct {
		alone bool
		want  string
	}{
		"and only that":            {true, "*netpoll.parkedPoller"},
		"while several use easygo": {false, "*netpoll.easygoPoller"},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, Config{Handler: newRecorder(), Alone: c.alone})
			if got := reflect.TypeOf(r.poller).String(); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}
