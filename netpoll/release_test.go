package netpoll

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

func (b *bench) release(t *testing.T, unread string) net.Conn {
	t.Helper()
	var out *Released
	on(t, b.r, func() { out = b.r.Release(b.slot, []byte(unread)) })
	conn, err := out.Conn()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetReadDeadline(time.Now().Add(waitLimit))
	return conn
}

func TestContractAReleasedConnectionIsPlainWhenNothingIsPending(t *testing.T) {
	onEveryEngine(t, nil, func(t *testing.T, b *bench) {
		b.open(t)
		conn := b.release(t, "")
		if _, wrapped := conn.(*handover); wrapped {
			t.Errorf("got a %T, want the plain connection", conn)
		}
		go conn.Write([]byte("from the new owner"))
		b.expect(t, "from the new owner")
		go b.peer.Write([]byte("to the new owner"))
		got := make([]byte, 16)
		if _, err := io.ReadFull(conn, got); err != nil || string(got) != "to the new owner" {
			t.Errorf("got %q and error %v, want what the peer wrote", got, err)
		}
		_ = conn.SetReadDeadline(time.Unix(1, 0))
		if _, err := conn.Read(got); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("got error %v of a read past its deadline, want %v", err, os.ErrDeadlineExceeded)
		}
		if got := b.handler.list(); len(got) != 0 {
			t.Errorf("got %q told, want nothing", got)
		}
	})
}

func TestContractAReleasedConnectionReadsWhatWasUnreadFirst(t *testing.T) {
	onEveryEngine(t, nil, func(t *testing.T, b *bench) {
		on(t, b.r, func() {
			b.slot = takeOver(t, b.r, b.ours, b.engine)
			b.r.Pause(b.slot)
		})
		if _, err := b.peer.Write([]byte("second ")); err != nil {
			t.Fatal(err)
		}
		conn := b.release(t, "first ")
		go b.peer.Write([]byte("third"))
		got := make([]byte, len("first second third"))
		if _, err := io.ReadFull(conn, got); err != nil || string(got) != "first second third" {
			t.Errorf("got %q and error %v, want all in order", got, err)
		}
	})
}

func TestContractAReleasedConnectionSendsWhatWasQueuedFirst(t *testing.T) {
	onEveryEngine(t, nil, func(t *testing.T, b *bench) {
		b.open(t)
		sent := pattern(700 << 10)
		on(t, b.r, func() { b.r.sender.Send(b.slot, NewFrame(sent, true)) })
		var matched, accounted uint64
		on(t, b.r, func() { b.r.sender.Send(b.slot, NewFrame([]byte("queued"), true)) })
		var out *Released
		on(t, b.r, func() {
			b.r.sender.Send(b.slot, NewFrame([]byte("late"), true))
			out = b.r.Release(b.slot, nil)
			c := b.r.Count()
			matched, accounted = c.Matched, c.Delivered+c.HandedBack
		})
		if matched != 3 || accounted != 3 {
			t.Errorf("got %d matched and %d delivered or handed back, want 3 and 3", matched, accounted)
		}
		conn, err := out.Conn()
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		go func() {
			_, _ = conn.Write([]byte("new"))
		}()
		want := append(bytes.Clone(sent), "queuedlatenew"...)
		b.expect(t, string(want))
	})
}

func TestContractClosingAReleasedConnectionSendsItsPast(t *testing.T) {
	onEveryEngine(t, nil, func(t *testing.T, b *bench) {
		b.open(t)
		sent := pattern(600 << 10)
		var out *Released
		on(t, b.r, func() {
			b.r.sender.Send(b.slot, NewFrame(sent, true))
			out = b.r.Release(b.slot, nil)
		})
		conn, err := out.Conn()
		if err != nil {
			t.Fatal(err)
		}
		closed := make(chan error, 1)
		go func() { closed <- conn.Close() }()
		b.expect(t, string(sent))
		if err := <-closed; err != nil {
			t.Errorf("got %v from Close, want none", err)
		}
	})
}

func TestAConnectionWithAPastIsShutForWritingBehindIt(t *testing.T) {
	ours, peer := tcpPair(t)
	defer ours.Close()
	defer peer.Close()
	_ = peer.SetDeadline(time.Now().Add(waitLimit))
	h := newHandover(ours, []byte("unread"), []byte("unsent"), nil)
	if err := h.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(peer); err != nil || string(got) != "unsent" {
		t.Errorf("got %q and %v, want what was unsent and the end", got, err)
	}
}
