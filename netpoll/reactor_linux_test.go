package netpoll

import (
	"io"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// socketPair makes two connected sockets, of which the test's end closes peer.
func socketPair(t testing.TB) (ours, peer int) {
	t.Helper()
	ours, peer = loosePair(t)
	t.Cleanup(func() { unix.Close(peer) })
	return ours, peer
}

// loosePair makes two connected sockets that are the caller's to close.
func loosePair(t testing.TB) (ours, peer int) {
	t.Helper()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	return pair[0], pair[1]
}

func isOpen(fd int) bool {
	_, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	return err == nil
}

// drain is the sink that many slots of a still reactor send to: a socket that takes any number of datagrams.
func drain(t testing.TB) int32 {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Connect(fd, name); err != nil {
		t.Fatal(err)
	}
	return int32(fd)
}

func TestReactorI1DescriptorsAreClosedBehindATurn(t *testing.T) {
	r, p := still(t, Config{Handler: newRecorder()})
	ours, _ := socketPair(t)
	n, err := r.Open(ours)
	if err != nil {
		t.Fatal(err)
	}
	r.Close(n, DropClosed)
	if !isOpen(ours) {
		t.Fatal("got the descriptor closed within a turn, want it open until its end")
	}
	if _, watched := p.watched[int32(ours)]; !watched {
		t.Fatal("got the descriptor unwatched within a turn, want it so until its end")
	}
	r.closeRetired()
	if isOpen(ours) {
		t.Error("got the descriptor open behind the turn, want it closed")
	}
	if _, watched := p.watched[int32(ours)]; watched {
		t.Error("got the descriptor watched behind the turn, want it not")
	}
}

func TestSenderI2TheLastFrameNeverCutsIntoAHalfSentOne(t *testing.T) {
	r, _ := still(t, Config{Handler: newRecorder()})
	ours, peer := socketPair(t)
	_ = unix.SetsockoptInt(ours, unix.SOL_SOCKET, unix.SO_SNDBUF, 4096)
	n, err := r.Open(ours)
	if err != nil {
		t.Fatal(err)
	}
	half := pattern(300 << 10)
	r.sender.Send(n, NewFrame(half, true))
	r.sender.Send(n, NewFrame([]byte("dropped"), true))
	r.flush()
	r.sender.Cut(n, DropOverflow)
	r.sender.Cut(n, DropOverflow)
	r.sender.SendLast(n, NewFrame([]byte("last"), false))
	var got []byte
	for r.sender.Buffered(n) > 0 {
		r.flush()
		buf := make([]byte, 1<<16)
		m, _ := unix.Read(peer, buf)
		got = append(got, buf[:max(m, 0)]...)
		r.ready(r.Conn(n), writable)
	}
	buf := make([]byte, 1<<16)
	for m, _ := unix.Read(peer, buf); m > 0; m, _ = unix.Read(peer, buf) {
		got = append(got, buf[:m]...)
	}
	if want := append(half, "last"...); !slices.Equal(got, want) {
		t.Errorf("got %d bytes, want the half-sent frame whole and the last one: %d", len(got), len(want))
	}
	if c := r.Count(); c.Delivered != 1 || c.Dropped[DropOverflow] != 1 {
		t.Errorf("got %d delivered and %d dropped, want 1 and 1", c.Delivered, c.Dropped[DropOverflow])
	}
	r.Close(n, DropClosed)
	r.closeRetired()
}

func TestReactorI2AReadComesBehindTheTasksPostedBefore(t *testing.T) {
	h := newRecorder()
	r, _ := still(t, Config{Handler: h})
	ours, peer := socketPair(t)
	n, err := r.Open(ours)
	if err != nil {
		t.Fatal(err)
	}
	r.turn()
	r.Post(TaskFunc(func(r *Reactor) {
		h.note("first task")
		r.Post(TaskFunc(func(*Reactor) { h.note("second task") }))
	}))
	_, _ = unix.Write(peer, []byte("x"))
	r.ready(r.Conn(n), readable)
	if got, want := h.list(), []string{"first task", "second task", `input "x"`}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	r.Close(n, DropClosed)
	r.closeRetired()
}

func TestReactorI4OverflowIsToldBehindTheTaskThatBroughtTheFrame(t *testing.T) {
	h := newRecorder()
	r, _ := still(t, Config{Handler: h, QueueLimit: 100})
	members := slotsOf(r, 3)
	other := NewFrame([]byte("other"), true)
	h.onOverflow = func(n uint32, _, _ int) {
		r.sender.SendLast(n, other)
		r.sender.Send(members[2], other)
	}
	f := NewFrame(pattern(20), true)
	r.Post(TaskFunc(func(r *Reactor) {
		r.sender.Send(members[1], NewFrame(pattern(101), true))
		r.sender.Fanout(f, members[:2], members[:1], NoSlot)
		if h.count("overflow") != 0 {
			t.Errorf("got %q within the task, want it told later", h.list())
		}
	}))
	r.runTasks()
	r.notifyTurn()
	if h.count("overflow") != 1 {
		t.Fatalf("got %q, want one overflow", h.list())
	}
	if got := r.sender.Buffered(members[0]); got != f.Len() {
		t.Errorf("got %d bytes queued on a member of both lists, want one copy: %d", got, f.Len())
	}
}

func TestAClosedConnectionHurriesPausedAccepting(t *testing.T) {
	h := newRecorder()
	r, p := still(t, Config{Handler: h})
	fd, _ := newListener(t)
	l, err := r.Listen(fd)
	if err != nil {
		t.Fatal(err)
	}
	ours, _ := socketPair(t)
	n, err := r.Open(ours)
	if err != nil {
		t.Fatal(err)
	}
	r.pauseAccept(l, unix.EMFILE)
	if p.watched[int32(fd)].read || !IsExhausted(unix.EMFILE) {
		t.Fatal("got the listener watched while accepting is paused, want it not")
	}
	r.Close(n, DropClosed)
	r.closeRetired()
	if !p.watched[int32(fd)].read || h.count("accepting <nil>") != 1 {
		t.Errorf("got %q, want accepting to go on at once", h.list())
	}
	r.Close(l, DropClosed)
	r.closeRetired()
}

func TestSenderI4NoFrameIsRefusedForWhatTheReactorHeldBack(t *testing.T) {
	h := newRecorder()
	r, _ := still(t, Config{Handler: h, QueueLimit: 1000})
	ours, peer := socketPair(t)
	n, err := r.Open(ours)
	if err != nil {
		t.Fatal(err)
	}
	sizes := []int{240, 900, 1000, 999, 2}
	total := 0
	for _, size := range sizes {
		r.sender.Send(n, NewFrame(pattern(size), true))
		total += size
	}
	r.flush()
	buf := make([]byte, 10000)
	if got, _ := unix.Read(peer, buf); got != total {
		t.Errorf("got %d bytes, want all %d", got, total)
	}
	r.passOnNotices()
	if h.count("overflow") != 0 {
		t.Errorf("got %q of a connection that takes everything, want no overflow", h.list())
	}
	r.sender.Send(n, NewFrame(pattern(1001), true))
	r.passOnNotices()
	if h.count("overflow 0 1001") != 1 {
		t.Errorf("got %q, want an overflow of a frame over the limit by itself", h.list())
	}
	r.Close(n, DropClosed)
	r.closeRetired()
}

func TestReactorI3TasksWaitWhilePendingFramesAreHeavy(t *testing.T) {
	r, _ := still(t, Config{Handler: newRecorder(), QueueLimit: 1000})
	n := r.openSlot()
	r.conns.table.At(n).fd = drain(t)
	ran := 0
	for range 10 {
		r.Post(TaskFunc(func(r *Reactor) {
			ran++
			r.sender.Send(n, NewFrame(pattern(100), true))
		}))
	}
	r.runTasks()
	if ran != 2 || r.Idle() {
		t.Errorf("got %d tasks run and idle %v with an eighth of the limit pending, want 2 and not", ran, r.Idle())
	}
	for r.turn() == lookAgain {
		continue
	}
	if c := r.Count(); ran != 10 || c.Delivered != 10 {
		t.Errorf("got %d tasks run and %d delivered, want 10 and 10", ran, c.Delivered)
	}
}

func TestADeadlineSetAfterALongSleepIsNotDueAtOnce(t *testing.T) {
	h := newRecorder()
	r, _ := still(t, Config{Handler: h})
	ours, peer := socketPair(t)
	n, err := r.Open(ours)
	if err != nil {
		t.Fatal(err)
	}
	h.onInput = func(n uint32, _ []byte) {
		r.SetDeadline(n, 5*time.Second)
		if silent := r.SilentFor(n); silent > Tick {
			t.Errorf("got silent for %v on input, want not", silent)
		}
	}
	if v := r.turn(); v != waitForMore {
		t.Fatalf("got verdict %d of an idle turn, want to wait", v)
	}
	r.turns.clock.epoch = r.turns.clock.epoch.Add(-time.Minute)
	if _, err := unix.Write(peer, []byte("x")); err != nil {
		t.Fatal(err)
	}
	r.ready(r.Conn(n), readable)
	r.turn()
	if h.count("expired") != 0 {
		t.Error("got expired in the turn in which the deadline was set, want it in five seconds")
	}
	for range 6 {
		r.turns.clock.epoch = r.turns.clock.epoch.Add(-time.Second)
		r.turn()
	}
	if h.count("expired") != 1 {
		t.Errorf("got %d expiries six seconds later, want 1", h.count("expired"))
	}
	r.Close(n, DropClosed)
	r.closeRetired()
}

func TestAGiantFanoutDoesNotStarveASmallOne(t *testing.T) {
	r, _ := still(t, Config{Handler: newRecorder(), Slice: 1, Collect: -1})
	sink := drain(t)
	members := slotsOf(r, 3000)
	for _, n := range members {
		r.conns.table.At(n).fd = sink
	}
	small := members[2999:]
	r.sender.Fanout(NewFrame([]byte("giant"), true), members[:2999], nil, NoSlot)
	turns, smallAt := 0, 0
	for verdict := lookAgain; verdict == lookAgain; turns++ {
		if turns == 5 {
			r.Post(TaskFunc(func(r *Reactor) {
				r.sender.Fanout(NewFrame([]byte("small"), true), small, nil, NoSlot)
			}))
		}
		verdict = r.turn()
		if turns >= 5 && smallAt == 0 && r.sender.Buffered(small[0]) == 0 {
			smallAt = turns
		}
	}
	if smallAt != 5 {
		t.Errorf("got the small fan-out sent in turn %d, want it in the turn it came in: 5", smallAt)
	}
	if turns < 30 {
		t.Errorf("got the giant sent in %d turns, want it in many slices", turns)
	}
	if c := r.Count(); c.Delivered != 3000 {
		t.Errorf("got %d delivered, want 3000", c.Delivered)
	}
}

func TestSmallFanoutsDoNotStarveAGiant(t *testing.T) {
	r, _ := still(t, Config{Handler: newRecorder(), Slice: 1, Collect: -1})
	sink := drain(t)
	members := slotsOf(r, 1600)
	for _, n := range members {
		r.conns.table.At(n).fd = sink
	}
	giant, small := members[:1400], members[1400:]
	r.sender.Fanout(NewFrame([]byte("giant"), true), giant, nil, NoSlot)
	for turns := 0; r.sender.Buffered(giant[1399]) > 0; turns++ {
		if turns > 200 {
			t.Fatal("got the giant unsent after 200 turns of small fan-outs, want it sent")
		}
		for from := 0; from < len(small); from += 50 {
			r.sender.Fanout(NewFrame([]byte("small"), true), small[from:from+50], nil, NoSlot)
		}
		r.turn()
	}
}

func TestADescriptorThatIsNoSocketIsRefusedAndLeftAlone(t *testing.T) {
	for _, e := range []Engine{EngineEpoll, EngineEasygo, EngineGoroutine} {
		t.Run(e.String(), func(t *testing.T) {
			r := start(t, Config{Handler: newRecorder(), Engine: e})
			fd, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer unix.Close(fd)
			on(t, r, func() {
				if n, err := r.Open(fd); err == nil || n != NoSlot {
					t.Errorf("got slot %d and error %v, want none and what is wrong", n, err)
				}
				if c := r.Count(); c.Connections != 0 {
					t.Errorf("got %d connections, want none", c.Connections)
				}
			})
			if !isOpen(fd) {
				t.Error("got the descriptor closed, want it left to its owner")
			}
		})
	}
}

func TestAnUnresumedBrokenConnectionCostsNoTurns(t *testing.T) {
	for _, e := range []Engine{EngineEpoll, EngineEasygo} {
		t.Run(e.String(), func(t *testing.T) {
			h := newRecorder()
			h.onHangup = func(n uint32, _ error) {}
			r := start(t, Config{Handler: h, Engine: e})
			ours, peer := socketPair(t)
			var n uint32
			on(t, r, func() {
				n, _ = r.Open(ours)
				r.Pause(n)
			})
			_ = unix.Shutdown(peer, unix.SHUT_RDWR)
			for noticed := false; !noticed; {
				on(t, r, func() { noticed = r.conns.table.At(n).is(unwatched) })
			}
			h.onHangup = func(n uint32, err error) {
				if err != io.EOF {
					t.Errorf("got %v, want EOF", err)
				}
				r.Close(n, DropClosed)
			}
			on(t, r, func() { r.Resume(n) })
			h.await(t, "hangup")
		})
	}
}
