package netpoll

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// bench is one connection of one engine over one wire.
type bench struct {
	engine  Engine
	handler *recorder
	r       *Reactor
	ours    net.Conn
	peer    net.Conn
	slot    uint32
}

// onEveryEngine runs a test on each engine over each wire that suits.
func onEveryEngine(t *testing.T, suits func(wire) bool, f func(t *testing.T, b *bench)) {
	for _, e := range engines() {
		for _, way := range wires {
			if suits != nil && !suits(way) {
				continue
			}
			t.Run("engine="+e.String()+"/over="+way.name, func(t *testing.T) {
				b := &bench{engine: e, handler: newRecorder()}
				b.ours, b.peer = way.pair(t)
				t.Cleanup(func() { b.peer.Close() })
				b.r = start(t, Config{Handler: b.handler, Engine: e})
				_ = b.peer.SetDeadline(time.Now().Add(waitLimit))
				f(t, b)
			})
		}
	}
}

func (b *bench) open(t *testing.T) {
	t.Helper()
	on(t, b.r, func() { b.slot = takeOver(t, b.r, b.ours, b.engine) })
}

// isSealed says that the reactor itself speaks TLS.
func (b *bench) isSealed() bool { return b.r.conns.table.At(b.slot).is(secured) }

func (b *bench) send(t *testing.T, text string) {
	t.Helper()
	on(t, b.r, func() { b.r.sender.Send(b.slot, NewFrame([]byte(text), true)) })
}

func (b *bench) expect(t *testing.T, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(b.peer, got); err != nil || string(got) != want {
		t.Fatalf("got %.40q of %d bytes and error %v, want %.40q of %d", got, len(got), err, want, len(want))
	}
}

// collect keeps all input in one buffer, told of at want bytes.
func (b *bench) collect(want int) (input *bytes.Buffer) {
	input = new(bytes.Buffer)
	b.handler.onInput = func(_ uint32, view []byte) {
		input.Write(view)
		if input.Len() == want {
			b.handler.note("complete")
		}
	}
	return input
}

func pattern(n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(i * 7 >> 3)
	}
	return p
}

func TestContractInputComesWholeAndInOrder(t *testing.T) {
	onEveryEngine(t, nil, func(t *testing.T, b *bench) {
		sent := pattern(300 << 10)
		input := b.collect(len(sent))
		b.open(t)
		go func() {
			for rest := sent; len(rest) > 0; {
				n := min(len(rest), 1+len(rest)/3)
				_, _ = b.peer.Write(rest[:n])
				rest = rest[n:]
			}
		}()
		b.handler.await(t, "complete")
		on(t, b.r, func() {
			if !bytes.Equal(input.Bytes(), sent) {
				t.Error("got other bytes than the peer sent")
			}
			if in, isSealed := b.r.Count().BytesIn, b.isSealed(); in < uint64(len(sent)) || in > uint64(len(sent)) != isSealed {
				t.Errorf("got %d bytes counted, want %d, and more where they are sealed", in, len(sent))
			}
		})
	})
}

func TestContractFramesGoOutWholeAndInOrder(t *testing.T) {
	onEveryEngine(t, nil, func(t *testing.T, b *bench) {
		b.open(t)
		var want strings.Builder
		for i := range 50 {
			text := strings.Repeat(string(rune('a'+i%26)), 1+i*i)
			want.WriteString(text)
			b.send(t, text)
		}
		b.expect(t, want.String())
		on(t, b.r, func() {
			if c := b.r.Count(); c.Delivered != 50 || c.Matched != 50 || c.Queued != 0 {
				t.Errorf("got %d matched, %d delivered, %d queued, want 50, 50, 0", c.Matched, c.Delivered, c.Queued)
			}
		})
	})
}

func TestContractAFullSocketOverflowsAndStillEndsInWholeFrames(t *testing.T) {
	onEveryEngine(t, nil, func(t *testing.T, b *bench) {
		frame := NewFrame(pattern(100<<10), true)
		last := NewFrame([]byte("the last frame"), false)
		b.handler.onOverflow = func(n uint32, queued, size int) {
			if queued+size <= 1<<20 || size != frame.Len() {
				t.Errorf("got overflow at %d bytes queued and a frame of %d, want more than 1 MiB together", queued, size)
			}
			b.r.sender.Cut(n, DropOverflow)
			b.r.sender.SendLast(n, last)
		}
		b.open(t)
		for range 400 {
			on(t, b.r, func() { b.r.sender.Send(b.slot, frame) })
		}
		b.handler.await(t, "overflow")
		read := make(chan []byte)
		go func() {
			all, _ := io.ReadAll(b.peer)
			read <- all
		}()
		on(t, b.r, func() { b.r.sender.NotifyDrained(b.slot) })
		b.handler.await(t, "drained")
		on(t, b.r, func() {
			c := b.r.Count()
			if c.Matched != 400 || c.Matched != c.Delivered+c.Dropped[DropOverflow] || c.Queued != 0 {
				t.Errorf("got the ledger %+v, want 400 delivered or dropped by overflow", c)
			}
			b.r.Close(b.slot, DropClosed)
		})
		all := <-read
		body, ok := bytes.CutSuffix(all, last.bytes)
		if !ok || len(body)%frame.Len() != 0 {
			t.Fatalf("got %d bytes with the last frame at the end %v, want whole frames of %d before it", len(body), ok, frame.Len())
		}
		for len(body) > 0 {
			if !bytes.Equal(body[:frame.Len()], frame.bytes) {
				t.Fatal("got a frame that differs from the one sent")
			}
			body = body[frame.Len():]
		}
		if n := b.handler.count("overflow"); n != 1 {
			t.Errorf("got %d overflows, want 1", n)
		}
	})
}

func TestContractAPeersCloseIsAHangupWithEOF(t *testing.T) {
	onEveryEngine(t, nil, func(t *testing.T, b *bench) {
		b.handler.onHangup = func(n uint32, err error) { b.r.Close(n, DropClosed) }
		b.open(t)
		if _, err := b.peer.Write([]byte("bye")); err != nil {
			t.Fatal(err)
		}
		b.handler.await(t, "input")
		b.peer.Close()
		b.handler.await(t, "hangup EOF")
		on(t, b.r, func() {
			if c := b.r.Count(); c.Connections != 0 {
				t.Errorf("got %d connections, want none", c.Connections)
			}
		})
	})
}

func TestContractAResetIsAHangupWithItsError(t *testing.T) {
	onEveryEngine(t, func(w wire) bool { return w.name == "tcp" }, func(t *testing.T, b *bench) {
		b.handler.onHangup = func(n uint32, err error) {
			if err == nil || errors.Is(err, io.EOF) {
				t.Errorf("got a hangup with %v, want what failed", err)
			}
			b.r.Close(n, DropClosed)
		}
		b.open(t)
		_ = b.peer.(*net.TCPConn).SetLinger(0)
		b.peer.Close()
		b.handler.await(t, "hangup")
	})
}

func TestContractPausedInputWaitsAndOutlivesThePeersClose(t *testing.T) {
	onEveryEngine(t, nil, func(t *testing.T, b *bench) {
		b.handler.onHangup = func(n uint32, err error) { b.r.Close(n, DropClosed) }
		on(t, b.r, func() {
			b.slot = takeOver(t, b.r, b.ours, b.engine)
			b.r.Pause(b.slot)
		})
		if _, err := b.peer.Write([]byte("while paused")); err != nil {
			t.Fatal(err)
		}
		b.peer.Close()
		for range 200 {
			on(t, b.r, func() {})
		}
		if got := b.handler.list(); len(got) != 0 {
			t.Fatalf("got %q while paused, want nothing", got)
		}
		on(t, b.r, func() { b.r.Resume(b.slot) })
		b.handler.await(t, "hangup EOF")
		if got := b.handler.list()[0]; got != `input "while paused"` {
			t.Errorf("got %q first after Resume, want what was sent while paused", got)
		}
	})
}

func TestContractPauseAndResumeWithinInputLoseNothing(t *testing.T) {
	onEveryEngine(t, nil, func(t *testing.T, b *bench) {
		sent := pattern(200 << 10)
		var input []byte
		b.handler.onInput = func(n uint32, view []byte) {
			b.r.Pause(n)
			b.r.Resume(n)
			b.r.sender.Send(n, NewFrame([]byte{1}, false))
			b.r.sender.Cut(n, DropClosed)
			if len(input)%3 == 0 {
				b.r.Pause(n)
				b.r.Post(TaskFunc(func(*Reactor) { b.r.Resume(n) }))
			}
			input = append(input, view...)
			if len(input) == len(sent) {
				b.handler.note("complete")
			}
		}
		b.open(t)
		go b.peer.Write(sent)
		b.handler.await(t, "complete")
		on(t, b.r, func() {
			if !bytes.Equal(input, sent) {
				t.Error("got other bytes than the peer sent")
			}
		})
	})
}

func TestContractADeadlineExpiresOnceUnlessItIsTakenBack(t *testing.T) {
	onEveryEngine(t, nil, func(t *testing.T, b *bench) {
		b.open(t)
		on(t, b.r, func() {
			b.r.SetDeadline(b.slot, time.Hour)
			b.r.SetDeadline(b.slot, Tick)
			other, _ := net.Pipe()
			n := b.r.OpenLink(other)
			b.r.SetDeadline(n, Tick)
			b.r.SetDeadline(n, 0)
		})
		b.handler.await(t, "expired")
		on(t, b.r, func() { b.r.SetDeadline(b.slot, 2*Tick) })
		for b.handler.count("expired") < 2 {
			on(t, b.r, func() {})
		}
		if n := b.handler.count("expired"); n != 2 {
			t.Errorf("got %d expiries, want 2", n)
		}
	})
}

func TestContractCloseWhenDrainedLosesNothing(t *testing.T) {
	onEveryEngine(t, nil, func(t *testing.T, b *bench) {
		b.handler.onDrained = func(n uint32) {
			if left := b.r.sender.Buffered(n); left != 0 {
				t.Errorf("got %d bytes buffered when drained, want 0", left)
			}
			b.r.Close(n, DropClosed)
		}
		b.open(t)
		sent := pattern(900 << 10)
		read := make(chan []byte)
		go func() {
			all, _ := io.ReadAll(b.peer)
			read <- all
		}()
		on(t, b.r, func() {
			b.r.sender.Send(b.slot, NewFrame(sent, true))
			b.r.sender.NotifyDrained(b.slot)
			b.r.sender.NotifyDrained(b.slot)
		})
		if got := <-read; !bytes.Equal(got, sent) {
			t.Errorf("got %d bytes, want the %d that were queued", len(got), len(sent))
		}
		b.handler.await(t, "drained")
		if n := b.handler.count("drained"); n != 1 {
			t.Errorf("got %d calls of Drained, want 1", n)
		}
	})
}

func TestContractShutdownWriteEndsOneDirection(t *testing.T) {
	onEveryEngine(t, func(w wire) bool { return w.half }, func(t *testing.T, b *bench) {
		b.handler.onDrained = func(n uint32) { b.r.ShutdownWrite(n) }
		b.open(t)
		on(t, b.r, func() {
			b.r.sender.Send(b.slot, NewFrame([]byte("the end"), true))
			b.r.sender.NotifyDrained(b.slot)
		})
		all, err := io.ReadAll(b.peer)
		if err != nil || string(all) != "the end" {
			t.Fatalf("got %q and error %v, want the frame and EOF", all, err)
		}
		if _, err := b.peer.Write([]byte("still heard")); err != nil {
			t.Fatal(err)
		}
		b.handler.await(t, `input "still heard"`)
	})
}

func TestContractStopClosesWhatIsLeft(t *testing.T) {
	onEveryEngine(t, nil, func(t *testing.T, b *bench) {
		b.open(t)
		b.r.Stop()
		if _, err := io.ReadAll(b.peer); err != nil && b.peer.LocalAddr().Network() == "pipe" {
			t.Errorf("got %v, want EOF", err)
		}
		if b.r.Post(TaskFunc(func(*Reactor) { t.Error("got a task run after Stop") })) {
			t.Error("got a task accepted after Stop, want it refused")
		}
		b.r.Stop()
		select {
		case <-b.r.Done():
		default:
			t.Error("got Done open after Stop, want it closed")
		}
	})
}

func TestContractTheTellerOfAddressesKnowsBothEnds(t *testing.T) {
	onEveryEngine(t, func(w wire) bool { return w.name != "pipe" }, func(t *testing.T, b *bench) {
		want := b.ours.LocalAddr().String()
		b.open(t)
		on(t, b.r, func() {
			if got := b.r.LocalAddr(b.slot); got == nil || got.String() != want {
				t.Errorf("got the local address %v, want %v", got, want)
			}
		})
	})
}
