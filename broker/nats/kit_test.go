package nats

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/internal/engines"
	"github.com/spokehub/spokehub/stream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testPatience bounds every wait for a condition.
const testPatience = time.Minute

// recorder is a sink that remembers all it is told.
type recorder struct {
	mu         sync.Mutex
	changed    chan struct{}
	deliveries []broker.Delivery
	// notes are Up, Down and Lost in order, with their reasons.
	notes []string
	// hold, if it is not nil, keeps Deliver waiting until it is closed.
	hold chan struct{}
}

func newRecorder() *recorder { return &recorder{changed: make(chan struct{})} }

func (r *recorder) note(change func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change()
	close(r.changed)
	r.changed = make(chan struct{})
}

// Deliver keeps a copy.
func (r *recorder) Deliver(d broker.Delivery) {
	r.mu.Lock()
	hold := r.hold
	r.mu.Unlock()
	if hold != nil {
		<-hold
	}
	d.Data = append([]byte(nil), d.Data...)
	r.note(func() { r.deliveries = append(r.deliveries, d) })
}

// Up is noted.
func (r *recorder) Up() { r.note(func() { r.notes = append(r.notes, "up") }) }

// Down is noted.
func (r *recorder) Down(err error) {
	r.note(func() { r.notes = append(r.notes, "down "+err.Error()) })
}

// Lost is noted.
func (r *recorder) Lost(reason string) {
	r.note(func() { r.notes = append(r.notes, "lost "+reason) })
}

// await waits until what the recorder knows meets a condition.
func (r *recorder) await(t testing.TB, what string, met func() bool) {
	t.Helper()
	deadline := time.After(testPatience)
	for {
		r.mu.Lock()
		done, changed := met(), r.changed
		r.mu.Unlock()
		if done {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			r.mu.Lock()
			defer r.mu.Unlock()
			t.Fatalf("waited in vain for %s; got %d deliveries and the notes %q", what, len(r.deliveries), r.notes)
		}
	}
}

// awaitNotes waits for notes that begin with these texts, in this order, others between them, behind the first skip. It returns how many there were.
func (r *recorder) awaitNotes(t testing.TB, skip int, want ...string) (total int) {
	t.Helper()
	r.await(t, fmt.Sprintf("the notes %q", want), func() bool {
		left := want
		for i, note := range r.notes[min(skip, len(r.notes)):] {
			if len(left) > 0 && strings.HasPrefix(note, left[0]) {
				left, total = left[1:], skip+i+1
			}
		}
		return len(left) == 0
	})
	return total
}

func (r *recorder) awaitDeliveries(t testing.TB, count int) []broker.Delivery {
	t.Helper()
	r.await(t, fmt.Sprintf("%d deliveries", count), func() bool { return len(r.deliveries) >= count })
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]broker.Delivery(nil), r.deliveries...)
}

func (r *recorder) noted() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.notes)
}

// open starts an engine with these settings, and ends it with the test.
func open(t testing.TB, c Config) (*Engine, *recorder) {
	t.Helper()
	e, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	r := newRecorder()
	if err = e.Start(r); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e, r
}

// connect starts an engine on a server and waits until it is up.
func connect(t testing.TB, servers ...*engines.NATSServer) (*Engine, *recorder) {
	t.Helper()
	var c Config
	for _, s := range servers {
		c.URLs = append(c.URLs, s.URL)
	}
	e, r := open(t, c)
	r.awaitNotes(t, 0, "up")
	return e, r
}

func subscribe(t testing.TB, e *Engine, keys ...broker.Key) {
	t.Helper()
	if err := e.Subscribe(t.Context(), keys...); err != nil {
		t.Fatal(err)
	}
}

func publish(t testing.TB, e *Engine, key broker.Key, texts ...string) {
	t.Helper()
	var messages []broker.Message
	for _, text := range texts {
		messages = append(messages, broker.Message{Key: key, Data: []byte(text)})
	}
	if err := e.Publish(t.Context(), messages); err != nil {
		t.Fatal(err)
	}
}

var kept = &stream.Policy{Match: "*", History: stream.History{Events: 10_000}}

func plain(typ, id string) broker.Key { return broker.Key{Kind: broker.Plain, Type: typ, ID: id} }

func events(policy *stream.Policy, typ string, texts ...string) (list []*broker.Append) {
	for _, text := range texts {
		list = append(list, &broker.Append{Policy: policy, Type: typ, Data: []byte(text)})
	}
	return list
}

// appendAll appends and fails the test if one of the events was not taken.
func appendAll(t testing.TB, e *Engine, list []*broker.Append) {
	t.Helper()
	e.Append(context.Background(), list)
	for i, a := range list {
		if a.Err != nil {
			t.Fatalf("append %d of %d: %v", i+1, len(list), a.Err)
		}
	}
}

func readPage(t testing.TB, e *Engine, q broker.Query) broker.Page {
	t.Helper()
	page, err := e.Read(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	return page
}

func texts(n int, format string) (list []string) {
	for i := range n {
		list = append(list, fmt.Sprintf(format, i))
	}
	return list
}
