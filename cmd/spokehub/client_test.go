package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/spokehub/spokehub/event"
)

// client is a WebSocket client from an independent library.
type client struct {
	conn *websocket.Conn
	next int
}

func connect(t *testing.T, url string) *client {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, url, nil)
	if err != nil {
		t.Fatalf("connect to %s: %v", url, err)
	}
	t.Cleanup(func() { conn.CloseNow() })
	return &client{conn: conn}
}

func (c *client) send(t *testing.T, e event.Event) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := c.conn.Write(ctx, websocket.MessageText, event.Append(nil, e)); err != nil {
		t.Fatalf("send %s: %v", e.Type, err)
	}
}

func (c *client) receive(t *testing.T) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, message, err := c.conn.Read(ctx)
	if err != nil {
		t.Fatalf("receive: %v", err)
	}
	return string(message)
}

// subscribe returns once the subscriptions are in force.
func (c *client) subscribe(t *testing.T, topics ...string) {
	t.Helper()
	c.control(t, "__subscribe", topics)
}

func (c *client) unsubscribe(t *testing.T, topics ...string) {
	t.Helper()
	c.control(t, "__unsubscribe", topics)
}

// control sends a control event about topics and wants an ack, which may have positions.
func (c *client) control(t *testing.T, kind string, topics []string) {
	t.Helper()
	c.next++
	id := fmt.Sprint(c.next)
	payload, err := json.Marshal(map[string]any{"topics": topics})
	if err != nil {
		t.Fatal(err)
	}
	c.send(t, event.Event{Type: kind, ID: id, Payload: payload})
	want := string(event.Append(nil, event.Event{Type: "__ack", ID: id, Payload: payload}))
	got := c.receive(t)
	if plain, _, _ := strings.Cut(got, `,"positions":`); got != want && plain+"}}" != want {
		t.Fatalf("got the answer %s, want %s", got, want)
	}
}

// closed returns the close code and the reason that the hub sent.
func (c *client) closed(t *testing.T) websocket.CloseError {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		_, message, err := c.conn.Read(ctx)
		if err == nil {
			t.Logf("received before the close: %s", message)
			continue
		}
		var closed websocket.CloseError
		if !errors.As(err, &closed) {
			t.Fatalf("got the error %v, want a close frame", err)
		}
		return closed
	}
}

func TestGoClientReceivesWhatAnotherPublishes(t *testing.T) {
	t.Parallel()
	hub := startHub(t, nil)
	subscriber, publisher := connect(t, hub.websocket), connect(t, hub.websocket)
	subscriber.subscribe(t, "price", "price:EURUSD")
	for i := range 100 {
		publisher.send(t, event.Event{Type: "price", ID: "EURUSD", Payload: fmt.Appendf(nil, `{"n": %d}`, i)})
	}
	for i := range 100 {
		want := fmt.Sprintf(`{"type":"price","id":"EURUSD","payload":{"n": %d}}`, i)
		if got := subscriber.receive(t); got != want {
			t.Fatalf("got event %s, want %s", got, want)
		}
	}
}

func TestGoClientReceivesNothingAfterUnsubscribing(t *testing.T) {
	t.Parallel()
	hub := startHub(t, nil)
	subscriber, publisher := connect(t, hub.websocket), connect(t, hub.websocket)
	subscriber.subscribe(t, "a", "b")
	subscriber.unsubscribe(t, "a")
	publisher.send(t, event.Event{Type: "a"})
	publisher.send(t, event.Event{Type: "b"})
	if got, want := subscriber.receive(t), `{"type":"b","id":"","payload":null}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestRelayCanBeTurnedOff(t *testing.T) {
	hub := startHub(t, nil, "--relay=false")
	subscriber, publisher := connect(t, hub.websocket), connect(t, hub.websocket)
	subscriber.subscribe(t, "news")
	publisher.send(t, event.Event{Type: "news", ID: "relayed"})
	publisher.subscribe(t, "behind.it")
	post(t, hub.admin+"publish", "application/x-ndjson", `{"type":"news","id":"published"}`)
	if got, want := subscriber.receive(t), `{"type":"news","id":"published","payload":null}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestBinaryFlagSendsBinaryMessages(t *testing.T) {
	t.Parallel()
	hub := startHub(t, nil, "--binary")
	subscriber := connect(t, hub.websocket)
	subscriber.send(t, event.Event{Type: "__subscribe", ID: "1", Payload: []byte(`{"topic":"news"}`)})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	kind, message, err := subscriber.conn.Read(ctx)
	if err != nil || kind != websocket.MessageBinary {
		t.Errorf("got a message of kind %v and error %v, want a binary one: %s", kind, err, message)
	}
}
