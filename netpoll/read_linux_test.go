package netpoll

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestAConnectionIsReadAgainWhileItFillsTheBufferButNotForEver(t *testing.T) {
	const buffer = 1 << 10
	for name, c := range map[string]struct{ sent, want int }{
		"once where it has less than the buffer":      {buffer - 1, buffer - 1},
		"again where it has more":                     {2*buffer + 10, 2*buffer + 10},
		"no oftener than others can wait for":         {10 * buffer, buffer + maxReads*buffer},
		"again, and finds nothing, where it has just": {buffer, buffer},
	} {
		t.Run(name, func(t *testing.T) {
			h := newRecorder()
			got := 0
			h.onInput = func(_ uint32, view []byte) { got += len(view) }
			r, _ := still(t, Config{Handler: h, ReadBuffer: buffer, Slice: 1})
			ours, peer := socketPair(t)
			n, err := r.Open(ours)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := unix.Write(peer, pattern(c.sent)); err != nil {
				t.Fatal(err)
			}
			r.ready(r.Conn(n), readable)
			r.readWaiting()
			if got != c.want {
				t.Errorf("got %d bytes of %d in one go, want %d", got, c.sent, c.want)
			}
			r.Close(n, DropClosed)
			r.closeRetired()
		})
	}
}

func TestReadingAgainStopsWhenTheHandlerPausesOrCloses(t *testing.T) {
	const buffer = 1 << 10
	for name, stop := range map[string]func(r *Reactor, n uint32){
		"pauses": func(r *Reactor, n uint32) { r.Pause(n) },
		"closes": func(r *Reactor, n uint32) { r.Close(n, DropClosed) },
	} {
		t.Run(name, func(t *testing.T) {
			h := newRecorder()
			r, _ := still(t, Config{Handler: h, ReadBuffer: buffer})
			inputs := 0
			h.onInput = func(n uint32, _ []byte) {
				inputs++
				stop(r, n)
			}
			ours, peer := socketPair(t)
			n, err := r.Open(ours)
			if err != nil {
				t.Fatal(err)
			}
			token := r.Conn(n)
			if _, err := unix.Write(peer, pattern(3*buffer)); err != nil {
				t.Fatal(err)
			}
			r.ready(token, readable)
			if inputs != 1 {
				t.Errorf("got %d inputs, want 1", inputs)
			}
			if r.Holds(token) {
				r.Close(n, DropClosed)
			}
			r.closeRetired()
		})
	}
}
