package faultproxy

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait for what has to come.
const patience = time.Minute

// echoServer sends back what comes, and closes once the other side has closed.
func echoServer(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(conn, conn)
				_ = conn.Close()
			}()
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-ended
	})
	return listener.Addr().String()
}

// sinkServer hands over what comes.
func sinkServer(t *testing.T) (address string, come chan []byte) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	come = make(chan []byte, 1)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		data, _ := io.ReadAll(conn)
		come <- data
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-ended
	})
	return listener.Addr().String(), come
}

func openProxy(t *testing.T, target string) *Proxy {
	t.Helper()
	p, err := New(target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func dial(t *testing.T, p *Proxy) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return conn.(*net.TCPConn)
}

func send(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	if _, err := conn.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
}

func expect(t *testing.T, conn net.Conn, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != want {
		t.Fatalf("got %q, %v, want %q", got, err, want)
	}
}

// expectSilence reads for a moment, in which nothing may come.
func expectSilence(t *testing.T, conn net.Conn) {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	var one [1]byte
	if n, err := conn.Read(one[:]); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("got %d bytes and %v, want silence", n, err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
}

func TestBytesPassUnchangedBothWays(t *testing.T) {
	conn := dial(t, openProxy(t, echoServer(t)))
	want := bytes.Repeat([]byte("0123456789"), 300_000)
	go func() {
		_, _ = conn.Write(want)
		_ = conn.CloseWrite()
	}()
	if got, err := io.ReadAll(conn); err != nil || !bytes.Equal(got, want) {
		t.Errorf("got %d bytes, %v, want the %d that were sent", len(got), err, len(want))
	}
}

func TestAFrozenLinkKeepsWhatItHas(t *testing.T) {
	p := openProxy(t, echoServer(t))
	conn := dial(t, p)
	send(t, conn, "ahead")
	expect(t, conn, "ahead")
	p.Pause()
	send(t, conn, "meanwhile")
	later := dial(t, p)
	send(t, later, "a new one")
	expectSilence(t, conn)
	expectSilence(t, later)
	p.Resume()
	expect(t, conn, "meanwhile")
	expect(t, later, "a new one")
}

func TestACutResetsConnectionsAndNewOnes(t *testing.T) {
	p := openProxy(t, echoServer(t))
	conn := dial(t, p)
	send(t, conn, "ahead")
	expect(t, conn, "ahead")
	p.Cut()
	var one [1]byte
	if _, err := conn.Read(one[:]); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("got %v, want a reset", err)
	}
	expectBroken(t, p)
	p.Restore()
	again := dial(t, p)
	send(t, again, "again")
	expect(t, again, "again")
}

func TestOneDirectionIsSwallowed(t *testing.T) {
	for name, swallowed := range map[string]Direction{"to the target": ToTarget, "from the target": FromTarget} {
		t.Run(name, func(t *testing.T) {
			p := openProxy(t, echoServer(t))
			conn := dial(t, p)
			send(t, conn, "ahead")
			expect(t, conn, "ahead")
			p.Half(swallowed)
			send(t, conn, "swallowed")
			expectSilence(t, conn)
			p.Half(Neither)
			send(t, conn, "behind")
			expect(t, conn, "behind")
		})
	}
}

func TestTheOtherDirectionGoesOn(t *testing.T) {
	address, come := sinkServer(t)
	p := openProxy(t, address)
	p.Half(FromTarget)
	conn := dial(t, p)
	send(t, conn, "arrives")
	_ = conn.CloseWrite()
	select {
	case got := <-come:
		if string(got) != "arrives" {
			t.Errorf("got %q, want all that was sent", got)
		}
	case <-time.After(patience):
		t.Error("waited in vain for what was sent")
	}
}

func TestSlowLinksPassAllInOrder(t *testing.T) {
	for name, slow := range map[string]func(*Proxy){
		"a bandwidth":        func(p *Proxy) { p.SetBandwidth(1 << 20) },
		"a delay":            func(p *Proxy) { p.SetDelay(20 * time.Millisecond) },
		"both":               func(p *Proxy) { p.SetBandwidth(1 << 20); p.SetDelay(20 * time.Millisecond) },
		"no limits any more": func(p *Proxy) { p.SetBandwidth(1); p.SetDelay(time.Hour); p.SetBandwidth(0); p.SetDelay(0) },
	} {
		t.Run(name, func(t *testing.T) {
			p := openProxy(t, echoServer(t))
			slow(p)
			conn := dial(t, p)
			var want []byte
			for i := range 20_000 {
				want = append(want, byte(i), byte(i>>8))
			}
			go func() {
				_, _ = conn.Write(want)
				_ = conn.CloseWrite()
			}()
			if got, err := io.ReadAll(conn); err != nil || !bytes.Equal(got, want) {
				t.Errorf("got %d bytes, %v, want the %d that were sent, in order", len(got), err, len(want))
			}
		})
	}
}

func TestALimitKeepsBytesBack(t *testing.T) {
	for name, limit := range map[string]func(*Proxy){
		"a bandwidth": func(p *Proxy) { p.SetBandwidth(1) },
		"a delay":     func(p *Proxy) { p.SetDelay(time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			p := openProxy(t, echoServer(t))
			limit(p)
			conn := dial(t, p)
			send(t, conn, "late")
			if err := conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
				t.Fatal(err)
			}
			var got [4]byte
			if n, err := io.ReadFull(conn, got[:]); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatalf("got %d bytes, %v, want fewer than 4 so soon", n, err)
			}
		})
	}
}

func TestATargetThatIsAwayBreaksTheConnection(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := openProxy(t, listener.Addr().String())
	_ = listener.Close()
	expectBroken(t, p)
}

// expectBroken connects, and wants that to fail, or the connection to break.
func expectBroken(t *testing.T, p *Proxy) {
	t.Helper()
	conn, err := net.Dial("tcp", p.Addr())
	if err != nil {
		return
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	var one [1]byte
	if _, err = conn.Read(one[:]); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v, want the connection broken", err)
	}
}

func TestCloseEndsAll(t *testing.T) {
	p := openProxy(t, echoServer(t))
	busy, frozen := dial(t, p), dial(t, p)
	send(t, busy, "ahead")
	expect(t, busy, "ahead")
	p.Pause()
	send(t, frozen, "waits")
	p.Close()
	p.Close()
	var one [1]byte
	for _, conn := range []net.Conn{busy, frozen} {
		if _, err := conn.Read(one[:]); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("got %v, want the connection broken", err)
		}
	}
	if conn, err := net.Dial("tcp", p.Addr()); err == nil {
		_ = conn.Close()
		t.Error("got a connection after Close, want none")
	}
}

func TestATargetWithoutAPortIsRefused(t *testing.T) {
	if p, err := New("localhost"); err == nil {
		p.Close()
		t.Error("got a proxy, want an error")
	}
}
