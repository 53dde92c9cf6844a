package fanout_test

import (
	"testing"

	"github.com/spokehub/spokehub/fanout"
)

// bare is a hub without the recording that testHub adds, and connected pairs of it.
func bare(t testing.TB, cfg fanout.Config) *fanout.Hub {
	t.Helper()
	hub, err := fanout.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		h := testHub{t: t, hub: hub}
		h.cut()
		h.checkLedger(hub.Stats())
	})
	return hub
}

func addTo(t testing.TB, hub *fanout.Hub) *client {
	t.Helper()
	here, there := pair(t, "tcp")
	if _, err := hub.AddConnection(there); err != nil {
		t.Fatal(err)
	}
	return newClient(t, here)
}
