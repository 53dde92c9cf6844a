package nats

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/spokehub/spokehub/internal/engines"
	"github.com/spokehub/spokehub/stream"
)

// TestKeysAreRememberedNoLongerThanEvents has JetStream refuse anything else, which is why the documentation says so.
func TestKeysAreRememberedNoLongerThanEvents(t *testing.T) {
	e, _ := connect(t, engines.NATS(t, engines.NATSOptions{}))
	for age, want := range map[time.Duration]time.Duration{0: repeatWindow, time.Minute: time.Minute, time.Hour: repeatWindow} {
		if got := e.wantedStream("order", stream.History{Events: 10, Age: age}).Duplicates; got != want {
			t.Errorf("got keys remembered for %v with an age of %v, want %v", got, age, want)
		}
	}
	js, err := jetstream.New(e.link.conn)
	if err != nil {
		t.Fatal(err)
	}
	config := e.wantedStream("order", stream.History{Events: 10, Age: time.Minute})
	config.Duplicates = repeatWindow
	if _, err := js.CreateStream(t.Context(), config); err == nil {
		t.Error("got a stream that remembers keys for longer than events, want it refused")
	}
	config.Duplicates = time.Minute
	if _, err := js.CreateStream(t.Context(), config); err != nil {
		t.Errorf("got %v for a stream that remembers keys for as long as events", err)
	}
}
