package target_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/broker/inproc"
	"github.com/spokehub/spokehub/broker/target"
	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/stream"
)

var mixed = []stream.Policy{{Match: "order", History: stream.History{Events: 5}}, {Match: "user", Interest: stream.ByID}}

// pair are two targets, the second of which has listeners for "price", "user:7" and "order".
func pair(t *testing.T) (network *inproc.Network, from, to *target.Target, engine *inproc.Engine, got *record) {
	t.Helper()
	network = inproc.New()
	engine, got = network.Engine(), &record{}
	from = open(t, target.Config{Broker: network.Engine(), Policies: mixed})
	to = open(t, target.Config{Broker: engine, Policies: mixed, OnLoss: got.loss})
	awaitUp(t, from)
	awaitUp(t, to)
	for _, topic := range []string{"price", "user:7", "order"} {
		to.AddEventListener(topic, got.event)
	}
	settle(t, to)
	return network, from, to, engine, got
}

func TestALostMessageIsToldAheadOfTheNextOfItsType(t *testing.T) {
	_, from, _, engine, got := pair(t)
	publish(t, from, "price", "", "1")
	publish(t, from, "user", "7", "1")
	got.expect(t, "price: 1", "user:7 1")
	engine.SetFaults(inproc.Faults{Drop: 2})
	publish(t, from, "price", "", "2")
	publish(t, from, "user", "7", "2")
	publish(t, from, "user", "8", `"not asked for"`)
	publish(t, from, "price", "", "3")
	publish(t, from, "user", "7", "3")
	got.expect(t, "price: 1", "user:7 1", `loss "price" -1`, "price: 3", `loss "user" -1`, "user:7 3")
}

func TestALossIsToldOnce(t *testing.T) {
	_, from, _, engine, got := pair(t)
	publish(t, from, "price", "", "1")
	publish(t, from, "user", "7", "1")
	got.expect(t, "price: 1", "user:7 1")
	engine.Cut()
	publish(t, from, "price", "", "2")
	publish(t, from, "user", "7", "2")
	engine.Heal()
	got.expect(t, "price: 1", "user:7 1", `loss "" -1`)
	publish(t, from, "price", "", "3")
	publish(t, from, "user", "7", "3")
	got.expect(t, "price: 1", "user:7 1", `loss "" -1`, "price: 3", "user:7 3")
	engine.SetFaults(inproc.Faults{Drop: 1})
	publish(t, from, "price", "", "4")
	publish(t, from, "price", "", "5")
	got.expect(t, "price: 1", "user:7 1", `loss "" -1`, "price: 3", "user:7 3", `loss "price" -1`, "price: 5")
}

func TestListenersGetTheOffsetsOfEvents(t *testing.T) {
	_, from, to, engine, got := pair(t)
	offsets := make(chan uint64, 10)
	to.AddEventListener("order", func(e event.Event) { offsets <- e.Offset })
	publish(t, from, "order", "", "1")
	got.expect(t, "order: 1")
	engine.SetFaults(inproc.Faults{Drop: 1})
	publish(t, from, "order", "", "2")
	publish(t, from, "order", "", "3")
	for want := uint64(1); want <= 3; want++ {
		if got := <-offsets; got != want {
			t.Errorf("got offset %d, want %d", got, want)
		}
	}
}

func TestARepeatedMessageIsHeardOnce(t *testing.T) {
	_, from, _, engine, got := pair(t)
	engine.SetFaults(inproc.Faults{Repeat: 3})
	publish(t, from, "price", "", "1")
	publish(t, from, "user", "7", "1")
	publish(t, from, "order", "", "1")
	publish(t, from, "price", "", "2")
	got.expect(t, "price: 1", "user:7 1", "order: 1", "price: 2")
}

func TestEventsOfAStreamThatWereMissedAreRead(t *testing.T) {
	_, from, _, engine, got := pair(t)
	publish(t, from, "order", "", "1")
	got.expect(t, "order: 1")
	engine.SetFaults(inproc.Faults{Drop: 2})
	for _, payload := range []string{"2", "3", "4"} {
		publish(t, from, "order", "", payload)
	}
	got.expect(t, "order: 1", "order: 2", "order: 3", "order: 4")
	engine.Cut()
	for _, payload := range []string{"5", "6"} {
		publish(t, from, "order", "", payload)
	}
	engine.Heal()
	got.expect(t, "order: 1", "order: 2", "order: 3", "order: 4", `loss "" -1`, "order: 5", "order: 6")
}

func TestEventsThatWereTrimmedMeanwhileAreTold(t *testing.T) {
	_, from, _, engine, got := pair(t)
	publish(t, from, "order", "", "1")
	got.expect(t, "order: 1")
	engine.Cut()
	for _, payload := range strings.Split("2 3 4 5 6 7 8 9", " ") {
		publish(t, from, "order", "", payload)
	}
	engine.Heal()
	got.expect(t, "order: 1", `loss "" -1`, `loss "order" 3`, "order: 5", "order: 6", "order: 7", "order: 8", "order: 9")
}

// holedEngine reads streams of which the events 2 and 3 were deleted.
type holedEngine struct{ *inproc.Engine }

// Read leaves them out.
func (e *holedEngine) Read(ctx context.Context, q broker.Query) (broker.Page, error) {
	page, err := e.Engine.Read(ctx, q)
	page.Entries = slices.DeleteFunc(page.Entries, func(entry broker.Entry) bool { return entry.Offset == 2 || entry.Offset == 3 })
	return page, err
}

func TestEventsThatWereDeletedFromWithinAStreamAreTold(t *testing.T) {
	network := inproc.New()
	from := open(t, target.Config{Broker: network.Engine(), Policies: mixed})
	engine := &holedEngine{network.Engine()}
	got := &record{}
	to := open(t, target.Config{Broker: engine, Policies: mixed, OnLoss: got.loss})
	awaitUp(t, from)
	awaitUp(t, to)
	to.AddEventListener("order", got.event)
	settle(t, to)
	engine.Cut()
	for _, payload := range []string{"1", "2", "3", "4"} {
		publish(t, from, "order", "", payload)
	}
	engine.Heal()
	got.expect(t, `loss "" -1`, "order: 1", `loss "order" 2`, "order: 4")
}

func TestAStreamThatBeganAnewIsTold(t *testing.T) {
	network, from, _, _, got := pair(t)
	publish(t, from, "order", "", "1")
	got.expect(t, "order: 1")
	network.Wipe()
	if receipt := publish(t, from, "order", "", "2"); receipt.Position.Offset != 1 {
		t.Errorf("got %v, want the first event of another epoch", receipt.Position)
	}
	publish(t, from, "order", "", "3")
	got.expect(t, "order: 1", `loss "order" -1`, "order: 2", "order: 3")
}

func TestPublishSaysWhatHasBecomeOfTheEvent(t *testing.T) {
	network, from, _, _, got := pair(t)
	if receipt := publish(t, from, "order", "", "1"); receipt.Position.Offset != 1 || receipt.Repeated {
		t.Errorf("got %+v, want offset 1", receipt)
	}
	order := event.Event{Type: "order", Payload: []byte("2")}
	for i := range 2 {
		receipt, err := from.PublishWith(t.Context(), order, target.PublishOptions{IdempotencyKey: "k"})
		if err != nil || receipt.Position.Offset != 2 || receipt.Repeated != (i == 1) {
			t.Errorf("try %d: got %+v, %v, want offset 2", i, receipt, err)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	long := event.Event{Type: "price", Payload: []byte(`"` + strings.Repeat("x", 9<<20) + `"`)}
	for name, c := range map[string]struct {
		ctx  context.Context
		e    event.Event
		key  string
		want error
	}{
		"an event that is not valid": {t.Context(), event.Event{Type: "a:b"}, "", event.FaultTypeColon},
		"a key without a stream":     {t.Context(), event.Event{Type: "price"}, "k", target.ErrNoStream},
		"a key that is too long":     {t.Context(), order, strings.Repeat("k", 257), stream.ErrKey},
		"a context that has ended":   {ended, order, "", context.Canceled},
		"an event that is too long":  {t.Context(), long, "", broker.ErrTooLong},
		"a long event of a stream":   {t.Context(), event.Event{Type: "order", Payload: long.Payload}, "", broker.ErrTooLong},
	} {
		if _, err := from.PublishWith(c.ctx, c.e, target.PublishOptions{IdempotencyKey: c.key}); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
	network.SetFull(true)
	if _, err := from.Publish(t.Context(), order); !errors.Is(err, broker.ErrUnavailable) {
		t.Errorf("got %v of a full engine, want ErrUnavailable", err)
	}
	got.expect(t, "order: 1", "order: 2")
}

func TestATargetWithoutItsEngineHearsItself(t *testing.T) {
	network, states := inproc.New(), &record{}
	engine := network.Engine()
	alone := open(t, target.Config{Broker: engine, Policies: mixed, OnState: func(s target.State) {
		states.add(map[bool]string{true: "up", false: "down"}[s.Up])
	}})
	states.expect(t, "up")
	got := &record{}
	alone.AddEventListener("price", got.event)
	alone.AddEventListener("order", got.event)
	settle(t, alone)
	engine.Cut()
	states.expect(t, "up", "down")
	if s := alone.State(); s.Up || !s.Reached || s.Err == nil {
		t.Errorf("got the state %+v, want it down with a reason", s)
	}
	for typ, want := range map[string]bool{"price": true, "nobody": false, "order": false} {
		if got := alone.DispatchEvent(event.Event{Type: typ, Payload: []byte("1")}); got != want {
			t.Errorf("DispatchEvent of %q: got %v, want %v", typ, got, want)
		}
	}
	if _, err := alone.Publish(t.Context(), event.Event{Type: "other"}); !errors.Is(err, broker.ErrUnavailable) {
		t.Errorf("got %v of Publish, want ErrUnavailable", err)
	}
	engine.Heal()
	states.expect(t, "up", "down", "up")
	publish(t, alone, "order", "", "2")
	got.expect(t, "price: 1", "order: 2")
}

func TestCloseHandsOverWhatWasDispatched(t *testing.T) {
	_, from, _, _, got := pair(t)
	for _, payload := range []string{"1", "2", "3"} {
		from.DispatchEvent(event.Event{Type: "price", Payload: []byte(payload)})
	}
	if err := from.Close(); err != nil {
		t.Fatal(err)
	}
	got.expect(t, "price: 1", "price: 2", "price: 3")
	if _, err := from.Publish(t.Context(), event.Event{Type: "price"}); !errors.Is(err, broker.ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
	if err := from.Settle(t.Context()); !errors.Is(err, broker.ErrClosed) {
		t.Errorf("got %v of Settle, want ErrClosed", err)
	}
}

func TestAConfigurationThatCantWorkIsRefused(t *testing.T) {
	if _, err := target.New(target.Config{}); err == nil {
		t.Error("got no error without a broker, want one")
	}
	if _, err := target.New(target.Config{Broker: inproc.New().Engine(), Policies: []stream.Policy{{Match: "a"}}}); err == nil {
		t.Error("got no error of a policy that says nothing, want one")
	}
}
