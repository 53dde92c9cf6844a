package spoke_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http/httptest"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/spoke"
	"github.com/spokehub/spokehub/stream"
)

// exampleStreams starts a hub that keeps up to two events of the type price.
func exampleStreams() (hub *fanout.Hub, url string, stop func()) {
	hub, err := fanout.New(fanout.Config{
		Policies: []stream.Policy{{Match: "price", History: stream.History{Events: 2}}},
		Logger:   slog.New(slog.DiscardHandler),
	})
	if err != nil {
		panic(err)
	}
	server := httptest.NewServer(hub)
	return hub, server.URL, func() {
		hub.Shutdown(context.Background())
		server.Close()
	}
}

// A program stores the position of a topic, and goes on there when it is started again.
func ExampleClient_Resume() {
	hub, url, stop := exampleStreams()
	defer stop()
	ctx := context.Background()

	var stored event.Position
	run := func(events int) {
		client, err := spoke.Dial(ctx, url, spoke.Config{Logger: quiet})
		if err != nil {
			fmt.Println(err)
			return
		}
		defer client.Close()
		if stored.Epoch != "" {
			client.Resume("price", stored)
		}
		done := make(chan struct{})
		client.AddEventListener("price", func(e event.Event) {
			fmt.Println(e.Offset, string(e.Payload))
			stored, _ = client.Position("price")
			if events--; events == 0 {
				close(done)
			}
		})
		client.Flush(ctx)
		hub.DispatchEvent(event.Event{Type: "price", ID: "EURUSD", Payload: []byte("1.08")})
		<-done
	}
	run(1)
	hub.DispatchEvent(event.Event{Type: "price", ID: "EURUSD", Payload: []byte("1.09")})
	run(2)
	// Output:
	// 1 1.08
	// 2 1.09
	// 3 1.08
}

// The hub keeps two events, and the client has missed three.
func ExampleGapError() {
	hub, url, stop := exampleStreams()
	defer stop()
	ctx := context.Background()
	for range 4 {
		hub.DispatchEvent(event.Event{Type: "price", ID: "EURUSD", Payload: []byte("1.08")})
	}
	kept, _ := hub.History("price", event.Position{}, 1)

	client, _ := spoke.Dial(ctx, url, spoke.Config{Logger: quiet})
	defer client.Close()
	client.Resume("price", event.Position{Epoch: kept.Position.Epoch, Offset: 1})
	for e, err := range client.Events(ctx, "price") {
		if gap, ok := err.(*spoke.GapError); ok {
			fmt.Println(gap.Gap.Missed, "missing:", gap.Gap.Reason)
			continue
		}
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(e.Offset, string(e.Payload))
		if e.Offset == 4 {
			break
		}
	}
	// Output:
	// 1 missing: trimmed
	// 3 1.08
	// 4 1.08
}
