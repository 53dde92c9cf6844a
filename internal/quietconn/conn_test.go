package quietconn

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// newPair is a connection that is wrapped, and the plain one that it leads to.
func newPair(t *testing.T) (wrapped, plain net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	dialed, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	plain, err = listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	wrapped = Wrap(dialed)
	t.Cleanup(func() { wrapped.Close(); plain.Close() })
	return wrapped, plain
}

func TestMoreThanASocketHoldsPassesBothWays(t *testing.T) {
	wrapped, plain := newPair(t)
	want := make([]byte, 16<<20)
	rand.Read(want)
	for name, way := range map[string][2]net.Conn{"out": {wrapped, plain}, "in": {plain, wrapped}} {
		t.Run(name, func(t *testing.T) {
			sent := make(chan error, 1)
			go func() {
				n, err := way[0].Write(want)
				if err == nil && n != len(want) {
					err = io.ErrShortWrite
				}
				sent <- err
			}()
			got := make([]byte, len(want))
			if _, err := io.ReadFull(way[1], got); err != nil {
				t.Fatal(err)
			}
			if err := <-sent; err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Error("got other bytes than were sent")
			}
		})
	}
}

func TestTheEndIsTold(t *testing.T) {
	wrapped, plain := newPair(t)
	if _, err := plain.Write([]byte("last")); err != nil {
		t.Fatal(err)
	}
	plain.Close()
	if got, err := io.ReadAll(wrapped); err != nil || string(got) != "last" {
		t.Errorf("got %q, %v, want what was sent last, and no error", got, err)
	}
	if n, err := wrapped.Read(nil); n != 0 || err != nil {
		t.Errorf("got %d, %v of a read of nothing, want 0 and no error", n, err)
	}
}

func TestAResetIsAnErrorOfTheNetwork(t *testing.T) {
	wrapped, plain := newPair(t)
	if err := plain.(*net.TCPConn).SetLinger(0); err != nil {
		t.Fatal(err)
	}
	plain.Close()
	var failed *net.OpError
	if _, err := wrapped.Read(make([]byte, 1)); !errors.As(err, &failed) {
		t.Errorf("read: got %v, want a net.OpError", err)
	}
	if n, err := wrapped.Write([]byte("x")); n != 0 || !errors.As(err, &failed) {
		t.Errorf("write: got %d, %v, want 0 and a net.OpError", n, err)
	}
}

func TestDeadlinesEndReadsAndWrites(t *testing.T) {
	wrapped, _ := newPair(t)
	if err := wrapped.SetDeadline(time.Now().Add(time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if _, err := wrapped.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read: got %v, want that the deadline is over", err)
	}
	n, err := wrapped.Write(make([]byte, 64<<20))
	if !errors.Is(err, os.ErrDeadlineExceeded) || n == 64<<20 {
		t.Errorf("write: got %d, %v, want a part and that the deadline is over", n, err)
	}
}

func TestCloseEndsARead(t *testing.T) {
	wrapped, _ := newPair(t)
	ended := make(chan error, 1)
	go func() {
		_, err := wrapped.Read(make([]byte, 1))
		ended <- err
	}()
	wrapped.Close()
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v, want that it is closed", err)
	}
	if _, err := wrapped.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v, want that it is closed", err)
	}
}

func TestWhatIsNoSocketStaysAsItIs(t *testing.T) {
	one, other := net.Pipe()
	defer one.Close()
	defer other.Close()
	if got := Wrap(one); got != one {
		t.Errorf("got %T, want the pipe itself", got)
	}
}
