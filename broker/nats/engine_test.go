package nats

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	client "github.com/nats-io/nats.go"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/internal/engines"
)

func TestPlainMessagesReachWhoIsSubscribed(t *testing.T) {
	s := engines.NATS(t, engines.NATSOptions{})
	a, _ := connect(t, s)
	b, got := connect(t, s)
	subscribe(t, b, plain("price", ""), plain("user", "7"), broker.Key{Kind: broker.Control, Type: "hubs"})
	publish(t, a, plain("price", ""), "1")
	publish(t, a, plain("price", "EURUSD"), "2")
	publish(t, a, plain("user", "8"), "no")
	publish(t, a, plain("user", "7"), "3")
	publish(t, a, broker.Key{Kind: broker.Control, Type: "hubs"}, "4")
	want := []broker.Delivery{
		{Kind: broker.Plain, Data: []byte("1")}, {Kind: broker.Plain, Data: []byte("2")}, {Kind: broker.Plain, ByID: true, Data: []byte("3")},
		{Kind: broker.Control, Name: "hubs", Data: []byte("4")},
	}
	if deliveries := got.awaitDeliveries(t, 4); fmt.Sprint(deliveries) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", deliveries, want)
	}
}

func TestEventsOfAStreamArriveInOrderAndAreKept(t *testing.T) {
	s := engines.NATS(t, engines.NATSOptions{})
	a, _ := connect(t, s)
	b, got := connect(t, s)
	subscribe(t, b, broker.Key{Kind: broker.Stream, Type: "order"})
	list := events(kept, "order", texts(500, "event %d")...)
	appendAll(t, a, list)
	epoch := list[0].Position.Epoch
	if !event.ValidEpoch(epoch) {
		t.Fatalf("got the epoch %q, want a valid one", epoch)
	}
	for i, d := range got.awaitDeliveries(t, 500) {
		if want := (event.Position{Epoch: epoch, Offset: uint64(i + 1)}); d.Position != want || list[i].Position != want || string(d.Data) != fmt.Sprintf("event %d", i) {
			t.Fatalf("got %v at %v and %v, want %v", string(d.Data), d.Position, list[i].Position, want)
		}
	}
	page := readPage(t, b, broker.Query{Policy: kept, Type: "order", After: 100, Events: 256})
	if page.Epoch != epoch || page.First != 1 || page.Top != 500 || len(page.Entries) != 256 || page.Entries[0].Offset != 101 || string(page.Entries[255].Data) != "event 355" {
		t.Errorf("got the page %+v, want 256 events behind 100", page)
	}
	tops, err := b.Tops(t.Context(), nil, "nothing", "order")
	if want := []event.Position{{}, {Epoch: epoch, Offset: 500}}; err != nil || !slices.Equal(tops, want) {
		t.Errorf("got the tops %v, %v, want %v", tops, err, want)
	}
}

func TestForeignMessagesAreDeliveredAsTheyAre(t *testing.T) {
	s := engines.NATS(t, engines.NATSOptions{})
	e, told := connect(t, s)
	subscribe(t, e, plain("price", ""), broker.Key{Kind: broker.Stream, Type: "order"}, broker.Key{Kind: broker.Control, Type: "hubs"})
	stranger, err := client.Connect(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	for _, m := range []*client.Msg{
		{Subject: "spokehub.p.price", Data: []byte("a")}, {Subject: "spokehub.p.price.x", Data: []byte{}, Header: client.Header{"X": []string{"y"}}},
		{Subject: "spokehub.c.hubs", Data: []byte{0, 255, 10}}, {Subject: "spokehub.r.order", Data: []byte("b")},
		{Subject: "spokehub.r.order", Data: []byte("c"), Header: client.Header{client.JSSequence: []string{"-1"}}},
	} {
		if err = stranger.PublishMsg(m); err != nil {
			t.Fatal(err)
		}
	}
	got := told.awaitDeliveries(t, 5)
	want := []broker.Delivery{
		{Kind: broker.Plain, Data: []byte("a")}, {Kind: broker.Plain}, {Kind: broker.Control, Name: "hubs", Data: []byte{0, 255, 10}},
		{Kind: broker.Stream, Data: []byte("b")}, {Kind: broker.Stream, Data: []byte("c")},
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestEndedContextEndsCalls(t *testing.T) {
	s := engines.NATS(t, engines.NATSOptions{})
	e, _ := connect(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, readErr := e.Read(ctx, broker.Query{Policy: kept, Type: "t", Events: 1})
	_, topsErr := e.Tops(ctx, nil, "t")
	list := events(kept, "t", "x")
	e.Append(ctx, list)
	for name, err := range map[string]error{
		"Subscribe": e.Subscribe(ctx, plain("a", "")), "Publish": e.Publish(ctx, []broker.Message{{Key: plain("a", "")}}), "Read": readErr, "Tops": topsErr, "Append": list[0].Err,
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v, want the context's error", name, err)
		}
	}
	if err := e.Publish(t.Context(), nil); err != nil {
		t.Errorf("got %v of an empty batch", err)
	}
	if err := e.Start(newRecorder()); err == nil {
		t.Error("got nothing of a second Start, want an error")
	}
}

func TestUnsubscribedKeysAreSilentAndOthersAreNot(t *testing.T) {
	s := engines.NATS(t, engines.NATSOptions{})
	e, told := connect(t, s)
	for range 2 {
		subscribe(t, e, plain("a", ""), plain("b", ""), plain("b", "1"))
	}
	for range 2 {
		if err := e.Unsubscribe(t.Context(), plain("a", ""), plain("b", ""), plain("never", "")); err != nil {
			t.Fatal(err)
		}
	}
	publish(t, e, plain("a", ""), "no")
	publish(t, e, plain("a", "1"), "no")
	publish(t, e, plain("b", "2"), "no")
	publish(t, e, plain("b", "1"), "yes")
	subscribe(t, e, plain("a", ""))
	publish(t, e, plain("a", ""), "again")
	got := told.awaitDeliveries(t, 2)
	if string(got[0].Data) != "yes" || !got[0].ByID || string(got[1].Data) != "again" {
		t.Errorf("got %v, want what is subscribed alone", got)
	}
}

func TestCallsOfAClosedEngineSaySo(t *testing.T) {
	s := engines.NATS(t, engines.NATSOptions{})
	e, _ := connect(t, s)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	_, readErr := e.Read(t.Context(), broker.Query{Policy: kept, Type: "t", Events: 1})
	_, topsErr := e.Tops(t.Context(), nil, "t")
	list := events(kept, "t", "x")
	e.Append(t.Context(), list)
	for name, err := range map[string]error{
		"Subscribe": e.Subscribe(t.Context(), plain("a", "")), "Unsubscribe": e.Unsubscribe(t.Context(), plain("a", "")),
		"Publish": e.Publish(t.Context(), []broker.Message{{Key: plain("a", "")}}), "Read": readErr, "Tops": topsErr, "Append": list[0].Err,
		"Start": e.Start(newRecorder()),
	} {
		if !errors.Is(err, broker.ErrClosed) {
			t.Errorf("%s: got %v, want ErrClosed", name, err)
		}
	}
}
