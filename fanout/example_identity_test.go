package fanout_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http/httptest"
	"slices"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/stream"
)

// byName believes what a client says of itself in ?user=NAME: in an example alone.
func byName(_ context.Context, h *fanout.Handshake) (fanout.Identity, error) {
	return fanout.Identity{User: h.Request.URL.Query().Get("user")}, nil
}

// A hub that asks OnHandshake lets a client in that has no cookie, if that shows a token in its first event. The same event, sent
// again in time, renews the identity.
func ExampleConfig_onAuth() {
	ctx := context.Background()
	hub, err := fanout.New(fanout.Config{
		OnHandshake: func(context.Context, *fanout.Handshake) (fanout.Identity, error) {
			return fanout.Identity{}, fanout.ErrAuthLater
		},
		OnAuth: func(_ context.Context, _ *fanout.Spoke, token string) (fanout.Identity, error) {
			if token != "t0ken" {
				return fanout.Identity{}, errors.New("unknown token")
			}
			return fanout.Identity{User: "ada", Expires: time.Now().Add(time.Hour)}, nil
		},
		OnConnection: func(s *fanout.Spoke, _ net.Conn) {
			s.DispatchEvent(event.Event{Type: "welcome", ID: s.Identity().User})
		},
	})
	if err != nil {
		panic(err)
	}
	defer hub.Shutdown(ctx)
	server := httptest.NewServer(hub)
	defer server.Close()

	client, _, err := websocket.Dial(ctx, server.URL, nil)
	if err != nil {
		panic(err)
	}
	defer client.CloseNow()
	say(ctx, client, `{"type":"__auth","id":"1","payload":{"token":"guessed"}}`)
	fmt.Println(hear(ctx, client))
	say(ctx, client, `{"type":"__auth","id":"2","payload":{"token":"t0ken"}}`)
	ack, err := event.ParseAck([]byte(hear(ctx, client)))
	fmt.Println(ack.ID, ack.User, time.Until(ack.Expires).Round(time.Minute), err)
	fmt.Println(hear(ctx, client))
	// Output:
	// {"type":"__reject","id":"1","payload":{"topic":"","reason":"unauthenticated"}}
	// 2 ada 1h0m0s <nil>
	// {"type":"welcome","id":"ada","payload":null}
}

// Who subscribes to a room gets what was said there, then what is said from then on. Lines are numbered, because one that is said while
// the snapshot is taken may come twice.
func ExampleConfig_onSubscribed() {
	ctx := context.Background()
	var mu sync.Mutex
	var said []event.Event
	hub, err := fanout.New(fanout.Config{
		OnSubscribed: func(_ *fanout.Spoke, topic string, send func(event.Event) bool) {
			mu.Lock()
			last := slices.Clone(said[max(0, len(said)-2):])
			mu.Unlock()
			for _, line := range last {
				if !send(line) {
					return
				}
			}
		},
	})
	if err != nil {
		panic(err)
	}
	defer hub.Shutdown(ctx)
	sayInRoom := func(text string) {
		mu.Lock()
		defer mu.Unlock()
		line := event.Event{Type: "room", ID: "7", Payload: fmt.Appendf(nil, `{"n":%d,"text":%q}`, len(said)+1, text)}
		said = append(said, line)
		hub.DispatchEvent(line)
	}
	server := httptest.NewServer(hub)
	defer server.Close()

	sayInRoom("one")
	sayInRoom("two")
	sayInRoom("three")
	client := connect(ctx, server.URL, "room:7")
	defer client.CloseNow()
	fmt.Println(hear(ctx, client))
	fmt.Println(hear(ctx, client))
	sayInRoom("four")
	fmt.Println(hear(ctx, client))
	// Output:
	// {"type":"room","id":"7","payload":{"n":2,"text":"two"}}
	// {"type":"room","id":"7","payload":{"n":3,"text":"three"}}
	// {"type":"room","id":"7","payload":{"n":4,"text":"four"}}
}

// Every user hears of what is for him, without asking: the service subscribes him.
func ExampleSpoke_Subscribe() {
	ctx := context.Background()
	subscribed := make(chan error, 1)
	hub, err := fanout.New(fanout.Config{
		OnHandshake: byName,
		OnConnection: func(s *fanout.Spoke, _ net.Conn) {
			subscribed <- s.Subscribe("inbox:" + s.Identity().User)
		},
	})
	if err != nil {
		panic(err)
	}
	defer hub.Shutdown(ctx)
	server := httptest.NewServer(hub)
	defer server.Close()

	client := connect(ctx, server.URL+"/?user=ada", "news")
	defer client.CloseNow()
	if err := <-subscribed; err != nil {
		panic(err)
	}
	hub.DispatchEvent(event.Event{Type: "inbox", ID: "ada", Payload: []byte(`"you have mail"`)})
	fmt.Println(hear(ctx, client))
	// Output: {"type":"inbox","id":"ada","payload":"you have mail"}
}

func ExampleHub_Publish() {
	ctx := context.Background()
	hub, err := fanout.New(fanout.Config{})
	if err != nil {
		panic(err)
	}
	server := httptest.NewServer(hub)
	defer server.Close()
	client := connect(ctx, server.URL, "price")
	defer client.CloseNow()

	receipt, err := hub.Publish(ctx, event.Event{Type: "price", ID: "EURUSD", Payload: []byte("1.08")})
	fmt.Println(receipt.Matched, err)
	_, err = hub.Publish(ctx, event.Event{Type: "price", Payload: []byte("1,08")})
	fmt.Println(errors.Is(err, fanout.ErrInvalid), errors.Is(err, event.FaultSyntax))
	client.CloseNow()
	hub.Shutdown(ctx)
	_, err = hub.Publish(ctx, event.Event{Type: "price"})
	fmt.Println(errors.Is(err, fanout.ErrClosed))
	// Output:
	// 1 <nil>
	// true true
	// true
}

func ExampleHub_DisconnectUser() {
	ctx := context.Background()
	hub, err := fanout.New(fanout.Config{OnHandshake: byName})
	if err != nil {
		panic(err)
	}
	defer hub.Shutdown(ctx)
	server := httptest.NewServer(hub)
	defer server.Close()
	phone := connect(ctx, server.URL+"/?user=ada", "news")
	defer phone.CloseNow()
	laptop := connect(ctx, server.URL+"/?user=ada", "news")
	defer laptop.CloseNow()

	fmt.Println(hub.DisconnectUser("ada", fanout.CodeForbidden, "banned for a day"))
	for _, client := range []*websocket.Conn{phone, laptop} {
		_, _, err := client.Read(ctx)
		var end websocket.CloseError
		errors.As(err, &end)
		fmt.Println(int(end.Code), end.Reason)
	}
	// Output:
	// 2
	// 4403 banned for a day
	// 4403 banned for a day
}

// A client that asks who is in a room gets the list, and then whoever comes and goes.
func ExampleHub_Presence() {
	ctx := context.Background()
	hub, err := fanout.New(fanout.Config{
		OnHandshake: byName,
		Policies:    []stream.Policy{{Match: "room", Presence: true}},
	})
	if err != nil {
		panic(err)
	}
	defer hub.Shutdown(ctx)
	server := httptest.NewServer(hub)
	defer server.Close()
	ada := connect(ctx, server.URL+"/?user=ada", "room:7")
	defer ada.CloseNow()

	say(ctx, ada, `{"type":"__presence","id":"1","payload":{"topic":"room:7"}}`)
	fmt.Println(hear(ctx, ada))
	grace := connect(ctx, server.URL+"/?user=grace", "room:7")
	defer grace.CloseNow()
	fmt.Println(hear(ctx, ada))
	fmt.Println(hub.Presence("room:7"))
	// Output:
	// {"type":"__ack","id":"1","payload":{"topic":"room:7","users":[{"user":"ada","connections":1}]}}
	// {"type":"__presence","id":"","payload":{"topic":"room:7","join":["grace"]}}
	// [{ada 1} {grace 1}]
}
