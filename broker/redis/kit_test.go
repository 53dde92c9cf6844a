package redis

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/stream"
)

// A client of the library for clusters that is closed may have goroutines that sleep for some seconds, and then find it closed.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*call).DelayDo.func1"),
		goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*clusterClient)._refresh.func2"))
}

const (
	plain   = broker.Plain
	streams = broker.Stream
	control = broker.Control
)

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

// connect starts an engine and waits until it is up.
func connect(t testing.TB, url string) (*Engine, *recorder) {
	t.Helper()
	prefix := strings.Map(func(r rune) rune {
		if !isNameRune(r) {
			return '.'
		}
		return r
	}, t.Name())
	e, r := open(t, Config{URL: url, Node: "node of a test", Prefix: prefix})
	r.awaitNotes(t, 0, "up")
	return e, r
}

func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testPatience)
	t.Cleanup(cancel)
	return ctx
}

// subscribe subscribes at once, without another try.
func subscribe(t testing.TB, e *Engine, keys ...broker.Key) {
	t.Helper()
	if err := e.Subscribe(within(t), keys...); err != nil {
		t.Fatal(err)
	}
}

func publish(t testing.TB, e *Engine, key broker.Key, texts ...string) {
	t.Helper()
	var messages []broker.Message
	for _, text := range texts {
		messages = append(messages, broker.Message{Key: key, Data: []byte(text)})
	}
	if err := e.Publish(within(t), messages); err != nil {
		t.Fatal(err)
	}
}

// message is one with a header of now.
func message(text string) []byte {
	return broker.Seal(append(broker.AppendHeader(nil, broker.Header{Origin: 1, At: time.Now()}), text...))
}

var keepAll = &stream.Policy{Match: "*", History: stream.History{Events: 1000}}

// add appends texts to a stream, and fails the test if one is refused.
func add(t testing.TB, e *Engine, typ string, texts ...string) []*broker.Append {
	t.Helper()
	var events []*broker.Append
	for _, text := range texts {
		events = append(events, &broker.Append{Policy: keepAll, Type: typ, Data: message(text)})
	}
	e.Append(within(t), events)
	for _, a := range events {
		if a.Err != nil {
			t.Fatal(a.Err)
		}
	}
	return events
}

func read(t testing.TB, e *Engine, q broker.Query) broker.Page {
	t.Helper()
	if q.Policy == nil {
		q.Policy = keepAll
	}
	page, err := e.Read(within(t), q)
	if err != nil {
		t.Fatal(err)
	}
	return page
}

func top(t testing.TB, e *Engine, typ string) event.Position {
	t.Helper()
	tops, err := e.Tops(within(t), nil, typ)
	if err != nil {
		t.Fatal(err)
	}
	return tops[0]
}

// bodies are what messages have behind their headers.
func bodies(t testing.TB, page broker.Page) (texts []string) {
	t.Helper()
	for _, entry := range page.Entries {
		_, body, err := broker.ParseMessage(entry.Data)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(body))
	}
	return texts
}
