package nats

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// counted counts the writes to a socket.
type counted struct {
	net.Conn
	writes int
}

func (c *counted) Write(view []byte) (int, error) {
	c.writes++
	return c.Conn.Write(view)
}

// newWire is a wire over a socket, and what it leads to.
func newWire(t *testing.T) (w *wire, below *counted, peer net.Conn) {
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
	if peer, err = listener.Accept(); err != nil {
		t.Fatal(err)
	}
	below = &counted{Conn: dialed}
	t.Cleanup(func() { _ = dialed.Close(); _ = peer.Close() })
	return &wire{Conn: below}, below, peer
}

func TestSubscriptionsBehindAReconnectGoTogether(t *testing.T) {
	const subscriptions = 10_000
	w, below, peer := newWire(t)
	var want bytes.Buffer
	for i := range subscriptions {
		line := fmt.Appendf(nil, "SUB spokehub.p.user.%d  %d\r\n", i, i)
		want.Write(line)
		if n, err := w.Write(line); n != len(line) || err != nil {
			t.Fatalf("got %d, %v of a write of %d bytes", n, err, len(line))
		}
	}
	if n, err := w.Write([]byte("PING\r\n")); n != 6 || err != nil {
		t.Fatalf("got %d, %v of the last write, want 6", n, err)
	}
	want.WriteString("PING\r\n")
	_ = w.Close()
	got, err := io.ReadAll(peer)
	if err != nil || !bytes.Equal(got, want.Bytes()) {
		t.Errorf("got %d bytes and %v, want the %d that were written, in order", len(got), err, want.Len())
	}
	if most := want.Len()/(held/2) + 1; below.writes > most {
		t.Errorf("got %d writes for %d subscriptions, want at most %d", below.writes, subscriptions, most)
	}
}

func TestOnlySubscriptionsAreKeptBack(t *testing.T) {
	for _, text := range []string{"PUB a 1\r\nx\r\n", "UNSUB 1 \r\n", "PING\r\n", "SUB a  1\r\nPING\r\n", "SUB a  1", "CONNECT {}\r\n", ""} {
		if isSubscription([]byte(text)) {
			t.Errorf("%q counts as a subscription alone, want that it is written at once", text)
		}
	}
}

func TestAWriteThatComesTooLateEndsTheConnection(t *testing.T) {
	w, _, peer := newWire(t)
	if err := w.SetWriteDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	line := []byte("PUB spokehub.p.user 1\r\nx\r\n")
	var err error
	for err == nil {
		_, err = w.Write(line)
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("got %v, want that the deadline is over", err)
	}
	if err = w.SetWriteDeadline(time.Time{}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v of the connection then, want that it is closed", err)
	}
	if _, err = io.Copy(io.Discard, peer); err != nil {
		t.Errorf("got %v at the other end, want the end", err)
	}
}
