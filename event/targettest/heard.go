package targettest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/spokehub/spokehub/event"
)

// heard collects what listeners hear. Any goroutine may add to it.
type heard struct {
	mu    sync.Mutex
	lines []string
	// more has room for one mark that something has been added.
	more chan struct{}
}

func newHeard() *heard { return &heard{more: make(chan struct{}, 1)} }

// listener returns a listener that adds each event, behind the listener's name.
func (h *heard) listener(name string) func(event.Event) {
	return func(e event.Event) { h.add(name + " " + line(e)) }
}

func (h *heard) add(line string) {
	h.mu.Lock()
	h.lines = append(h.lines, line)
	h.mu.Unlock()
	select {
	case h.more <- struct{}{}:
	default:
	}
}

// all returns what has been heard so far.
func (h *heard) all() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]string(nil), h.lines...)
}

// await waits for n lines and returns all that there are.
func (h *heard) await(t *testing.T, n int) []string {
	t.Helper()
	end := time.After(patience)
	for {
		if lines := h.all(); len(lines) >= n {
			return lines
		}
		select {
		case <-h.more:
		case <-end:
			t.Fatalf("heard %d events within %v, want %d: %q", len(h.all()), patience, n, h.all())
		}
	}
}

// line is an event as tests compare it.
func line(e event.Event) string { return fmt.Sprintf("%s|%s|%s", e.Type, e.ID, e.Payload) }

// number is an event of the type with a number as its payload.
func number(typ string, n int) event.Event {
	return event.Event{Type: typ, Payload: fmt.Append(nil, n)}
}

// end dispatches a last event and waits until a listener of its own hears it: nothing dispatched before it by the same
// goroutine is under way any more. The listener is added by ready.
type end struct {
	pair  Pair
	heard *heard
}

// expectEnd adds the listener that end.reached waits for.
func expectEnd(p Pair) end {
	e := end{pair: p, heard: newHeard()}
	p.Listen.AddEventListener("end", e.heard.listener("end"))
	p.settle()
	return e
}

func (e end) reached(t *testing.T) {
	t.Helper()
	dispatch(t, e.pair, event.Event{Type: "end"})
	e.heard.await(t, 1)
}

// dispatch fails the test if the event is not taken.
func dispatch(t *testing.T, p Pair, e event.Event) {
	t.Helper()
	if !p.Dispatch.DispatchEvent(e) {
		t.Fatalf("DispatchEvent(%s) = false, want true", line(e))
	}
}

// compare fails the test if the lines differ.
func compare(t *testing.T, got []string, want ...string) {
	t.Helper()
	if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
		t.Errorf("heard %q, want %q", got, want)
	}
}
