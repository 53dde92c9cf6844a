package inproc

import (
	"bytes"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/stream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testPatience bounds every wait for a condition.
const testPatience = time.Minute

// recorder is a sink that remembers what it is told, as lines. mu guards all fields.
type recorder struct {
	mu      sync.Mutex
	lines   []string
	changed chan struct{}
}

func (r *recorder) note(line string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, line)
	close(r.changed)
	r.changed = make(chan struct{})
}

// Deliver is noted with the text.
func (r *recorder) Deliver(d broker.Delivery) { r.note(string(bytes.Clone(d.Data))) }

// Up is noted.
func (r *recorder) Up() { r.note("up") }

// Down is noted.
func (r *recorder) Down(error) { r.note("down") }

// Lost is noted with the reason.
func (r *recorder) Lost(reason string) { r.note("lost: " + reason) }

// expect waits for as many lines as are wanted, and compares.
func (r *recorder) expect(t *testing.T, want ...string) {
	t.Helper()
	deadline := time.After(testPatience)
	for {
		r.mu.Lock()
		got, changed := slices.Clone(r.lines), r.changed
		r.mu.Unlock()
		if len(got) >= len(want) {
			if !slices.Equal(got, want) {
				t.Fatalf("got %q, want %q", got, want)
			}
			return
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("got %q, want %q", got, want)
		}
	}
}

// openEngine starts an engine that is subscribed to the plain type "t" and the stream "s".
func openEngine(t *testing.T, n *Network) (*Engine, *recorder) {
	t.Helper()
	e, r := n.Engine(), &recorder{changed: make(chan struct{})}
	if err := e.Start(r); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	if err := e.Subscribe(t.Context(), broker.Key{Type: "t"}, broker.Key{Kind: broker.Stream, Type: "s"}); err != nil {
		t.Fatal(err)
	}
	r.expect(t, "up")
	return e, r
}

func publish(t *testing.T, e *Engine, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if err := e.Publish(t.Context(), []broker.Message{{Key: broker.Key{Type: "t"}, Data: []byte(text)}}); err != nil {
			t.Fatal(err)
		}
	}
}

var keepAll = &stream.Policy{Match: "*", History: stream.History{Events: 1000}}

// tryAppend appends an event to the stream "s".
func tryAppend(t *testing.T, e *Engine, key, text string) *broker.Append {
	t.Helper()
	a := &broker.Append{Policy: keepAll, Type: "s", Key: key, Data: []byte(text)}
	e.Append(t.Context(), []*broker.Append{a})
	return a
}

func appendTo(t *testing.T, e *Engine, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if a := tryAppend(t, e, "", text); a.Err != nil {
			t.Fatal(a.Err)
		}
	}
}

func readPage(t *testing.T, e *Engine) broker.Page {
	t.Helper()
	page, err := e.Read(t.Context(), broker.Query{Policy: keepAll, Type: "s", Events: 1000})
	if err != nil {
		t.Fatal(err)
	}
	return page
}

// await waits for a line.
func (r *recorder) await(t *testing.T, want string) {
	t.Helper()
	deadline := time.After(testPatience)
	for {
		r.mu.Lock()
		isThere, changed := slices.Contains(r.lines, want), r.changed
		r.mu.Unlock()
		if isThere {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("waited in vain for %q", want)
		}
	}
}
