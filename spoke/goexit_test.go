package spoke_test

import (
	"runtime"
	"testing"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/spoke"
)

// TestAListenerThatEndsItsGoroutineEndsTheClient: FailNow of a test does so. The client says why, and leaves nothing behind.
func TestAListenerThatEndsItsGoroutineEndsTheClient(t *testing.T) {
	hub, url := startHub(t, fanout.Config{})
	config, told := states(spoke.Config{})
	client := dial(t, url, config)
	client.AddEventListener("price", func(event.Event) { runtime.Goexit() })
	flush(t, client)
	hub.DispatchEvent(event.Event{Type: "price"})
	await(t, "the end", client.Done())
	if end := awaitPhase(t, told, spoke.Closed); end.Err == nil || client.Err() != end.Err {
		t.Errorf("ended with %v and Err() = %v, want the same error", end.Err, client.Err())
	}
	if client.DispatchEvent(event.Event{Type: "price"}) {
		t.Error("an event was taken behind the end")
	}
}

// TestOnStateThatEndsItsGoroutineEndsTheClient does so while there is no connection.
func TestOnStateThatEndsItsGoroutineEndsTheClient(t *testing.T) {
	config := quick(spoke.Config{Background: true, OnState: func(s spoke.State) {
		if s.Phase == spoke.Waiting || s.Phase == spoke.Closed {
			runtime.Goexit()
		}
	}})
	client, err := spoke.Dial(t.Context(), "ws://127.0.0.1:1", config)
	if err != nil {
		t.Fatal(err)
	}
	await(t, "the end", client.Done())
	if client.Err() == nil {
		t.Error("Err() = nil behind the end")
	}
}
