package netpoll

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

// stillSecured makes a connection of a still reactor that speaks TLS over a socket with a small buffer, and its client.
func stillSecured(t testing.TB, r *Reactor, config *tls.Config) (slot uint32, client *tls.Conn) {
	t.Helper()
	ours, peer := unixPair(t)
	_ = ours.(*net.UnixConn).SetWriteBuffer(4 << 10)
	_ = peer.SetDeadline(time.Now().Add(waitLimit))
	t.Cleanup(func() { peer.Close() })
	server := newStream(ours, serverConfig(t))
	config.InsecureSkipVerify = true
	client = tls.Client(strictEnd{peer}, config)
	shaken := make(chan error, 1)
	go func() { shaken <- server.Handshake() }()
	if err := errors.Join(client.Handshake(), <-shaken); err != nil {
		t.Fatal(err)
	}
	return takeOver(t, r, server, EngineEpoll), client
}

func TestWhatIsSealedIsOfferedAgainUntilItsRecordsAreOut(t *testing.T) {
	for name, number := range versions {
		t.Run("version="+name, func(t *testing.T) {
			h := newRecorder()
			r, _ := still(t, Config{Handler: h})
			n, client := stillSecured(t, r, &tls.Config{MaxVersion: number})
			sent := pattern(200 << 10)
			got := make(chan []byte, 1)
			for rest := sent; len(rest) > 0; rest = rest[5<<10:] {
				r.sender.Send(n, NewFrame(rest[:5<<10], true))
				r.flush()
			}
			r.sender.NotifyDrained(n)
			r.flush()
			if !r.hasRest(n, r.conns.table.At(n)) {
				t.Fatal("got all records out, want the socket full")
			}
			go func() {
				all := make([]byte, len(sent))
				_, _ = io.ReadFull(client, all)
				got <- all
			}()
			for end := time.Now().Add(waitLimit); h.count("drained") == 0; {
				if time.Now().After(end) {
					t.Fatal("got no call of Drained, want one")
				}
				s := r.conns.table.At(n)
				if sealed := r.committed(n); r.hasRest(n, s) && (sealed == 0 || r.sender.Buffered(n) < sealed) {
					t.Fatalf("got %d bytes buffered and %d sealed while records wait, want no fewer", r.sender.Buffered(n), sealed)
				}
				r.ready(r.Conn(n), writable)
				r.flush()
			}
			if r.hasRest(n, r.conns.table.At(n)) {
				t.Error("got Drained while records wait")
			}
			if !bytes.Equal(<-got, sent) {
				t.Error("got other bytes than were queued")
			}
			r.Close(n, DropClosed)
			r.closeRetired()
		})
	}
}

func TestTheLastRecordOfAFullSocketIsTheCloseNotify(t *testing.T) {
	for name, number := range versions {
		t.Run("version="+name, func(t *testing.T) {
			fits := 0
			for round := range 2 {
				r, _ := still(t, Config{Handler: newRecorder()})
				n, client := stillSecured(t, r, &tls.Config{MaxVersion: number})
				r.turn()
				sent := 0
				for sent < fits || round == 0 && r.sender.Buffered(n) == 0 {
					r.sender.Send(n, NewFrame([]byte("a frame"), true))
					r.flush()
					sent++
				}
				if round == 0 {
					fits = sent - 1
					r.Close(n, DropClosed)
					r.closeRetired()
					continue
				}
				if left := r.sender.Buffered(n); left != 0 {
					t.Fatalf("got %d bytes buffered, want the socket full and none", left)
				}
				r.ShutdownWrite(n)
				if !r.hasRest(n, r.conns.table.At(n)) {
					t.Fatal("got the close_notify sent, want the socket full")
				}
				got := make([]byte, fits*len("a frame"))
				if _, err := io.ReadFull(client, got); err != nil || !bytes.Equal(got, bytes.Repeat([]byte("a frame"), fits)) {
					t.Errorf("got %d bytes and %v, want all %d frames", len(got), err, fits)
				}
				r.ready(r.Conn(n), writable)
				if more, err := io.ReadAll(client); err != nil || len(more) != 0 {
					t.Errorf("got %q and %v, want the close_notify", more, err)
				}
				r.Close(n, DropClosed)
				r.closeRetired()
				if got := r.TLSBytes(); got != 0 {
					t.Errorf("got %d bytes of TLS, want none", got)
				}
			}
		})
	}
}

func TestAPeerThatHasEndedItsSideGetsTheRestAndTheCloseNotify(t *testing.T) {
	onEveryEngineSecuring(t, func(t *testing.T, b *bench) {
		if _, isPipe := b.peer.(*net.TCPConn); !isPipe {
			t.Skip("a pipe has no halves")
		}
		b.handler.onHangup = func(n uint32, err error) {
			if !errors.Is(err, io.EOF) {
				t.Errorf("got the hangup %v, want EOF", err)
			}
			b.r.Pause(n)
			b.r.sender.Send(n, NewFrame([]byte("the rest"), true))
			b.r.sender.NotifyDrained(n)
		}
		b.handler.onDrained = func(n uint32) { b.r.ShutdownWrite(n) }
		b.secure(t, serverConfig(t))
		b.peer = strictEnd{b.peer}
		b.shake(t, tls.VersionTLS13)
		if err := b.peer.(*tls.Conn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(b.peer); err != nil || string(got) != "the rest" {
			t.Errorf("got %q and %v, want the rest and the close_notify", got, err)
		}
	})
}

func TestAPeerThatHasEndedItsSideIsToldOfAClose(t *testing.T) {
	onEveryEngineSecuring(t, func(t *testing.T, b *bench) {
		if _, isTCP := b.peer.(*net.TCPConn); !isTCP || !b.engine.HasDescriptors() {
			t.Skip("the writer of a link is cut off by a close")
		}
		b.closeOnHangup()
		b.secure(t, serverConfig(t))
		b.peer = strictEnd{b.peer}
		b.shake(t, tls.VersionTLS13)
		if err := b.peer.(*tls.Conn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(b.peer); err != nil || len(got) != 0 {
			t.Errorf("got %q and %v, want the close_notify", got, err)
		}
	})
}

func TestAPausedConnectionThatIsGivenBackWaitsWithWhatWasReadAhead(t *testing.T) {
	onEveryEngineSecuring(t, func(t *testing.T, b *bench) {
		b.secure(t, serverConfig(t))
		b.shake(t, tls.VersionTLS13)
		conn := b.release(t, "")
		go b.peer.Write([]byte("ahead"))
		first := make([]byte, 1)
		if _, err := io.ReadFull(conn, first); err != nil {
			t.Fatal(err)
		}
		on(t, b.r, func() {
			b.slot = takeOver(t, b.r, conn, b.engine)
			b.r.Pause(b.slot)
		})
		for range 20 {
			on(t, b.r, func() {})
		}
		if got := b.handler.count("input"); got != 0 {
			t.Errorf("got %q, want no input while paused", b.handler.list())
		}
		on(t, b.r, func() { b.r.Resume(b.slot) })
		b.handler.await(t, `input "head"`)
	})
}

func TestWhatComesAheadOfAHandshakesEndComesWhole(t *testing.T) {
	onEveryEngine(t, func(w wire) bool { return w.name == "tcp" }, func(t *testing.T, b *bench) {
		sent := pattern(1 << 20)
		config := serverConfig(t)
		ahead := make(chan struct{})
		config.VerifyConnection = func(tls.ConnectionState) error {
			OutsideHandshakes(func() { <-ahead })
			return nil
		}
		input := b.collect(len(sent))
		b.secure(t, config)
		c := b.client(tls.VersionTLS13, nil)
		if err := c.Handshake(); err != nil {
			t.Fatal(err)
		}
		written := make(chan error, 1)
		go func() {
			_, err := c.Write(sent)
			written <- err
		}()
		for unread := 0; unread <= maxUnreadHandshake; {
			on(t, b.r, func() {
				h := (*b.r.secured.bySlot.At(b.slot)).handshake
				h.mu.Lock()
				unread = len(h.in)
				h.mu.Unlock()
			})
		}
		close(ahead)
		b.handler.await(t, "complete")
		if err := <-written; err != nil {
			t.Error(err)
		}
		if got := b.handler.count("hangup"); got != 0 {
			t.Errorf("got %q, want no hangup", b.handler.list()[:4])
		}
		on(t, b.r, func() {
			if !bytes.Equal(input.Bytes(), sent) {
				t.Error("got other bytes than the client sent")
			}
		})
	})
}

func TestAConnectionThatIsShutWithRecordsUnderWayEndsBehindThem(t *testing.T) {
	r, _ := still(t, Config{Handler: newRecorder()})
	n, client := stillSecured(t, r, &tls.Config{})
	r.turn()
	sent := pattern(16 << 10)
	r.sender.Send(n, NewFrame(sent, true))
	r.flush()
	if r.committed(n) == 0 {
		t.Fatal("got all records out, want the socket full")
	}
	r.sender.Cut(n, DropClosed)
	r.ShutdownWrite(n)
	all := make(chan []byte, 1)
	go func() {
		got, _ := io.ReadAll(client)
		_, err := client.NetConn().(strictEnd).Conn.Read(make([]byte, 1))
		if !errors.Is(err, io.EOF) {
			t.Errorf("got the error %v behind the close_notify, want EOF", err)
		}
		all <- got
	}()
	for r.hasRest(n, r.conns.table.At(n)) {
		r.ready(r.Conn(n), writable)
		r.flush()
	}
	if got := <-all; !bytes.Equal(got, sent) {
		t.Errorf("got %d bytes, want the %d that were sealed", len(got), len(sent))
	}
	r.Close(n, DropClosed)
	r.closeRetired()
}
