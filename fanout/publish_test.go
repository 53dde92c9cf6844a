package fanout

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/spokehub/spokehub/event"
)

// fill has so much wait for the subscriber's reactor, which must be halted, that there is no room for more.
func (l *loopHub) fill() {
	for !l.slow.behind() {
		l.hub.DispatchEvent(event.Event{Type: "t", Payload: []byte(`"` + strings.Repeat("x", 8<<10) + `"`)})
	}
}

func TestPublishWaitsForAReactorThatIsBehind(t *testing.T) {
	eachLoopHub(t, func(t *testing.T, l *loopHub) {
		proceed := l.halt()
		l.fill()
		before := l.hub.counters.dispatched.Load()
		published := make(chan error, 1)
		go func() { published <- errorOf(l.hub.Publish(context.Background(), event.Event{Type: "t", ID: "waits"})) }()
		if _, err := l.hub.Publish(context.Background(), event.Event{Type: "other"}); err != nil {
			t.Errorf("got %v for an event that nobody on that reactor receives, want it published", err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 10*throttleStep)
		defer cancel()
		if _, err := l.hub.Publish(ctx, event.Event{Type: "t"}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the end of the context", err)
		}
		if got := len(published); got != 0 {
			t.Errorf("got %v while the reactor is halted, want it waited", <-published)
		}
		if got := l.hub.counters.dispatched.Load() - before; got != 1 {
			t.Errorf("got %d events counted as dispatched, want the one that nobody receives", got)
		}
		proceed()
		if err := <-published; err != nil {
			t.Errorf("got %v once the reactor has caught up, want it published", err)
		}
	})
}

func TestPublishSaysWhyAnEventIsNotSent(t *testing.T) {
	l := newLoopHub(t, EngineDefault)
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	long := event.Event{Type: "t", Payload: []byte(`"` + strings.Repeat("x", l.hub.cfg.QueueLimit) + `"`)}
	for name, c := range map[string]struct {
		ctx  context.Context
		e    event.Event
		want error
	}{
		"because it is invalid":           {context.Background(), event.Event{Type: "a:b"}, ErrInvalid},
		"and by which rule it is invalid": {context.Background(), event.Event{Type: "a:b"}, event.FaultTypeColon},
		"because the context has ended":   {ended, event.Event{Type: "t"}, context.Canceled},
		"because it fits into no queue":   {context.Background(), long, ErrTooLong},
	} {
		if receipt, err := l.hub.Publish(c.ctx, c.e); !errors.Is(err, c.want) || receipt != (Receipt{}) {
			t.Errorf("%s: got %v and the receipt %v, want %v and none", name, err, receipt, c.want)
		}
	}
	if fault, ok := errors.AsType[event.Fault](errorOf(l.hub.Publish(context.Background(), event.Event{}))); !ok || fault != event.FaultTypeLength {
		t.Errorf("got the fault %v, want %v", fault, event.FaultTypeLength)
	}
	if st := l.hub.Stats(); st.Deliveries != 0 || st.Backpressure != 0 {
		t.Errorf("got %d deliveries and %d spokes closed, want none", st.Deliveries, st.Backpressure)
	}
}

func TestShutdownEndsTheWaitOfPublishers(t *testing.T) {
	l := newLoopHub(t, EngineDefault)
	proceed := l.halt()
	l.fill()
	published, shut := make(chan error, 1), make(chan struct{})
	go func() { published <- errorOf(l.hub.Publish(context.Background(), event.Event{Type: "t"})) }()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	go func() {
		defer close(shut)
		_ = l.hub.Shutdown(ctx)
	}()
	select {
	case err := <-published:
		if !errors.Is(err, ErrClosed) {
			t.Errorf("got %v, want ErrClosed", err)
		}
	case <-time.After(patience):
		t.Error("got a publisher that waits on, want it sent away")
	}
	cancel()
	proceed()
	<-shut
	if _, err := l.hub.Publish(context.Background(), event.Event{Type: "t"}); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v after the end, want ErrClosed", err)
	}
}

func TestPublishMayWaitInACallback(t *testing.T) {
	l := newLoopHub(t, EngineDefault)
	answered := make(chan error, 1)
	if _, err := l.hub.AddEventListener("ask", func(*Spoke, event.Event) {
		answered <- errorOf(l.hub.Publish(context.Background(), event.Event{Type: "t"}))
	}); err != nil {
		t.Fatal(err)
	}
	asking, _ := l.joinElsewhere()
	proceed := l.halt()
	l.fill()
	l.send(asking, `{"type":"ask"}`)
	l.until("the callback waits", func() bool { return l.hub.callbacksPending() > 0 || len(answered) > 0 })
	proceed()
	if err := <-answered; err != nil {
		t.Errorf("got %v, want it published", err)
	}
}

func TestPublishSaysHowManySubscribersMatched(t *testing.T) {
	eachLoopHub(t, func(t *testing.T, l *loopHub) {
		here, _ := l.joinElsewhere()
		l.send(here, `{"type":"__subscribe","id":"1","payload":{"topics":["price","price:1"]}}`)
		l.until("it is subscribed", func() bool { return l.hub.Stats().Subscriptions == 3 })
		for name, c := range map[string]struct {
			e    event.Event
			want int
		}{
			"all subscribers on all reactors":  {event.Event{Type: "t"}, 1},
			"those of its type":                {event.Event{Type: "price", ID: "2"}, 1},
			"one for each topic that it is in": {event.Event{Type: "price", ID: "1"}, 2},
			"nobody":                           {event.Event{Type: "other"}, 0},
		} {
			got, err := l.hub.Publish(context.Background(), c.e)
			if err != nil || got.Matched != c.want {
				t.Errorf("%s: got %d matched and %v, want %d and no error", name, got.Matched, err, c.want)
			}
		}
	})
}

// errorOf is the error that Publish returned.
func errorOf(_ Receipt, err error) error { return err }
