package netpoll

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func newListener(t testing.TB) (fd int, address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address = l.Addr().String()
	fd, ok, err := AdoptListener(l)
	if err != nil || !ok {
		t.Fatalf("got adopted %v and error %v, want the listener's descriptor", ok, err)
	}
	return fd, address
}

func TestAListenerBringsConnectionsWithTheirPeers(t *testing.T) {
	for _, e := range waitLoops {
		t.Run(e.String(), func(t *testing.T) {
			h := newRecorder()
			r := start(t, Config{Handler: h, Engine: e})
			peers := make(chan string, 300)
			h.onAccepted = func(_ uint32, a Accepted) {
				n, err := r.Open(a.FD)
				if err != nil {
					t.Error(err)
				}
				r.ReadSoon(n)
				peers <- a.Peer.String()
			}
			h.onHangup = func(n uint32, _ error) { r.Close(n, DropClosed) }
			fd, address := newListener(t)
			TuneListener(fd, Sockets{SendBuffer: 64 << 10, UnsentLimit: 16 << 10, DeferAccept: time.Second})
			on(t, r, func() {
				if _, err := r.Listen(fd); err != nil {
					t.Fatal(err)
				}
			})
			for range 300 {
				c, err := net.Dial("tcp", address)
				if err != nil {
					t.Fatal(err)
				}
				_, _ = c.Write([]byte("x"))
				if got := <-peers; got != c.LocalAddr().String() {
					t.Errorf("got the peer %s, want %s", got, c.LocalAddr())
				}
				c.Close()
			}
		})
	}
}

func TestARejectedConnectionGetsItsLastBytes(t *testing.T) {
	h := newRecorder()
	r := start(t, Config{Handler: h})
	h.onAccepted = func(_ uint32, a Accepted) { a.Reject([]byte("no")) }
	fd, address := newListener(t)
	on(t, r, func() { _, _ = r.Listen(fd) })
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(waitLimit))
	if got, err := io.ReadAll(c); err != nil || string(got) != "no" {
		t.Errorf("got %q and error %v, want the last bytes and EOF", got, err)
	}
	ours, peer := net.Pipe()
	Accepted{Conn: ours}.Reject([]byte("no"))
	if got, err := io.ReadAll(peer); err != nil || string(got) != "no" {
		t.Errorf("got %q and error %v over a pipe, want the last bytes and EOF", got, err)
	}
}

func init() { children["exhausted"] = exhaustDescriptors }

const exhaustedClients = 24

// TestAcceptingPausesWhileDescriptorsAreUsedUp does so in a process of its own, whose limit it lowers.
func TestAcceptingPausesWhileDescriptorsAreUsedUp(t *testing.T) {
	for _, e := range waitLoops {
		t.Run(e.String(), func(t *testing.T) {
			child := exec.Command(os.Args[0])
			child.Env = append(os.Environ(), childVariable+"=exhausted", "NETPOLL_TEST_ENGINE="+e.String())
			out, err := child.CombinedOutput()
			if err != nil || !strings.Contains(string(out), "all accepted") {
				t.Errorf("got %v and %s, want all accepted", err, out)
			}
		})
	}
}

// exhaustDescriptors fills a listener's queue, lowers the limit so that some connections of it can be accepted, and
// frees descriptors behind the reactor's back at first, then by closing connections.
func exhaustDescriptors() int {
	engine, _ := ParseEngine(os.Getenv("NETPOLL_TEST_ENGINE"))
	h := newRecorder()
	r, err := New(Config{Handler: h, Engine: engine})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	go r.Run()
	var t childT
	fd, address := newListener(&t)
	for range exhaustedClients {
		c, err := net.Dial("tcp", address)
		if err != nil {
			fmt.Println(err)
			return 1
		}
		defer c.Close()
	}
	established, peer := socketPair(&t)
	spare, _ := unix.Dup(peer)
	var limit unix.Rlimit
	_ = unix.Getrlimit(unix.RLIMIT_NOFILE, &limit)
	limit.Cur = uint64(spare + 3)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		fmt.Println(err)
		return 1
	}
	var open []uint32
	h.onAccepted = func(_ uint32, a Accepted) {
		n, err := r.Open(a.FD)
		if err != nil {
			a.Close()
			return
		}
		open = append(open, n)
	}
	on(&t, r, func() {
		_, _ = r.Listen(fd)
		_, _ = r.Open(established)
	})
	if e := h.await(&t, "accepting accept"); !strings.Contains(e, "too many open files") {
		fmt.Println("got", e)
		return 1
	}
	_, _ = unix.Write(peer, []byte("unaware"))
	h.await(&t, `input "unaware"`)
	first := h.count("accepted")
	unix.Close(spare)
	h.await(&t, "accepting <nil>")
	for accepted := first; accepted < exhaustedClients; accepted = h.count("accepted") {
		on(&t, r, func() {
			if len(open) > 0 {
				r.Close(open[0], DropClosed)
				open = open[1:]
			}
		})
	}
	r.Stop()
	if first == exhaustedClients {
		fmt.Println("got all accepted at once, want some to wait")
		return 1
	}
	fmt.Println("all accepted")
	return 0
}

// childT stands in for a test in a process that is none.
type childT struct{ testing.TB }

// Helper does nothing.
func (*childT) Helper() {}

// Cleanup leaves everything to the end of the process.
func (*childT) Cleanup(func()) {}

// Fatal ends the process.
func (*childT) Fatal(args ...any) {
	fmt.Println(args...)
	os.Exit(1)
}

// Fatalf ends the process.
func (*childT) Fatalf(format string, args ...any) {
	fmt.Printf(format+"\n", args...)
	os.Exit(1)
}

// silentConn is a connection whose writes block until the test lets them go.
type silentConn struct {
	net.Conn
	proceed chan struct{}
	closed  atomic.Bool
}

func (c *silentConn) Write([]byte) (int, error) {
	<-c.proceed
	return 0, net.ErrClosed
}

func (c *silentConn) Close() error {
	c.closed.Store(true)
	return nil
}

func (c *silentConn) SetDeadline(time.Time) error { return nil }

func TestOnlySoManyLinksAreRejectedWithAWord(t *testing.T) {
	proceed := make(chan struct{})
	var conns []*silentConn
	for range 2 * maxRejecting {
		c := &silentConn{proceed: proceed}
		conns = append(conns, c)
		Accepted{FD: -1, Conn: c}.Reject([]byte("no"))
	}
	for i, c := range conns {
		if got, want := c.closed.Load(), i >= maxRejecting; got != want {
			t.Errorf("connection %d: got closed at once %v, want %v: %d are answered", i, got, want, maxRejecting)
		}
	}
	close(proceed)
	for deadline := time.Now().Add(waitLimit); rejecting.Load() > 0; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("got %d still being rejected, want none", rejecting.Load())
		}
	}
}

// TestAcceptingEndsWithTheSliceButAcceptsSome has a slice end with the first connection.
func TestAcceptingEndsWithTheSliceButAcceptsSome(t *testing.T) {
	h := newRecorder()
	r, _ := still(t, Config{Handler: h, Slice: 1})
	h.onAccepted = func(_ uint32, a Accepted) {
		a.Close()
		r.Charge(workPerLook)
	}
	fd, address := newListener(t)
	n, err := r.Listen(fd)
	if err != nil {
		t.Fatal(err)
	}
	for range 4 * minAccepts {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	for turn := 1; turn <= 2; turn++ {
		r.ready(r.Conn(n), readable)
		if got := h.count("accepted"); got != turn*minAccepts {
			t.Errorf("got %d accepted after %d slices, want %d each", got, turn, minAccepts)
		}
		r.turns.begun = false
	}
	r.Close(n, DropClosed)
	r.closeRetired()
}
