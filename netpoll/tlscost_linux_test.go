package netpoll

import (
	"crypto/tls"
	"io"
	"net"
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

func TestInputSaysWhatItTookOnTheWire(t *testing.T) {
	onEveryEngineSecuring(t, func(t *testing.T, b *bench) {
		got, overhead := 0, 0
		b.handler.onInput = func(_ uint32, view []byte) {
			got += len(view)
			overhead += b.r.InputOverhead()
			if got == 50 {
				b.handler.note("complete")
			}
		}
		b.secure(t, serverConfig(t))
		b.shake(t, tls.VersionTLS13)
		for range 50 {
			if _, err := b.peer.Write([]byte{1}); err != nil {
				t.Fatal(err)
			}
		}
		b.handler.await(t, "complete")
		on(t, b.r, func() {
			if want := 50 * (recordHeader + 1 + 16); overhead != want || b.r.InputOverhead() != 0 {
				t.Errorf("got an overhead of %d for 50 records of one byte, want %d", overhead, want)
			}
		})
	})
}

func TestATLSFrameCostsNoAllocationAndARecordAtMostOne(t *testing.T) {
	for name, number := range versions {
		t.Run("version="+name, func(t *testing.T) {
			r, _ := still(t, Config{Handler: quietHandler{newRecorder()}})
			n, client := stillSecured(t, r, &tls.Config{MaxVersion: number})
			frame, buf := NewFrame(pattern(128), true), make([]byte, 64<<10)
			r.turn()
			raw := client.NetConn()
			if got := allocs(100, func() {
				r.sender.Send(n, frame)
				r.flush()
				_, _ = raw.Read(buf)
			}); got != 0 && !raceEnabled {
				t.Errorf("got %v allocations a frame, want none", got)
			}
			message := []byte("message")
			own := allocs(100, func() { _, _ = client.Write(message) })
			drainSocket(r, n)
			if got := allocs(100, func() {
				_, _ = client.Write(message)
				r.ready(r.Conn(n), readable)
				r.turn()
			}); got > own+1 && !raceEnabled {
				t.Errorf("got %v allocations a record, %v of them the client's, want one more at most", got, own)
			}
			r.Close(n, DropClosed)
			r.closeRetired()
		})
	}
}

// drainSocket has a still reactor read all that a connection has sent.
func drainSocket(r *Reactor, n uint32) {
	for in := r.sockets.BytesIn; ; in = r.sockets.BytesIn {
		r.ready(r.Conn(n), readable)
		r.turn()
		if r.sockets.BytesIn == in {
			return
		}
	}
}

func TestAnIdleTLSConnectionCostsNoGoroutine(t *testing.T) {
	for _, e := range waitLoops {
		t.Run("engine="+e.String(), func(t *testing.T) {
			const connections = 500
			b := &bench{engine: e, handler: newRecorder()}
			b.r = start(t, Config{Handler: b.handler, Engine: e})
			before := runtime.NumGoroutine()
			peers, slots := b.secureMany(t, connections, serverConfig(t))
			for _, peer := range peers {
				if err := tls.Client(peer, &tls.Config{InsecureSkipVerify: true}).Handshake(); err != nil {
					t.Fatal(err)
				}
			}
			for b.handler.count("secured <nil>") < connections {
				on(t, b.r, func() {})
			}
			awaitNoShakers(t)
			awaitGoroutines(t, before)
			on(t, b.r, func() {
				if got := b.r.TLSBytes(); got != 0 {
					t.Errorf("got %d bytes besides what idle connections take, want none", got)
				}
				for _, n := range slots {
					b.r.Close(n, DropClosed)
				}
			})
		})
	}
}

// awaitGoroutines waits until there are as few goroutines as before: the last that the test started may not be gone altogether.
func awaitGoroutines(t *testing.T, before int) {
	t.Helper()
	for end := time.Now().Add(waitLimit); runtime.NumGoroutine() > before; runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatalf("got %d goroutines, want the %d from before", runtime.NumGoroutine(), before)
		}
	}
}

func TestTLSBytesAreThoseOfHandshakesRestsAndLongRecords(t *testing.T) {
	r, _ := still(t, Config{Handler: newRecorder()})
	n, client := stillSecured(t, r, &tls.Config{})
	steps := []struct {
		name string
		do   func()
		held bool
	}{
		{"an idle connection", func() {}, false},
		{"a socket that is full", func() {
			r.sender.Send(n, NewFrame(pattern(200<<10), true))
			r.flush()
		}, true},
		{"a socket that has room", func() {
			go io.Copy(io.Discard, client)
			for r.sender.Buffered(n) > 0 {
				r.ready(r.Conn(n), writable)
				r.flush()
			}
		}, false},
		{"a long record", func() {
			_ = client.NetConn().(strictEnd).Conn.(*net.UnixConn).SetWriteBuffer(1 << 20)
			_, _ = client.Write(pattern(64 << 10))
			drainSocket(r, n)
		}, true},
		{"a closed connection", func() { r.Close(n, DropClosed); r.closeRetired() }, false},
	}
	for _, step := range steps {
		step.do()
		if got := r.TLSBytes(); got > 0 != step.held {
			t.Errorf("%s: got %d bytes, want some %v", step.name, got, step.held)
		}
	}
}

func TestNothingOfAClosedTLSConnectionIsReachable(t *testing.T) {
	onEveryEngineSecuring(t, func(t *testing.T, b *bench) {
		var gone atomic.Int32
		b.secure(t, serverConfig(t))
		b.shake(t, tls.VersionTLS13)
		b.send(t, "a frame")
		b.expect(t, "a frame")
		on(t, b.r, func() {
			runtime.AddCleanup(b.r.TLS(b.slot), func(int) { gone.Add(1) }, 0)
			b.r.Close(b.slot, DropClosed)
		})
		for end := time.Now().Add(waitLimit); gone.Load() == 0; runtime.Gosched() {
			if time.Now().After(end) {
				t.Fatal("got the connection of crypto/tls reachable, want it gone with its keys")
			}
			runtime.GC()
		}
	})
}
