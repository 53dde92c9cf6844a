package spoke_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/spoke"
)

// exampleHub starts a hub for an example. It relays, and forbids the topic secret.
func exampleHub() (url string, stop func()) {
	hub, err := fanout.New(fanout.Config{
		Relay:  true,
		Logger: slog.New(slog.DiscardHandler),
		OnHandshake: func(context.Context, *fanout.Handshake) (fanout.Identity, error) {
			return fanout.Identity{User: "ada", Permissions: &fanout.Permissions{
				Subscribe: event.MustPatterns("news", "price*"), Publish: event.MustPatterns("news", "price*"),
			}}, nil
		},
	})
	if err != nil {
		panic(err)
	}
	server := httptest.NewServer(hub)
	return server.URL, func() {
		hub.Shutdown(context.Background())
		server.Close()
	}
}

// quiet keeps the log out of the examples' output.
var quiet = slog.New(slog.DiscardHandler)

func ExampleDial() {
	url, stop := exampleHub()
	defer stop()

	client, err := spoke.Dial(context.Background(), url, spoke.Config{Token: "a token", Logger: quiet})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	fmt.Println(client.State().Phase)
	// Output: connected
}

func ExampleClient_AddEventListener() {
	url, stop := exampleHub()
	defer stop()
	ctx := context.Background()
	publisher, _ := spoke.Dial(ctx, url, spoke.Config{Logger: quiet})
	defer publisher.Close()
	client, _ := spoke.Dial(ctx, url, spoke.Config{Logger: quiet})
	defer client.Close()

	prices := make(chan string)
	remove := client.AddEventListener("price:EURUSD", func(e event.Event) { prices <- string(e.Payload) })
	defer remove()
	if err := client.Flush(ctx); err != nil {
		fmt.Println(err)
	}
	publisher.DispatchEvent(event.Event{Type: "price", ID: "EURUSD", Payload: []byte("1.08")})
	fmt.Println(<-prices)
	// Output: 1.08
}

func ExampleClient_Subscribe() {
	url, stop := exampleHub()
	defer stop()
	ctx := context.Background()
	client, _ := spoke.Dial(ctx, url, spoke.Config{Logger: quiet})
	defer client.Close()

	fmt.Println(client.Subscribe(ctx, "news", "price:EURUSD"))
	err := client.Subscribe(ctx, "secret")
	if refused, ok := errors.AsType[*spoke.RejectError](err); ok {
		fmt.Println(refused.Topic, refused.Reason)
	}
	// Output:
	// <nil>
	// secret forbidden
}

func ExampleClient_Events() {
	url, stop := exampleHub()
	defer stop()
	ctx := context.Background()
	publisher, _ := spoke.Dial(ctx, url, spoke.Config{Logger: quiet})
	defer publisher.Close()
	client, _ := spoke.Dial(ctx, url, spoke.Config{Logger: quiet})
	defer client.Close()

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		for ctx.Err() == nil {
			publisher.Publish(ctx, event.Event{Type: "price", Payload: []byte("1.08")})
			publisher.Flush(ctx)
		}
	}()
	for e, err := range client.Events(ctx, "price") {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(e.Type, string(e.Payload))
		break
	}
	// Output: price 1.08
}

func ExampleClient_Publish() {
	url, stop := exampleHub()
	defer stop()
	ctx := context.Background()
	rejects := make(chan *spoke.RejectError, 1)
	client, _ := spoke.Dial(ctx, url, spoke.Config{Logger: quiet, OnReject: func(e *spoke.RejectError) { rejects <- e }})
	defer client.Close()

	fmt.Println(client.Publish(ctx, event.Event{Type: "news", Payload: []byte(`"it works"`)}))
	fmt.Println(client.Publish(ctx, event.Event{Type: "secret"}))
	fmt.Println(client.Flush(ctx))
	fmt.Println("refused:", (<-rejects).Topic)
	fmt.Println(client.Publish(ctx, event.Event{Type: "a:b"}))
	// Output:
	// <nil>
	// <nil>
	// <nil>
	// refused: secret
	// spoke: publish "a:b": type holds a colon
}

func ExampleConfig_getToken() {
	url, stop := exampleHub()
	defer stop()

	client, err := spoke.Dial(context.Background(), url, spoke.Config{
		Logger: quiet,
		GetToken: func(ctx context.Context) (string, error) {
			return "a token that lives for an hour", ctx.Err()
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(client.State().Phase, client.Close())
	// Output: connected <nil>
}

func ExampleConfig_onState() {
	url, stop := exampleHub()
	defer stop()

	client, err := spoke.Dial(context.Background(), url, spoke.Config{
		Logger:  quiet,
		OnState: func(s spoke.State) { fmt.Println(s.Phase) },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	client.Close()
	<-client.Done()
	// Output:
	// connecting
	// connected
	// closed
}
