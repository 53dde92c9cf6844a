package spoke_test

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/spokehub/spokehub/spoke"
)

// curious is a handler of logs that asks the client for its state.
type curious struct {
	slog.Handler
	client  *atomic.Pointer[spoke.Client]
	records chan string
}

func (c curious) Enabled(context.Context, slog.Level) bool { return true }

func (c curious) Handle(_ context.Context, r slog.Record) error {
	if client := c.client.Load(); client != nil {
		client.State()
		c.records <- r.Message
	}
	return nil
}

// TestALoggerMayAskTheClient: it is told of a renewal that failed, and of everything else, while no lock is held.
func TestALoggerMayAskTheClient(t *testing.T) {
	url := scripted(t, func(c *serverConn, _ int) { c.serve(nil) })
	handler := curious{slog.DiscardHandler, &atomic.Pointer[spoke.Client]{}, make(chan string, 100)}
	var asked atomic.Int32
	client, err := spoke.Dial(t.Context(), url, spoke.Config{Logger: slog.New(handler), GetToken: func(context.Context) (string, error) {
		if asked.Add(1) > 1 {
			return "", errors.New("the provider is away")
		}
		return jwt(time.Now().Add(2 * time.Second)), nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	handler.client.Store(client)
	await(t, "the warning", handler.records)
	client.Close()
	await(t, "the end", client.Done())
}
