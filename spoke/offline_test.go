package spoke_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/spoke"
)

// TestSubscribeWithoutAConnectionWaitsForOne: what the hub of the last connection has acknowledged is in force no longer.
func TestSubscribeWithoutAConnectionWaitsForOne(t *testing.T) {
	next := make(chan struct{})
	url := scripted(t, func(c *serverConn, number int) {
		if number == 0 {
			c.ack(c.next())
			c.next()
			return
		}
		<-next
		c.serve(nil)
	})
	config, told := states(spoke.Config{MinDelay: time.Hour, MaxDelay: time.Hour})
	client := dial(t, url, config)
	if err := client.Subscribe(t.Context(), "price"); err != nil {
		t.Fatal(err)
	}
	client.DispatchEvent(event.Event{Type: "end"})
	awaitPhase(t, told, spoke.Waiting)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := client.Subscribe(ctx, "price"); !errors.Is(err, context.Canceled) {
		t.Errorf("Subscribe() = %v without a connection, want that its context has ended", err)
	}
	close(next)
	client.Reconnect()
	if err := client.Subscribe(t.Context(), "price"); err != nil {
		t.Errorf("Subscribe() = %v with a connection again", err)
	}
}

// TestAHeaderBelongsToTheClientOnceDialHasReturned changes the map of the configuration between two connections.
func TestAHeaderBelongsToTheClientOnceDialHasReturned(t *testing.T) {
	shown := make(chan string, 10)
	url := scripted(t, func(c *serverConn, _ int) {
		shown <- c.header.Get("Cookie")
		c.serve(nil)
	})
	header := http.Header{"Cookie": {"a"}}
	client := dial(t, url, spoke.Config{Header: header})
	header.Set("Cookie", "b")
	client.Reconnect()
	for i := range 2 {
		if got := await(t, "a handshake", shown); got != "a" {
			t.Errorf("handshake %d has the Cookie %q, want a", i, got)
		}
	}
}

// TestCloseEndsWhatWaitsForItselfInAListener: these calls wait for answers that are read when the listener returns.
func TestCloseEndsWhatWaitsForItselfInAListener(t *testing.T) {
	for name, wait := range map[string]func(context.Context, *spoke.Client) error{
		"Subscribe": func(ctx context.Context, c *spoke.Client) error { return c.Subscribe(ctx, "other") },
		"Flush":     func(ctx context.Context, c *spoke.Client) error { return c.Flush(ctx) },
		"Events": func(ctx context.Context, c *spoke.Client) error {
			for _, err := range c.Events(ctx, "other") {
				return err
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			url := scripted(t, func(c *serverConn, _ int) {
				c.ack(c.next())
				c.send(`{"type":"price"}`)
				c.serve(nil)
			})
			client := dial(t, url, spoke.Config{})
			begun, returned := make(chan struct{}), make(chan error, 1)
			client.AddEventListener("price", func(event.Event) {
				close(begun)
				returned <- wait(t.Context(), client)
			})
			await(t, "the event", begun)
			client.Close()
			if err := await(t, "the end of "+name, returned); !errors.Is(err, spoke.ErrClosed) {
				t.Errorf("%s returned %v, want ErrClosed", name, err)
			}
			await(t, "the end", client.Done())
		})
	}
}

// TestARedirectIsNotFollowed: it could lead a token elsewhere, in the clear.
func TestARedirectIsNotFollowed(t *testing.T) {
	elsewhere := scripted(t, func(c *serverConn, _ int) { c.serve(nil) })
	for _, status := range []int{http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			server := httptest.NewServer(http.RedirectHandler(elsewhere+"/ws", status))
			defer server.Close()
			client, err := spoke.Dial(t.Context(), server.URL, quick(spoke.Config{Token: "secret"}))
			if err == nil {
				client.Close()
			}
			failed, ok := errors.AsType[*spoke.ConnectError](err)
			if !ok || failed.Status != status || failed.Answer != "Location: "+elsewhere+"/ws" {
				t.Errorf("Dial() = %v, want a ConnectError of %d with the address", err, status)
			}
		})
	}
}
