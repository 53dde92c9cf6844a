//go:build faults

package netpoll

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func inject(t *testing.T, p FaultPlan) {
	t.Helper()
	InjectFaults(p)
	t.Cleanup(func() { InjectFaults(FaultPlan{}) })
}

func TestFaultsStrikeTheSameCallsWithTheSameSeed(t *testing.T) {
	strikes := func(seed uint64) (hits []int) {
		inject(t, FaultPlan{Seed: seed, Again: 10})
		f := installed.Load()
		for i := range 1000 {
			if _, hit := f.strike(again); hit {
				hits = append(hits, i)
			}
		}
		return hits
	}
	first, second, other := strikes(1), strikes(1), strikes(2)
	if len(first) < 50 || len(first) > 200 {
		t.Errorf("got %d faults in 1000 calls, want about 100", len(first))
	}
	equal := func(a, b []int) bool {
		for i := range min(len(a), len(b)) {
			if a[i] != b[i] {
				return false
			}
		}
		return len(a) == len(b)
	}
	if !equal(first, second) || equal(first, other) {
		t.Errorf("got equal %v with one seed and %v with two, want true and false", equal(first, second), equal(first, other))
	}
}

func TestFaultsLoseNoByte(t *testing.T) {
	onEveryEngine(t, func(w wire) bool { return w.taken }, func(t *testing.T, b *bench) {
		inject(t, FaultPlan{Seed: 11, Again: 3, Interrupt: 4, Short: 2, Spurious: 3})
		sent := pattern(300 << 10)
		input := b.collect(len(sent))
		b.open(t)
		go b.peer.Write(sent)
		read := make(chan []byte)
		go func() {
			got := make([]byte, len(sent))
			n, _ := io.ReadFull(b.peer, got)
			read <- got[:n]
		}()
		for rest := sent; len(rest) > 0; {
			n := min(len(rest), 5000)
			b.send(t, string(rest[:n]))
			rest = rest[n:]
		}
		if got := <-read; !bytes.Equal(got, sent) {
			t.Errorf("got %d bytes out, want all %d as they were queued", len(got), len(sent))
		}
		b.handler.await(t, "complete")
		on(t, b.r, func() {
			if !bytes.Equal(input.Bytes(), sent) {
				t.Error("got other input than the peer sent")
			}
			if c := b.r.Count(); c.Delivered != c.Matched || c.Queued != 0 {
				t.Errorf("got %d delivered of %d and %d queued, want all", c.Delivered, c.Matched, c.Queued)
			}
		})
		if c := InjectedFaults(); b.engine.HasDescriptors() && (c.Again == 0 || c.Interrupt == 0 || c.Short == 0 || c.Spurious == 0) {
			t.Errorf("got the faults %+v, want some of each", c)
		}
	})
}

func TestFaultResetIsAHangup(t *testing.T) {
	onEveryEngine(t, func(w wire) bool { return w.taken }, func(t *testing.T, b *bench) {
		if !b.engine.HasDescriptors() {
			t.Skip("links make no such calls")
		}
		inject(t, FaultPlan{Seed: 1, Reset: 1})
		b.handler.onHangup = func(n uint32, err error) {
			if err == nil || err == io.EOF {
				t.Errorf("got a hangup with %v, want what failed", err)
			}
			b.r.Close(n, DropClosed)
		}
		b.open(t)
		b.send(t, "lost")
		b.handler.await(t, "hangup")
		on(t, b.r, func() {
			if c := b.r.Count(); c.Dropped[DropClosed] != 1 || c.Connections != 0 {
				t.Errorf("got %d dropped and %d connections, want 1 and none", c.Dropped[DropClosed], c.Connections)
			}
		})
	})
}

func TestFaultsOnAcceptDelayItOnly(t *testing.T) {
	for _, e := range waitLoops {
		t.Run(e.String(), func(t *testing.T) {
			h := newRecorder()
			r := start(t, Config{Handler: h, Engine: e})
			h.onAccepted = func(_ uint32, a Accepted) { a.Close() }
			fd, address := newListener(t)
			inject(t, FaultPlan{Seed: 5, Abort: 3, Interrupt: 3, Exhaust: 12})
			on(t, r, func() { _, _ = r.Listen(fd) })
			for range 20 {
				c, err := net.DialTimeout("tcp", address, waitLimit)
				if err != nil {
					t.Fatal(err)
				}
				_ = c.SetDeadline(time.Now().Add(waitLimit))
				if _, err := io.ReadAll(c); err != nil {
					t.Errorf("got %v, want the connection accepted and closed", err)
				}
				c.Close()
			}
			if c := InjectedFaults(); c.Abort == 0 || c.Exhaust == 0 {
				t.Errorf("got the faults %+v, want some on accept", c)
			}
		})
	}
}

func TestABrokenPausedConnectionGoesOnWaitingForRoom(t *testing.T) {
	for _, e := range waitLoops {
		for name, muteFirst := range map[string]bool{"broken, then full": true, "full, then broken": false} {
			t.Run(e.String()+"/"+name, func(t *testing.T) {
				h := newRecorder()
				r := start(t, Config{Handler: h, Engine: e})
				ours, peer := socketPair(t)
				var n uint32
				on(t, r, func() {
					n, _ = r.Open(ours)
					r.Pause(n)
				})
				if muteFirst {
					_ = unix.Shutdown(peer, unix.SHUT_RDWR)
					for noticed := false; !noticed; {
						on(t, r, func() { noticed = r.conns.table.At(n).is(unwatched) })
					}
				}
				inject(t, FaultPlan{Seed: 1, Again: 1})
				on(t, r, func() { r.sender.Send(n, NewFrame([]byte("late"), true)) })
				_ = unix.Shutdown(peer, unix.SHUT_RDWR)
				const tries = 3
				for end := time.Now().Add(waitLimit); InjectedFaults().Again < tries; {
					if time.Now().After(end) {
						t.Fatalf("got %d tries to write, want at least %d", InjectedFaults().Again, tries)
					}
					on(t, r, func() {})
				}
				InjectFaults(FaultPlan{})
				h.await(t, "hangup")
			})
		}
	}
}

// TestFaultsPauseIsNoTime has a clock jump ahead in every turn, while a deadline stands that is nearer than a jump is long.
func TestFaultsPauseIsNoTime(t *testing.T) {
	for _, e := range waitLoops {
		t.Run(e.String(), func(t *testing.T) {
			h := newRecorder()
			r := start(t, Config{Handler: h, Engine: e})
			ours, _ := socketPair(t)
			on(t, r, func() {
				n, _ := r.Open(ours)
				r.SetDeadline(n, Paused/2)
			})
			inject(t, FaultPlan{Seed: 1, Pause: 1})
			const pauses = 20
			for range pauses {
				on(t, r, func() {})
			}
			if met := InjectedFaults().Pause; met < pauses {
				t.Errorf("got %d pauses in as many turns, want %d at least", met, pauses)
			}
			if got := h.count("expired"); got != 0 {
				t.Errorf("got %d deadlines, want none", got)
			}
		})
	}
}
