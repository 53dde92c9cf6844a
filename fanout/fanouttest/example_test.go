package fanouttest_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/fanout/fanouttest"
)

// exampleTB stands for the *testing.T that a test function gets, which examples lack.
type exampleTB struct {
	testing.TB
	cleanups []func()
}

// Helper does nothing.
func (t *exampleTB) Helper() {}

// Logf drops what the hub logs.
func (t *exampleTB) Logf(string, ...any) {}

// Cleanup keeps f for end.
func (t *exampleTB) Cleanup(f func()) { t.cleanups = append(t.cleanups, f) }

// Fatalf ends the process.
func (t *exampleTB) Fatalf(format string, args ...any) { log.Fatalf(format, args...) }

// Errorf ends the process.
func (t *exampleTB) Errorf(format string, args ...any) { log.Fatalf(format, args...) }

func (t *exampleTB) end() {
	for _, f := range slices.Backward(t.cleanups) {
		f()
	}
}

// A service that accepts orders: whoever waits for an order hears that it was accepted.
func Example() {
	t := new(exampleTB)
	defer t.end()

	hub := fanouttest.New(t, fanout.Config{})
	_, err := hub.AddEventListener("order.created", func(_ *fanout.Spoke, e event.Event) {
		hub.DispatchEvent(event.Event{Type: "order.accepted", ID: e.ID, Payload: e.Payload})
	})
	if err != nil {
		t.Fatalf("listen: %v", err)
	}

	seller, buyer := hub.Connect(), hub.Connect()
	buyer.Subscribe("order.accepted:42")
	seller.Send(event.Event{Type: "order.created", ID: "42", Payload: []byte(`{"total":12.5}`)})

	e := buyer.Next()
	fmt.Println(e.Type, e.ID, string(e.Payload))
	seller.ExpectNone()
	// Output: order.accepted 42 {"total":12.5}
}

// A client that stops reading is closed with 1013 when its queue is full. Another one is not affected.
func ExampleClient_Stall() {
	t := new(exampleTB)
	defer t.end()

	hub := fanouttest.New(t, fanout.Config{
		QueueLimit: 4 << 10,
		OnBackpressure: func(_ *fanout.Spoke, info fanout.Backpressure) {
			fmt.Println("over the limit of", info.Limit)
		},
	})
	slow, quick := hub.Connect(), hub.Connect()
	slow.Subscribe("tick")
	quick.Subscribe("tick")

	slow.Stall()
	tick := event.Event{Type: "tick"}
	for hub.Stats().Backpressure == 0 {
		hub.DispatchEvent(tick)
		quick.Next()
	}

	slow.Resume()
	code, _ := slow.Closed()
	fmt.Println("closed with", code)
	// Output:
	// over the limit of 4096
	// closed with 1013
}

// TrySubscribe shows which topics the hub rejects.
func ExampleClient_TrySubscribe() {
	t := new(exampleTB)
	defer t.end()

	hub := fanouttest.New(t, fanout.Config{
		OnSubscribe: func(_ *fanout.Spoke, topic string) error {
			if topic == "admin" {
				return errors.New("for administrators")
			}
			return nil
		},
	})
	fmt.Println(hub.Connect().TrySubscribe("news", "admin", "a:"))
	// Output: map[a::invalid_topic admin:forbidden]
}

// A service that knows its users by a cookie and lets nobody read the mail of others: the test comes in as a browser does.
func ExampleHub_Dial() {
	t := new(exampleTB)
	defer t.end()

	reader := fanout.Permissions{Subscribe: event.MustPatterns("inbox:$user")}
	hub := fanouttest.New(t, fanout.Config{
		OnHandshake: func(_ context.Context, h *fanout.Handshake) (fanout.Identity, error) {
			user, err := h.Request.Cookie("user")
			if err != nil {
				return fanout.Identity{}, &fanout.Refusal{Status: http.StatusUnauthorized, Reason: "sign in first"}
			}
			return fanout.Identity{User: user.Value, Permissions: &reader}, nil
		},
	})
	request := httptest.NewRequest("GET", "/ws", nil)
	_, answer := hub.Dial(hub, request)
	fmt.Println(answer.Status)

	request.AddCookie(&http.Cookie{Name: "user", Value: "ada"})
	ada, answer := hub.Dial(hub, request)
	fmt.Println(answer.Status)
	fmt.Println(ada.TrySubscribe("inbox:ada", "inbox:bob", "inbox"))

	ada.Send(event.Event{Type: "order", ID: "42"})
	fmt.Println(ada.NextReject())

	hub.DisconnectUser("ada", fanout.CodeForbidden, "banned")
	fmt.Println(ada.Closed())
	// Output:
	// 401 Unauthorized
	// 101 Switching Protocols
	// map[inbox:forbidden inbox:bob:forbidden]
	// { order:42 forbidden}
	// 4403 banned
}
