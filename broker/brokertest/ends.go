package brokertest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/spokehub/spokehub/broker"
)

// callErrors makes each call that has an error, and says what they were.
func callErrors(ctx context.Context, b broker.Broker) map[string]error {
	a := &broker.Append{Policy: keepAll(), Type: "order", Data: message("x")}
	b.Append(ctx, []*broker.Append{a})
	_, read := b.Read(ctx, broker.Query{Policy: keepAll(), Type: "order", Events: 1})
	_, tops := b.Tops(ctx, nil, "order")
	return map[string]error{
		"Append": a.Err, "Read": read, "Tops": tops, "Subscribe": b.Subscribe(ctx, plain("price", "")),
		"Publish": b.Publish(ctx, []broker.Message{{Key: plain("price", ""), Data: message("x")}}),
	}
}

func anEndedContextEndsCalls(t *testing.T, c Config) {
	hubs := open(t, c, 2)
	cause := errors.New("the caller has left")
	ended, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	failed := callErrors(ended, hubs[0])
	for _, name := range []string{"Append", "Read", "Tops"} {
		if err := failed[name]; !errors.Is(err, context.Canceled) && !errors.Is(err, cause) && !errors.Is(err, broker.ErrUnavailable) {
			t.Errorf("%s: got %v, want the error of the context", name, err)
		}
	}
	hubs[1].publish(t, plain("price", ""), "of a key whose call had ended")
	hubs[0].subscribe(t, plain("price", ""))
	hubs[1].publish(t, plain("price", ""), "later")
	hubs[0].awaitText(t, "later")
	hubs[0].append(t, appends(keepAll(), "other", "works")...)
}

func aClosedEngineSaysSo(t *testing.T, c Config) {
	hubs := open(t, c, 2)
	for range 2 {
		if err := hubs[0].Close(); err != nil {
			t.Fatalf("Close: got %v, want nil", err)
		}
		for name, err := range callErrors(bounded(t), hubs[0]) {
			if !errors.Is(err, broker.ErrClosed) {
				t.Errorf("%s: got %v, want ErrClosed", name, err)
			}
		}
		if err := hubs[0].Unsubscribe(bounded(t), plain("price", "")); !errors.Is(err, broker.ErrClosed) {
			t.Errorf("Unsubscribe: got %v, want ErrClosed", err)
		}
		hubs[0].Reconnect("after the end")
	}
	hubs[1].subscribe(t, plain("price", ""))
	hubs[1].publish(t, plain("price", ""), "others go on")
	hubs[1].awaitText(t, "others go on")
}

func closingEndsTheSinksCalls(t *testing.T, c Config) {
	hubs := open(t, c, 3)
	for _, h := range hubs {
		h.subscribe(t, plain("price", ""), ofStream("order"), control("hubs"))
	}
	policy := keepAll()
	send := func(prefix string, n int) {
		for i := range n {
			hubs[2].publish(t, plain("price", ""), fmt.Sprint(prefix, i))
			hubs[2].publish(t, control("hubs"), fmt.Sprint(prefix, i))
			if i%10 == 0 {
				hubs[2].append(t, appends(policy, "order", fmt.Sprint(prefix, i))...)
			}
		}
	}
	send("ahead ", 200)
	if err := hubs[0].Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	calls := hubs[0].calls()
	send("behind ", 200)
	hubs[1].awaitText(t, "behind 199")
	if got := hubs[0].calls(); got != calls {
		t.Errorf("got %d calls of the sink after Close had returned, want 0", got-calls)
	}
}

func closeBeforeStart(t *testing.T, c Config) {
	engine := c.Engines(t, 1)[0]
	for range 2 {
		if err := engine.Close(); err != nil {
			t.Errorf("Close: got %v, want nil", err)
		}
	}
}
