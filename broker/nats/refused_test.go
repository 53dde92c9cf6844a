package nats

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/internal/engines"
)

// logBook keeps what is logged.
type logBook struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write keeps a line.
func (b *logBook) Write(line []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(line)
}

func (b *logBook) count(part string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Count(b.text.String(), part)
}

// restricted starts a server whose user may do some things, and an engine there.
func restricted(t *testing.T, o engines.NATSOptions) (*engines.NATSServer, *Engine, *recorder, *logBook) {
	t.Helper()
	if len(o.Publish) > 0 {
		o.User, o.Password = "hub", "secret"
	}
	s, book := engines.NATS(t, o), new(logBook)
	e, told := open(t, Config{URLs: []string{s.URL}, Logger: slog.New(slog.NewTextHandler(book, nil))})
	return s, e, told, book
}

var enough = engines.NATSOptions{Publish: []string{"spokehub.>", "$JS.API.>"}, Subscribe: []string{"spokehub.>"}}

// TestTheDocumentedPermissionsAreEnough uses all that an engine does.
func TestTheDocumentedPermissionsAreEnough(t *testing.T) {
	_, e, told, book := restricted(t, enough)
	told.awaitNotes(t, 0, "up")
	subscribe(t, e, plain("price", ""), broker.Key{Kind: broker.Stream, Type: "order"}, broker.Key{Kind: broker.Control, Type: "hubs"})
	publish(t, e, plain("price", "x"), "1")
	appendAll(t, e, events(kept, "order", "2", "3"))
	if page := readPage(t, e, broker.Query{Policy: kept, Type: "order", Events: 10}); len(page.Entries) != 2 {
		t.Errorf("got the page %+v, want two events", page)
	}
	told.awaitDeliveries(t, 3)
	if n := book.count("refuse"); n != 0 {
		t.Errorf("got %d refusals, want none", n)
	}
}

func TestASubscriptionThatIsNotPermittedFailsAndOthersDoNot(t *testing.T) {
	o := enough
	o.Subscribe = []string{"spokehub.i.>", "spokehub.p.price", "spokehub.p.price.*"}
	s, e, told, book := restricted(t, o)
	told.awaitNotes(t, 0, "up")
	for range 3 {
		err := e.Subscribe(t.Context(), plain("price", ""), plain("order", "7"))
		if !errors.Is(err, broker.ErrRefused) || !errors.Is(err, broker.ErrUnavailable) || !strings.Contains(err.Error(), "spokehub.p.order.7") || !strings.Contains(err.Error(), "subscribe to spokehub.>") {
			t.Fatalf("got %v, want ErrRefused with the subject and what to do", err)
		}
	}
	subscribe(t, e, plain("price", ""))
	publish(t, e, plain("price", ""), "1")
	told.awaitDeliveries(t, 1)
	if n := book.count("does not permit"); n != 1 {
		t.Errorf("got %d lines of the log, want 1", n)
	}
	s.Permit(enough.Publish, enough.Subscribe)
	s.Restart()
	told.awaitNotes(t, 1, "down ", "up", "lost ")
	publish(t, e, plain("order", "7"), "2")
	told.awaitDeliveries(t, 2)
	subscribe(t, e, plain("order", "7"))
}

// TestAnEngineThatMayNotRestoreIsNotUp has the server permit less after a restart, and then as much as before.
func TestAnEngineThatMayNotRestoreIsNotUp(t *testing.T) {
	s, e, told, _ := restricted(t, enough)
	told.awaitNotes(t, 0, "up")
	subscribe(t, e, plain("price", ""), plain("order", ""))
	s.Permit(enough.Publish, []string{"spokehub.i.>", "spokehub.p.price"})
	s.Restart()
	told.await(t, "the reason", func() bool {
		last := told.notes[len(told.notes)-1]
		return strings.HasPrefix(last, "down ") && strings.Contains(last, "does not permit")
	})
	if err := e.Subscribe(t.Context(), plain("price", "")); !errors.Is(err, broker.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
	before := told.noted()
	s.Permit(enough.Publish, enough.Subscribe)
	s.Restart()
	told.awaitNotes(t, before, "up", "lost ")
	publish(t, e, plain("order", "7"), "1")
	told.awaitDeliveries(t, 1)
}

func TestAnEngineWithoutAnswersIsNotUpAndSaysWhy(t *testing.T) {
	o := enough
	o.Subscribe = []string{"spokehub.p.>"}
	_, _, told, _ := restricted(t, o)
	told.awaitNotes(t, 0, `down the broker is not available: it refuses what the hub needs: NATS at`)
}

func TestTooManySubscriptionsFailAndTheOnesBeforeStay(t *testing.T) {
	_, e, told, book := restricted(t, engines.NATSOptions{MaxSubscriptions: 10})
	told.awaitNotes(t, 0, "up")
	subscribe(t, e, plain("user", "1"))
	var many []broker.Key
	for i := range 20 {
		many = append(many, plain("room", fmt.Sprint(i)))
	}
	if err := e.Subscribe(t.Context(), many...); !errors.Is(err, broker.ErrRefused) || !strings.Contains(err.Error(), "max_subscriptions") {
		t.Fatalf("got %v, want ErrRefused with what to do", err)
	}
	if err := e.Unsubscribe(t.Context(), many...); err != nil {
		t.Fatal(err)
	}
	subscribe(t, e, plain("user", "2"))
	publish(t, e, plain("user", "1"), "1")
	publish(t, e, plain("user", "2"), "2")
	told.awaitDeliveries(t, 2)
	if n := book.count("takes no more subscriptions"); n != 1 {
		t.Errorf("got %d lines of the log, want 1", n)
	}
}

func TestAppendsThatAreNotPermittedSaySoAtOnce(t *testing.T) {
	for name, may := range map[string][]string{"events": {"spokehub.p.>", "spokehub.i.>", "$JS.API.>"}, "questions": {"spokehub.>"}} {
		t.Run(name, func(t *testing.T) {
			o := enough
			o.Publish = may
			_, e, told, book := restricted(t, o)
			told.awaitNotes(t, 0, "up")
			list := events(kept, "order", texts(100, "%d")...)
			e.Append(t.Context(), list)
			for _, a := range list {
				if !errors.Is(a.Err, broker.ErrRefused) || !strings.Contains(a.Err.Error(), "publish to spokehub.> and $JS.API.>") {
					t.Fatalf("got %v, want ErrRefused with what to do", a.Err)
				}
			}
			if n := book.count("does not permit"); n != 1 {
				t.Errorf("got %d lines of the log, want 1", n)
			}
		})
	}
}

func TestPublishesThatAreNotPermittedAreLoggedNowAndThen(t *testing.T) {
	o := enough
	o.Publish = []string{"spokehub.i.>"}
	_, e, told, book := restricted(t, o)
	told.awaitNotes(t, 0, "up")
	publish(t, e, plain("price", "1"), texts(100, "%d")...)
	publish(t, e, plain("order", "1"), texts(100, "%d")...)
	for i := 0; book.count("does not permit") == 0; i++ {
		if !pause(t.Context(), pageWait) {
			t.Fatal("waited in vain for a line of the log")
		}
	}
	if err := e.Subscribe(t.Context(), plain("price", "")); err != nil {
		t.Fatal(err)
	}
	if n := book.count("does not permit"); n != 1 {
		t.Errorf("got %d lines of the log, want 1", n)
	}
}
