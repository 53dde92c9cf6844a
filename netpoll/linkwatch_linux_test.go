package netpoll

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// heldWire is a client's socket, which keeps what is written back while it is told to.
type heldWire struct {
	net.Conn
	mu   sync.Mutex
	held []byte
	hold bool
}

// Write keeps what it is given, or sends it.
func (w *heldWire) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.hold {
		w.held = append(w.held, p...)
		return len(p), nil
	}
	return w.Conn.Write(p)
}

// sealed is what client makes of texts, one record each.
func (w *heldWire) sealed(t testing.TB, client net.Conn, texts ...string) []byte {
	t.Helper()
	w.mu.Lock()
	w.hold, w.held = true, nil
	w.mu.Unlock()
	for _, text := range texts {
		if _, err := client.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hold = false
	return w.held
}

// watched is a connection of TLS that was made elsewhere.
type watched struct {
	bench
	wire *heldWire
}

// onEveryWatch runs a test on every engine that watches sockets, over every connection of TLS whose socket it can watch.
func onEveryWatch(t *testing.T, f func(t *testing.T, b *watched)) {
	for _, e := range waitLoops {
		for name, kind := range map[string]struct {
			version uint16
			pair    func(testing.TB) (net.Conn, net.Conn)
			wrap    func(*tls.Conn) net.Conn
		}{
			"tls1.3":          {tls.VersionTLS13, tcpPair, func(c *tls.Conn) net.Conn { return c }},
			"tls1.2":          {tls.VersionTLS12, tcpPair, func(c *tls.Conn) net.Conn { return c }},
			"tls on unix":     {tls.VersionTLS13, unixPair, func(c *tls.Conn) net.Conn { return c }},
			"what embeds tls": {tls.VersionTLS13, tcpPair, func(c *tls.Conn) net.Conn { return struct{ *tls.Conn }{c} }},
		} {
			t.Run("engine="+e.String()+"/over="+name, func(t *testing.T) {
				ours, theirs := kind.pair(t)
				b := &watched{bench: bench{engine: e, handler: newRecorder()}, wire: &heldWire{Conn: theirs}}
				server := tls.Server(ours, serverConfig(t))
				client := tls.Client(b.wire, &tls.Config{InsecureSkipVerify: true, MaxVersion: kind.version})
				done := make(chan error, 1)
				go func() { done <- server.Handshake() }()
				if err := errors.Join(client.Handshake(), <-done); err != nil {
					t.Fatal(err)
				}
				b.ours, b.peer = kind.wrap(server), client
				t.Cleanup(func() { b.peer.Close() })
				b.r = start(t, Config{Handler: b.handler, Engine: e})
				_ = b.peer.SetDeadline(time.Now().Add(waitLimit))
				f(t, b)
			})
		}
	}
}

// link is the link that serves the connection. It is for the reactor's goroutine.
func (b *watched) link() *link { return b.r.links.bySlot[b.slot] }

// until runs turns until reached.
func (b *watched) until(t *testing.T, what string, reached func() bool) {
	t.Helper()
	for end, done := time.Now().Add(waitLimit), false; !done; {
		on(t, b.r, func() { done = reached() })
		if !done && time.Now().After(end) {
			t.Fatalf("got tired of waiting, want %s", what)
		}
	}
}

// idle waits until the poller watches the connection.
func (b *watched) idle(t *testing.T) {
	t.Helper()
	b.until(t, "the poller to watch", func() bool { return b.link().watch.arming.isArmed })
}

// blocked waits until a reader is at work.
func (b *watched) blocked(t *testing.T) {
	t.Helper()
	b.until(t, "a reader", func() bool { return b.link().in.held > 0 })
}

func TestLinkWatchI1NoReaderIsUnderWayWhileThePollerWatches(t *testing.T) {
	onEveryWatch(t, func(t *testing.T, b *watched) {
		const rounds = 50
		b.open(t)
		b.handler.onInput = func(n uint32, view []byte) {
			if b.link().watch.arming.isArmed {
				t.Error("got the poller watching within Input, want it to wait")
			}
			b.handler.note("input")
		}
		for i := range rounds {
			if _, err := b.peer.Write([]byte("x")); err != nil {
				t.Fatal(err)
			}
			if i%2 == 0 {
				b.idle(t)
				on(t, b.r, func() { b.link().watch.fills.running.Wait() })
			}
		}
		b.idle(t)
	})
}

func TestLinkWatchI2WatchesOnlyWhenNothingIsBufferedAboveTheSocket(t *testing.T) {
	onEveryWatch(t, func(t *testing.T, b *watched) {
		records := b.wire.sealed(t, b.peer, "!ahead", "second", "third")
		_, _ = b.wire.Write(records)
		if _, err := io.ReadFull(b.ours, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		input := b.collect(len("aheadsecondthird"))
		b.open(t)
		b.handler.await(t, "complete")
		on(t, b.r, func() {
			if got := input.String(); got != "aheadsecondthird" {
				t.Errorf("got %q, want what crypto/tls had read ahead", got)
			}
		})
		b.idle(t)
		sent := pattern(5 * linkReadBytes)
		input = b.collect(len(sent))
		if _, err := b.peer.Write(sent); err != nil {
			t.Fatal(err)
		}
		b.handler.await(t, "complete")
		b.until(t, "all that was sent", func() bool { return bytes.Equal(input.Bytes(), sent) })
	})
}

func TestLinkWatchI3NeitherGoroutineNorBufferIsLeftOfWhatIsReadAndWritten(t *testing.T) {
	onEveryWatch(t, func(t *testing.T, b *watched) {
		b.open(t)
		_, _ = b.peer.Write([]byte("in"))
		b.handler.await(t, `input "in"`)
		b.send(t, "out")
		b.expect(t, "out")
		b.idle(t)
		b.until(t, "the write to be over", func() bool { return !b.link().out.busy })
		on(t, b.r, func() {
			w := b.link().watch
			w.fills.running.Wait()
			w.jobs.running.Wait()
			if w.fills.buffer != nil || w.jobs.buffer != nil || b.link().out.bytes != nil || b.r.HeldBytes() != 0 || b.r.TLSBytes() != 0 {
				t.Errorf("got %+v and %d bytes held, want no buffer and none", w, b.r.HeldBytes()+b.r.TLSBytes())
			}
		})
	})
}

func TestHalfARecordHoldsAReaderThatIsCounted(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, b *watched, rest []byte){
		"until the rest comes": func(t *testing.T, b *watched, rest []byte) {
			_, _ = b.wire.Write(rest)
			b.handler.await(t, `input "in two halves"`)
			b.idle(t)
		},
		"until the peer resets": func(t *testing.T, b *watched, _ []byte) {
			if socket, ok := b.wire.Conn.(*net.TCPConn); ok {
				_ = socket.SetLinger(0)
			}
			b.wire.Conn.Close()
			if got := b.handler.await(t, "hangup"); got == "hangup EOF" {
				t.Errorf("got %s, want what failed", got)
			}
		},
		"until it is closed": func(t *testing.T, b *watched, _ []byte) {
			var l *link
			on(t, b.r, func() {
				l = b.link()
				b.r.Close(b.slot, DropClosed)
			})
			l.watch.fills.running.Wait()
		},
		"until it is released, which waits for no peer": func(t *testing.T, b *watched, rest []byte) {
			var out *Released
			on(t, b.r, func() { out = b.r.Release(b.slot, nil) })
			conn, err := out.Conn()
			if err != nil || conn != b.ours {
				t.Fatalf("got %T and error %v, want the very connection that was opened", conn, err)
			}
			defer conn.Close()
			_, _ = b.wire.Write(rest)
			got := make([]byte, len("in two halves"))
			if _, err := io.ReadFull(conn, got); err != nil || string(got) != "in two halves" {
				t.Errorf("got %q and error %v, want the whole record", got, err)
			}
			if _, err := conn.Write([]byte("back")); err != nil {
				t.Fatal(err)
			}
			b.expect(t, "back")
		},
	} {
		t.Run(name, func(t *testing.T) {
			onEveryWatch(t, func(t *testing.T, b *watched) {
				b.open(t)
				b.idle(t)
				record := b.wire.sealed(t, b.peer, "in two halves")
				_, _ = b.wire.Write(record[:len(record)/2])
				b.blocked(t)
				on(t, b.r, func() {
					if got := b.r.HeldBy(b.slot); got < linkReadBytes {
						t.Errorf("got %d bytes held by a reader, want its buffer at least", got)
					}
				})
				end(t, b, record[len(record)/2:])
				on(t, b.r, func() {
					if got := b.r.TLSBytes(); got != 0 && name != "until the peer resets" {
						t.Errorf("got %d bytes held at the end, want none", got)
					}
				})
			})
		})
	}
}

func TestAWatchedConnectionIsReleasedAsItIsAndOpenedAgain(t *testing.T) {
	onEveryWatch(t, func(t *testing.T, b *watched) {
		for range 20 {
			b.open(t)
			var out *Released
			on(t, b.r, func() {
				b.r.sender.Send(b.slot, NewFrame([]byte("queued"), true))
				out = b.r.Release(b.slot, []byte("unread"))
			})
			conn, err := out.Conn()
			if err != nil {
				t.Fatal(err)
			}
			go conn.Write([]byte(" own"))
			b.expect(t, "queued own")
			b.handler.mu.Lock()
			b.handler.events = nil
			b.handler.mu.Unlock()
			b.ours = conn
			b.open(t)
			b.handler.await(t, `input "unread"`)
			b.idle(t)
			on(t, b.r, func() {
				if b.link().watch == nil {
					t.Errorf("got two goroutines for a %T, want it watched", conn)
				}
				out = b.r.Release(b.slot, nil)
			})
			if b.ours, err = out.Conn(); err != nil {
				t.Fatal(err)
			}
			b.ours = Settled(b.ours)
		}
		b.ours.Close()
	})
}

func TestPausedConnectionsAreNotRead(t *testing.T) {
	onEveryWatch(t, func(t *testing.T, b *watched) {
		b.open(t)
		b.idle(t)
		on(t, b.r, func() { b.r.Pause(b.slot) })
		_, _ = b.peer.Write([]byte("while paused"))
		b.until(t, "the poller to tell", func() bool { return !b.link().watch.arming.isArmed })
		on(t, b.r, func() {
			if b.link().in.asked || b.link().in.held != 0 {
				t.Error("got it read while paused, want it to wait in the kernel")
			}
			b.r.Resume(b.slot)
		})
		b.handler.await(t, `input "while paused"`)
	})
}

func TestADeadlineWaitsForWhatAWatchedConnectionHasSent(t *testing.T) {
	onEveryWatch(t, func(t *testing.T, b *watched) {
		b.open(t)
		b.idle(t)
		record := b.wire.sealed(t, b.peer, "in time")
		on(t, b.r, func() {
			if !b.r.tryLast(b.slot) {
				t.Error("got a deadline put off though nothing has come, want it to hold")
			}
			b.r.SetDeadline(b.slot, 0)
			_, _ = b.wire.Write(record[:len(record)/2])
			for !b.link().watch.hasInput() {
			}
			if b.r.tryLast(b.slot) || b.r.TimeLeft(b.slot) == 0 {
				t.Errorf("got a deadline of %v, want it put off until what has come is read", b.r.TimeLeft(b.slot))
			}
			b.r.SetDeadline(b.slot, 0)
			if b.r.tryLast(b.slot) {
				t.Error("got a deadline that holds, want it put off while what has come is being read")
			}
			b.r.SetDeadline(b.slot, 0)
			b.link().watch.fills.began -= 5
			if !b.r.tryLast(b.slot) {
				t.Error("got a deadline put off by half a record for long, want it to hold")
			}
		})
		_, _ = b.wire.Write(record[len(record)/2:])
		b.handler.await(t, `input "in time"`)
	})
}

func TestAHandshakeStillToComeIsDoneFirst(t *testing.T) {
	for _, e := range waitLoops {
		t.Run(e.String(), func(t *testing.T) {
			h := newRecorder()
			r := start(t, Config{Handler: h, Engine: e})
			ours, theirs := tcpPair(t)
			defer theirs.Close()
			on(t, r, func() { r.OpenLink(tls.Server(ours, serverConfig(t))) })
			client := tls.Client(theirs, &tls.Config{InsecureSkipVerify: true})
			if _, err := client.Write([]byte("behind it")); err != nil {
				t.Fatal(err)
			}
			h.await(t, `input "behind it"`)
		})
	}
}

func TestASocketClosedBehindTheReactorsBackFreesItsNumber(t *testing.T) {
	for _, e := range waitLoops {
		t.Run(e.String(), func(t *testing.T) {
			h := newRecorder()
			r := start(t, Config{Handler: h, Engine: e})
			b := &watched{bench: bench{engine: e, handler: h, r: r}}
			for range 20 {
				b.ours, b.peer = tlsPair(t, tls.VersionTLS13, tls.Server)
				b.open(t)
				b.idle(t)
				b.ours.(*tls.Conn).NetConn().Close()
				gone := b.slot
				ours, peer := tlsPair(t, tls.VersionTLS13, tls.Server)
				on(t, r, func() { b.slot = r.OpenLink(ours) })
				b.idle(t)
				on(t, r, func() { r.Close(gone, DropClosed) })
				on(t, r, func() {})
				if _, err := peer.Write([]byte("alive")); err != nil {
					t.Fatal(err)
				}
				h.await(t, `input "alive"`)
				on(t, r, func() { r.Close(b.slot, DropClosed) })
				h.mu.Lock()
				h.events = nil
				h.mu.Unlock()
				b.peer.Close()
				peer.Close()
			}
		})
	}
}
