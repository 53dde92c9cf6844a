package spoke_test

import (
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/spoke"
)

func TestMessagesThatAreNoEventsAreIgnored(t *testing.T) {
	url := scripted(t, func(c *serverConn, _ int) {
		c.ack(c.next())
		for _, message := range []string{
			`not JSON`, `{"type":"__welcome","payload":{}}`, `{"type":"__ack","id":"999","payload":{"topics":["e"]}}`, `{"type":"__ack","id":"x","payload":1}`,
			`{"type":"__reject","id":"999","payload":{"topic":"e","reason":"forbidden"}}`, `{"type":"__gap","payload":{"topic":"e"}}`,
			`{"type":"__ack","id":"1","payload":{"topics":["other","e","e","e"]}}`, `[]`,
		} {
			c.send(message)
		}
		c.send(`{"type":"e","offset":57,"payload":1}`)
		c.serve(nil)
	})
	client := dial(t, url, spoke.Config{})
	events := make(chan string, 10)
	client.AddEventListener("e", func(e event.Event) { events <- string(e.Payload) })
	if got := await(t, "the event", events); got != "1" {
		t.Errorf("got %s, want 1", got)
	}
	if s := client.Stats(); s.Malformed != 2 || s.Received != 1 {
		t.Errorf("Stats() = %+v, want 2 malformed and 1 received", s)
	}
}

func TestBinaryMessagesAreEvents(t *testing.T) {
	url := scripted(t, func(c *serverConn, _ int) {
		c.ack(c.next())
		c.ws.Write(t.Context(), websocket.MessageBinary, []byte(`{"type":"e"}`))
		c.serve(nil)
	})
	events := make(chan struct{}, 1)
	dial(t, url, spoke.Config{}).AddEventListener("e", func(event.Event) { events <- struct{}{} })
	await(t, "the event", events)
}

func TestAMessageThatIsTooLongEndsTheClient(t *testing.T) {
	url := scripted(t, func(c *serverConn, _ int) {
		c.send(`{"type":"e","payload":"` + strings.Repeat("x", 5000) + `"}`)
		c.serve(nil)
	})
	client := dial(t, url, spoke.Config{MaxMessage: 5000})
	await(t, "the end", client.Done())
	if !errors.Is(client.Err(), websocket.ErrMessageTooBig) {
		t.Errorf("Err() = %v, want that a message was too long", client.Err())
	}
}

func TestPanicsAreToldAndHarmNothing(t *testing.T) {
	url := scripted(t, func(c *serverConn, _ int) {
		c.ack(c.next())
		c.send(`{"type":"e","payload":1}`)
		c.send(`{"type":"__reject","id":"","payload":{"topic":"x","reason":"forbidden"}}`)
		c.send(`{"type":"e","payload":2}`)
		c.serve(nil)
	})
	var log strings.Builder
	config := quick(spoke.Config{OnState: func(spoke.State) { panic("state") }, OnReject: func(*spoke.RejectError) { panic("reject") }})
	config.Logger = slog.New(slog.NewTextHandler(&log, nil))
	client, err := spoke.Dial(t.Context(), url, config)
	if err != nil {
		t.Fatal(err)
	}
	events := make(chan string, 10)
	client.AddEventListener("e", func(event.Event) { panic("listener") })
	client.AddEventListener("e", func(e event.Event) { events <- string(e.Payload) })
	await(t, "the first event", events)
	await(t, "the second event", events)
	client.Close()
	await(t, "the end", client.Done())
	if got := client.Stats().Panics; got != 6 {
		t.Errorf("Stats().Panics = %d, want 6: three states, two events, one reject", got)
	}
	for _, what := range []string{"OnState panicked", "OnReject panicked", "listener panicked"} {
		if !strings.Contains(log.String(), what) {
			t.Errorf("the log has no %q", what)
		}
	}
}
