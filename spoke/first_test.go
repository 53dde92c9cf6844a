package spoke_test

import (
	"net/http/httptest"
	"testing"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/event/targettest"
	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/spoke"
)

// relay starts a hub that relays and returns its URL.
func relay(t *testing.T) (*fanout.Hub, string) {
	t.Helper()
	hub, err := fanout.New(fanout.Config{Relay: true})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(hub)
	t.Cleanup(func() {
		hub.Shutdown(t.Context())
		server.Close()
	})
	return hub, server.URL
}

func dial(t *testing.T, url string, config spoke.Config) *spoke.Client {
	t.Helper()
	client, err := spoke.Dial(t.Context(), url, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

func flush(t *testing.T, client *spoke.Client) {
	t.Helper()
	if err := client.Flush(t.Context()); err != nil {
		t.Fatalf("flush: %v", err)
	}
}

func TestClientToClientKeepsThePromisesOfATarget(t *testing.T) {
	targettest.Run(t, func(t *testing.T) targettest.Pair {
		_, url := relay(t)
		a, b := dial(t, url, spoke.Config{}), dial(t, url, spoke.Config{})
		return targettest.Pair{Dispatch: a, Listen: b, Settle: func() { flush(t, b) }, Close: func() { b.Close() }}
	})
}

func TestHubToClientKeepsThePromisesOfATarget(t *testing.T) {
	targettest.Run(t, func(t *testing.T) targettest.Pair {
		hub, url := relay(t)
		b := dial(t, url, spoke.Config{})
		return targettest.Pair{Dispatch: hub.Target(), Listen: b, Settle: func() { flush(t, b) }, Close: func() { b.Close() }}
	})
}

func TestClientToHubKeepsThePromisesOfATarget(t *testing.T) {
	targettest.Run(t, func(t *testing.T) targettest.Pair {
		hub, url := relay(t)
		a := dial(t, url, spoke.Config{})
		return targettest.Pair{Dispatch: a, Listen: hub.Target()}
	})
}

var _ event.Target = (*spoke.Client)(nil)
