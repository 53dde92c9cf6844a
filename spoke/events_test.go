package spoke_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/spoke"
)

func TestALoopGetsTheEventsOfItsTopic(t *testing.T) {
	hub, url := startHub(t, fanout.Config{})
	client := dial(t, url, spoke.Config{})
	if err := client.Subscribe(t.Context(), "e"); err != nil {
		t.Fatal(err)
	}
	next := 0
	first := make(chan struct{})
	go func() {
		<-first
		for i := range 100 {
			hub.DispatchEvent(event.Event{Type: "e", Payload: fmt.Append(nil, i)})
		}
	}()
	client.AddEventListener("e", func(event.Event) {})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		for client.Subscribe(ctx, "e") != nil {
		}
		hub.DispatchEvent(event.Event{Type: "e", Payload: []byte("-1")})
	}()
	for e, err := range client.Events(ctx, "e") {
		if err != nil {
			t.Fatal(err)
		}
		if string(e.Payload) == "-1" {
			close(first)
			continue
		}
		if string(e.Payload) != fmt.Sprint(next) {
			t.Fatalf("event %d is %s", next, e.Payload)
		}
		if next++; next == 100 {
			cancel()
		}
	}
	if next != 100 {
		t.Errorf("the loop got %d events, want 100", next)
	}
}

// stalledLoop begins a loop that stops at its first event until release is closed, and has the server send events meanwhile.
func stalledLoop(t *testing.T, config spoke.Config, events int) (got []string, last error) {
	t.Helper()
	send, sent := make(chan struct{}), make(chan struct{})
	url := scripted(t, func(c *serverConn, _ int) {
		c.ack(c.next())
		c.send(`{"type":"e","payload":0}`)
		<-send
		for i := range events {
			c.send(fmt.Sprintf(`{"type":"e","payload":%d}`, i+1))
		}
		c.send(`{"type":"done"}`)
		c.serve(nil)
	})
	client := dial(t, url, config)
	for e, err := range client.Events(t.Context(), "e") {
		if err != nil {
			if dropped, ok := errors.AsType[*spoke.DroppedError](err); ok {
				got = append(got, fmt.Sprint("dropped ", dropped.Count))
				continue
			}
			last = err
			continue
		}
		got = append(got, string(e.Payload))
		if string(e.Payload) == "0" {
			client.AddEventListener("done", func(event.Event) { close(sent) })
			close(send)
			<-sent
		}
		if string(e.Payload) == fmt.Sprint(events) {
			break
		}
	}
	return got, last
}

func TestASlowLoopEnds(t *testing.T) {
	got, err := stalledLoop(t, spoke.Config{EventBuffer: 3}, 5)
	if fmt.Sprint(got) != "[0 1 2 3]" || !errors.Is(err, spoke.ErrSlowReader) {
		t.Errorf("the loop got %v and ended with %v, want 0 to 3 and ErrSlowReader", got, err)
	}
}

func TestASlowLoopIsToldWhatWasDropped(t *testing.T) {
	got, err := stalledLoop(t, spoke.Config{EventBuffer: 3, WhenFull: spoke.DropOldest}, 5)
	if fmt.Sprint(got) != "[0 dropped 2 3 4 5]" || err != nil {
		t.Errorf("the loop got %v and ended with %v, want 0, two dropped, 3 to 5", got, err)
	}
}

func TestALoopEndsWithItsTopic(t *testing.T) {
	url := scripted(t, func(c *serverConn, _ int) {
		message := c.next()
		c.ack(message)
		c.send(`{"type":"e","payload":0}`)
		c.send(`{"type":"__reject","id":"","payload":{"topic":"e","reason":"forbidden"}}`)
		c.reject(c.next(), "e", event.Forbidden)
		c.serve(nil)
	})
	client := dial(t, url, spoke.Config{})
	var events int
	var last error
	for _, err := range client.Events(t.Context(), "e") {
		events, last = events+1, err
	}
	refused, ok := errors.AsType[*spoke.RejectError](last)
	if events != 2 || !ok || refused.Reason != event.Forbidden {
		t.Errorf("the loop ran %d times and ended with %v, want an event and a RejectError", events, last)
	}
}

func TestALoopEndsWithItsClient(t *testing.T) {
	hub, url := startHub(t, fanout.Config{})
	client := dial(t, url, spoke.Config{})
	var last error
	go func() {
		for client.Subscribe(context.Background(), "e") == nil && !hubHas(hub, "e") {
		}
		client.Close()
	}()
	for _, err := range client.Events(t.Context(), "e") {
		last = err
	}
	if !errors.Is(last, spoke.ErrClosed) {
		t.Errorf("the loop ended with %v, want ErrClosed", last)
	}
}

func hubHas(hub *fanout.Hub, topic string) bool { return len(hub.Members(topic)) > 0 }

func TestALoopThatIsLeftUnsubscribes(t *testing.T) {
	url, heard := recorder(t)
	client := dial(t, url, spoke.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range client.Events(ctx, "e") {
		t.Error("the loop of an ended context got something")
	}
	for _, err := range client.Events(t.Context(), "a:") {
		if !errors.Is(err, event.FaultIDEmpty) {
			t.Errorf("the loop got %v, want the fault of the topic", err)
		}
	}
	flush(t, client)
	held := map[string]bool{}
	for len(heard) > 0 {
		message := <-heard
		for _, topic := range parse(message).Payload.Topics {
			held[topic] = parse(message).Type == event.TypeSubscribe
		}
	}
	if held["e"] {
		t.Error("the topic is still subscribed to behind the loop")
	}
}

func TestALoopEndsWithItsContextWhateverWaits(t *testing.T) {
	url := scripted(t, func(c *serverConn, _ int) {
		for message := c.next(); message != ""; message = c.next() {
			c.ack(message)
			if strings.Contains(short(message), "e") {
				break
			}
		}
		for range 50 {
			c.send(`{"type":"e"}`)
		}
		c.send(`{"type":"all"}`)
		c.serve(nil)
	})
	client := dial(t, url, spoke.Config{})
	sent := make(chan struct{})
	client.AddEventListener("all", func(event.Event) { close(sent) })
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	events := 0
	for _, err := range client.Events(ctx, "e") {
		if err != nil {
			t.Fatal(err)
		}
		<-sent
		events++
		cancel()
	}
	if events != 1 {
		t.Errorf("the loop ran %d times, want once: its context had ended", events)
	}
}
