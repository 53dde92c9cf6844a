package spoke_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spokehub/spokehub/broker/inproc"
	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/spoke"
	"github.com/spokehub/spokehub/stream"
)

// isOf says whether a message subscribes to the topic.
func isOf(message, topic string) bool {
	q := parse(message)
	return q.Type == event.TypeSubscribe && slices.Contains(q.Payload.Topics, topic)
}

// awayAtFirst starts a server that answers the first subscriptions to a topic with unavailable, as many as it is told, and acknowledges all else. It sends
// each message to heard.
func awayAtFirst(t *testing.T, topic string, times int) (url string, heard chan string) {
	t.Helper()
	heard = make(chan string, 1000)
	left := times
	return scripted(t, func(c *serverConn, _ int) {
		for message := c.next(); message != ""; message = c.next() {
			heard <- message
			if left > 0 && isOf(message, topic) {
				left--
				c.reject(message, topic, event.Unavailable)
				c.ackBut(message, topic)
				continue
			}
			c.ack(message)
		}
	}), heard
}

// ackBut acknowledges a control event but for a topic.
func (c *serverConn) ackBut(message, topic string) {
	q := parse(message)
	var topics [][]byte
	for _, name := range q.Payload.Topics {
		if name != topic {
			topics = append(topics, []byte(name))
		}
	}
	if len(topics) > 0 {
		c.send(string(event.AppendAck(nil, []byte(q.ID), topics)))
	}
}

// noRefusal is a config that fails the test when something is refused.
func noRefusal(t *testing.T) spoke.Config {
	return spoke.Config{OnReject: func(e *spoke.RejectError) { t.Errorf("OnReject was told %v", e) }}
}

func TestATopicThatIsAwayIsAskedForUntilItIsThere(t *testing.T) {
	url, heard := awayAtFirst(t, "price", 7)
	config := noRefusal(t)
	away := make(chan string, 10)
	config.OnUnavailable = func(topic string) { away <- topic }
	client := dial(t, url, config)
	if err := client.Subscribe(t.Context(), "price", "order"); err != nil {
		t.Fatalf("Subscribe() = %v, want it to wait until the hub takes the topic", err)
	}
	if topic := await(t, "OnUnavailable", away); topic != "price" || len(away) > 0 {
		t.Errorf("OnUnavailable was told %q and then %d more, want price once", topic, len(away))
	}
	want := []string{"+order,price"}
	for range 7 {
		want = append(want, "+price")
	}
	compare(t, upTo(t, client, heard), want...)
	if st := client.Stats(); st.Unavailable != 7 || st.Rejected != 0 {
		t.Errorf("got %d times unavailable and %d rejected, want 7 and 0", st.Unavailable, st.Rejected)
	}
}

func TestOtherTopicsDoNotWaitForOneThatIsAway(t *testing.T) {
	url, _ := awayAtFirst(t, "price", 1<<30)
	client := dial(t, url, noRefusal(t))
	client.AddEventListener("price", func(event.Event) {})
	if err := client.Subscribe(t.Context(), "order", "order:7"); err != nil {
		t.Error(err)
	}
	flush(t, client)
}

func TestALoopGoesOnWaitingForATopicThatIsAway(t *testing.T) {
	url := scripted(t, func(c *serverConn, _ int) {
		for range 3 {
			c.reject(c.next(), "price", event.Unavailable)
		}
		c.ack(c.next())
		c.send(`{"type":"price","payload":1}`)
		c.serve(nil)
	})
	client := dial(t, url, noRefusal(t))
	for e, err := range client.Events(t.Context(), "price") {
		if err != nil || string(e.Payload) != "1" {
			t.Errorf("the loop got %+v, %v, want the event", e, err)
		}
		break
	}
}

func TestATopicThatIsAwayIsAskedForByTheNextConnection(t *testing.T) {
	asked := make(chan string, 10)
	url := scripted(t, func(c *serverConn, number int) {
		message := c.next()
		asked <- short(message)
		if number == 0 {
			c.reject(message, "price", event.Unavailable)
			c.next()
			return
		}
		c.ack(message)
		c.serve(nil)
	})
	config := noRefusal(t)
	config.MinDelay, config.MaxDelay = time.Hour, time.Hour
	client := dial(t, url, config)
	client.AddEventListener("price", func(event.Event) {})
	await(t, "the subscription", asked)
	flushed := make(chan error, 1)
	go func() { flushed <- client.Subscribe(t.Context(), "price") }()
	for client.Stats().Unavailable == 0 {
		time.Sleep(time.Millisecond)
	}
	client.Reconnect()
	await(t, "the subscription of the next connection", asked)
	if err := await(t, "the end of Subscribe", flushed); err != nil {
		t.Errorf("Subscribe() = %v, want nil", err)
	}
}

func TestUnsubscribeEndsTheAsking(t *testing.T) {
	url, heard := awayAtFirst(t, "price", 1<<30)
	client := dial(t, url, noRefusal(t))
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() { result <- client.Subscribe(ctx, "price") }()
	for range 3 {
		await(t, "a subscription", heard)
	}
	cancel()
	err := await(t, "the end of Subscribe", result)
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "unavailable") {
		t.Errorf("Subscribe() = %v, want that the context has ended while the hub could not take the topic", err)
	}
	flush(t, client)
	for len(heard) > 0 {
		<-heard
	}
	client.AddEventListener("other", func(event.Event) {})
	for message := await(t, "the other topic", heard); !isOf(message, "other"); message = await(t, "the other topic", heard) {
		t.Errorf("the hub got %s behind the end of the topic", short(message))
	}
	compare(t, upTo(t, client, heard))
}

func TestATopicThatIsAwayResumesFromItsPosition(t *testing.T) {
	asked := make(chan []string, 10)
	url := scripted(t, func(c *serverConn, _ int) {
		for range 3 {
			message := c.next()
			asked <- sinceOf(t, message)
			c.reject(message, "price", event.Unavailable)
		}
		message := c.next()
		asked <- sinceOf(t, message)
		c.ackAt(message, map[string]event.AckPosition{"price": resumed("x7", 42)})
		c.sendAt("price", "a", 42)
		c.serve(nil)
	})
	config := noRefusal(t)
	config.OnGap = func(g event.Gap) { t.Errorf("a gap was told: %+v", g) }
	client := dial(t, url, config)
	if err := client.Resume("price", at("x7", 41)); err != nil {
		t.Fatal(err)
	}
	events := make(chan uint64, 10)
	client.AddEventListener("price", func(e event.Event) { events <- e.Offset })
	for range 4 {
		if got := await(t, "a subscription", asked); !slices.Equal(got, []string{"price x7:41"}) {
			t.Errorf("the client asked for %q, want price behind x7:41", got)
		}
	}
	if got := await(t, "the event", events); got != 42 {
		t.Errorf("got the event %d, want 42", got)
	}
}

// TestATopicThatIsAwayMayBeRefusedInTheEnd has the hub refuse for good what it could not take before.
func TestATopicThatIsAwayMayBeRefusedInTheEnd(t *testing.T) {
	url := scripted(t, func(c *serverConn, _ int) {
		c.reject(c.next(), "price", event.Unavailable)
		c.reject(c.next(), "price", event.Forbidden)
		c.serve(nil)
	})
	rejects := make(chan *spoke.RejectError, 10)
	client := dial(t, url, spoke.Config{OnReject: func(e *spoke.RejectError) { rejects <- e }})
	refused, ok := errors.AsType[*spoke.RejectError](client.Subscribe(t.Context(), "price"))
	if !ok || refused.Reason != event.Forbidden {
		t.Errorf("Subscribe() = %v, want that the topic is forbidden", refused)
	}
	if told := await(t, "OnReject", rejects); told.Reason != event.Forbidden || told.Published {
		t.Errorf("OnReject was told %+v, want that the topic is forbidden", told)
	}
}

// TestAnEventIsToldThoughItsTopicCannotBeAskedFor has an event refused whose topic is in force, and the hub unable to say at first whether
// it is.
func TestAnEventIsToldThoughItsTopicCannotBeAskedFor(t *testing.T) {
	url := scripted(t, func(c *serverConn, _ int) {
		c.ack(c.next())
		c.next()
		c.send(`{"type":"__reject","id":"","payload":{"topic":"price","reason":"unavailable"}}`)
		c.reject(c.next(), "price", event.Unavailable)
		c.ack(c.next())
		c.serve(nil)
	})
	rejects := make(chan *spoke.RejectError, 10)
	client := subscribed(t, url, spoke.Config{OnReject: func(e *spoke.RejectError) { rejects <- e }}, "price")
	client.DispatchEvent(event.Event{Type: "price"})
	told := await(t, "OnReject", rejects)
	if !told.Published || told.Reason != event.Unavailable || !strings.Contains(told.Error(), "publish it again") {
		t.Errorf("OnReject was told %v, want that the event may be published again", told)
	}
	if err := client.Subscribe(t.Context(), "price"); err != nil {
		t.Errorf("Subscribe() = %v, want nil", err)
	}
}

// startCluster starts two hubs that work as one, of which the first has an engine that can be cut off.
func startCluster(t *testing.T) (first, second *fanout.Hub, url string, engine *inproc.Engine) {
	t.Helper()
	network := inproc.New()
	policies := []stream.Policy{{Match: "price", History: stream.History{Events: 100}}}
	engine = network.Engine()
	first, url = startHub(t, fanout.Config{Relay: true, Policies: policies, Broker: engine})
	second, _ = startHub(t, fanout.Config{Relay: true, Policies: policies, Broker: network.Engine()})
	awaitBroker(t, first, true)
	awaitBroker(t, second, true)
	return first, second, url, engine
}

// awaitBroker waits until a hub knows that its broker is there, or is not.
func awaitBroker(t *testing.T, hub *fanout.Hub, isUp bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); hub.Broker().Up != isUp; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("got the broker %+v for %v, want up: %v", hub.Broker(), patience, isUp)
		}
	}
}

func TestAStreamOfAHubWithoutItsBrokerIsSubscribedToOnceThatIsBack(t *testing.T) {
	first, second, url, engine := startCluster(t)
	for i := range 3 {
		second.DispatchEvent(event.Event{Type: "price", Payload: []byte{'0' + byte(i)}})
	}
	past, err := second.History("price", event.Position{}, 10)
	for deadline := time.Now().Add(patience); err != nil || past.Position.Offset < 3; past, err = second.History("price", event.Position{}, 10) {
		if time.Now().After(deadline) {
			t.Fatalf("got the history %+v, %v, want three events", past, err)
		}
		time.Sleep(time.Millisecond)
	}
	engine.Cut()
	awaitBroker(t, first, false)
	rejects := make(chan *spoke.RejectError, 10)
	client := dial(t, url, spoke.Config{
		OnReject: func(e *spoke.RejectError) { rejects <- e },
		OnGap: func(g event.Gap) {
			if g.Topic == "price" {
				t.Errorf("a gap was told: %+v", g)
			}
		},
	})
	if err := client.Resume("price", event.Position{Epoch: past.Position.Epoch, Offset: 1}); err != nil {
		t.Fatal(err)
	}
	offsets := make(chan uint64, 10)
	client.AddEventListener("price", func(e event.Event) { offsets <- e.Offset })
	if err := client.Subscribe(t.Context(), "order"); err != nil {
		t.Fatalf("Subscribe() = %v of a topic without history, want nil", err)
	}
	if err := client.Publish(t.Context(), event.Event{Type: "price"}); err != nil {
		t.Fatal(err)
	}
	if told := await(t, "OnReject", rejects); told.Topic != "price" || !told.Published || told.Reason != event.Unavailable {
		t.Errorf("OnReject was told %+v, want that the event is not taken now", told)
	}
	for deadline := time.Now().Add(patience); client.Stats().Unavailable == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the hub did not answer that the topic is unavailable")
		}
	}
	engine.Heal()
	if err := client.Subscribe(t.Context(), "price"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []uint64{2, 3} {
		if got := await(t, "an event that was missed", offsets); got != want {
			t.Errorf("got the event %d, want %d", got, want)
		}
	}
	if len(rejects) > 0 {
		t.Errorf("OnReject was told %v, want nothing", <-rejects)
	}
}
