package spoke_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/spoke"
)

// recorder starts a server that acknowledges everything and returns what it gets but questions.
func recorder(t *testing.T) (url string, heard chan string) {
	heard = make(chan string, 1000)
	return scripted(t, func(c *serverConn, _ int) { c.serve(heard) }), heard
}

// upTo returns what the server got ahead of the answer to a Flush.
func upTo(t *testing.T, client *spoke.Client, heard chan string) []string {
	t.Helper()
	flush(t, client)
	var got []string
	for {
		select {
		case message := <-heard:
			if !isProbe(message) {
				got = append(got, short(message))
			}
		default:
			return got
		}
	}
}

func compare(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("the server got %q, want %q", got, want)
	}
}

func TestListenersAreCounted(t *testing.T) {
	url, heard := recorder(t)
	client := dial(t, url, spoke.Config{})
	first := client.AddEventListener("price", func(event.Event) {})
	compare(t, upTo(t, client, heard), "+price")
	second := client.AddEventListener("price", func(event.Event) {})
	if err := client.Subscribe(t.Context(), "price"); err != nil {
		t.Fatal(err)
	}
	first()
	first()
	second()
	compare(t, upTo(t, client, heard))
	client.Unsubscribe("price")
	compare(t, upTo(t, client, heard), "-price")
	client.Unsubscribe("price", "never")
	compare(t, upTo(t, client, heard))
}

func TestChangesThatComeTogetherGoInOneMessage(t *testing.T) {
	url, heard := recorder(t)
	goOn := make(chan struct{})
	client, err := spoke.Dial(t.Context(), url, quick(spoke.Config{
		Background: true,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			<-goOn
			return (&net.Dialer{}).DialContext(ctx, network, address)
		},
	}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(); <-client.Done() })
	var want []string
	for i := range 200 {
		topic := fmt.Sprintf("t%03d", i)
		remove := client.AddEventListener(topic, func(event.Event) {})
		if i%2 == 0 {
			remove()
		} else {
			want = append(want, topic)
		}
	}
	close(goOn)
	compare(t, upTo(t, client, heard), "+"+strings.Join(want, ","))
}

func TestAnEventGoesBehindTheTopicsAddedBeforeIt(t *testing.T) {
	url, heard := recorder(t)
	client := dial(t, url, spoke.Config{})
	for i := range 20 {
		client.AddEventListener(fmt.Sprint("t", i), func(event.Event) {})
		client.DispatchEvent(event.Event{Type: "e", Payload: fmt.Append(nil, i)})
	}
	told := map[string]bool{}
	flush(t, client)
	for len(heard) > 0 {
		message := <-heard
		for _, topic := range parse(message).Payload.Topics {
			told[topic] = true
		}
		if e, err := event.Parse([]byte(message)); err == nil && !told["t"+string(e.Payload)] {
			t.Errorf("event %s came ahead of the subscription that was made before it", e.Payload)
		}
	}
}

func TestSubscribeTellsWhyTheHubRefuses(t *testing.T) {
	_, url := startHub(t, fanout.Config{OnHandshake: func(context.Context, *fanout.Handshake) (fanout.Identity, error) {
		return fanout.Identity{User: "ada", Permissions: &fanout.Permissions{Subscribe: event.MustPatterns("news", "price:*")}}, nil
	}})
	rejects := make(chan *spoke.RejectError, 10)
	client := dial(t, url, spoke.Config{OnReject: func(e *spoke.RejectError) { rejects <- e }})
	err := client.Subscribe(t.Context(), "news", "secret", "price:1")
	refused, ok := errors.AsType[*spoke.RejectError](err)
	if !ok || refused.Topic != "secret" || refused.Reason != event.Forbidden || refused.Published {
		t.Errorf("Subscribe() = %v, want that secret is forbidden", err)
	}
	if told := await(t, "OnReject", rejects); told.Topic != "secret" || told.Reason != event.Forbidden {
		t.Errorf("OnReject was told %+v, want that secret is forbidden", told)
	}
	if err := client.Subscribe(t.Context(), "news", "price:1"); err != nil {
		t.Errorf("Subscribe() = %v, want nil", err)
	}
	if err := client.Subscribe(t.Context(), "a:"); !errors.Is(err, event.FaultIDEmpty) {
		t.Errorf("Subscribe() = %v, want the fault of the topic", err)
	}
}

func TestMoreTopicsThanTheHubTakesAreDivided(t *testing.T) {
	hub, url := startHub(t, fanout.Config{MaxTopics: 10})
	var mu sync.Mutex
	refused := map[string]bool{}
	client := dial(t, url, spoke.Config{OnReject: func(e *spoke.RejectError) {
		mu.Lock()
		defer mu.Unlock()
		refused[e.Topic] = e.Reason == event.Limit
	}})
	var topics []string
	for i := range 37 {
		topics = append(topics, fmt.Sprint("t", i))
	}
	client.AddEventListener("t0", func(event.Event) {})
	remove := map[string]func(){}
	for _, topic := range topics[1:] {
		remove[topic] = client.AddEventListener(topic, func(event.Event) {})
	}
	flush(t, client)
	inForce := 0
	for _, topic := range topics {
		inForce += len(hub.Members(topic))
	}
	mu.Lock()
	defer mu.Unlock()
	if inForce != 10 || len(refused) != 27 {
		t.Errorf("%d topics are in force and %d refused when Flush returns, want 10 and 27", inForce, len(refused))
	}
}

func TestAHubThatTakesNothingRefusesEveryTopic(t *testing.T) {
	asked := 0
	url := scripted(t, func(c *serverConn, _ int) {
		for message := c.next(); message != ""; message = c.next() {
			if isProbe(message) {
				c.ack(message)
				continue
			}
			asked++
			c.reject(message, "", event.Limit)
		}
	})
	client := dial(t, url, spoke.Config{})
	err := client.Subscribe(t.Context(), "a", "b", "c", "d", "e")
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok || len(joined.Unwrap()) != 5 {
		t.Errorf("Subscribe() = %v, want five refusals", err)
	}
	for _, refusal := range joined.Unwrap() {
		if e, ok := errors.AsType[*spoke.RejectError](refusal); !ok || e.Reason != event.Limit {
			t.Errorf("a refusal is %v, want a RejectError with limit", refusal)
		}
	}
}

func TestARejectWithoutAnIDIsOfAnEventOrOfASubscription(t *testing.T) {
	for name, takenAway := range map[string]bool{"of an event": false, "of a subscription": true} {
		t.Run(name, func(t *testing.T) {
			url := scripted(t, func(c *serverConn, _ int) {
				c.ack(c.next())
				c.next()
				c.send(`{"type":"__reject","id":"","payload":{"topic":"price","reason":"forbidden"}}`)
				for message := c.next(); message != ""; message = c.next() {
					if takenAway && parse(message).Type == event.TypeSubscribe {
						c.reject(message, "price", event.Forbidden)
						continue
					}
					c.ack(message)
				}
			})
			rejects := make(chan *spoke.RejectError, 10)
			client := dial(t, url, spoke.Config{OnReject: func(e *spoke.RejectError) { rejects <- e }})
			if err := client.Subscribe(t.Context(), "price"); err != nil {
				t.Fatal(err)
			}
			client.DispatchEvent(event.Event{Type: "price"})
			told := await(t, "OnReject", rejects)
			if told.Topic != "price" || told.Reason != event.Forbidden || told.Published == takenAway {
				t.Errorf("OnReject was told %+v, want the topic, forbidden, and whether it was an event", told)
			}
			if err := client.Subscribe(t.Context(), "price"); takenAway == (err == nil) {
				t.Errorf("Subscribe() behind it = %v, taken away is %v", err, takenAway)
			}
			select {
			case more := <-rejects:
				if !takenAway {
					t.Errorf("OnReject was told once more: %+v", more)
				}
			default:
			}
		})
	}
}

func TestAnEventTheHubForbidsIsTold(t *testing.T) {
	_, url := startHub(t, fanout.Config{OnHandshake: func(context.Context, *fanout.Handshake) (fanout.Identity, error) {
		return fanout.Identity{User: "ada", Permissions: &fanout.Permissions{Publish: event.MustPatterns("chat")}}, nil
	}})
	rejects := make(chan *spoke.RejectError, 10)
	client := dial(t, url, spoke.Config{OnReject: func(e *spoke.RejectError) { rejects <- e }})
	if err := client.Publish(t.Context(), event.Event{Type: "order", ID: "7"}); err != nil {
		t.Fatal(err)
	}
	flush(t, client)
	if len(rejects) != 1 {
		t.Fatalf("OnReject was told %d times when Flush returns, want once", len(rejects))
	}
	if told := <-rejects; told.Topic != "order:7" || !told.Published || told.Reason != event.Forbidden {
		t.Errorf("OnReject was told %+v, want that order:7 is forbidden", told)
	}
	if got := client.Stats().Rejected; got != 1 {
		t.Errorf("Stats().Rejected = %d, want 1", got)
	}
}

func TestATopicThatWasRefusedIsTriedAgainWithTheNextConnection(t *testing.T) {
	url := scripted(t, func(c *serverConn, number int) {
		message := c.next()
		if number == 0 {
			c.reject(message, "price", event.Forbidden)
			c.next()
			return
		}
		c.ack(message)
		c.send(`{"type":"price","payload":1}`)
		c.serve(nil)
	})
	rejects, events := make(chan *spoke.RejectError, 10), make(chan event.Event, 10)
	client := dial(t, url, spoke.Config{OnReject: func(e *spoke.RejectError) { rejects <- e }})
	client.AddEventListener("price", func(e event.Event) { events <- e.Clone() })
	await(t, "OnReject", rejects)
	client.Reconnect()
	await(t, "the event", events)
}

func TestSubscribeEndsWithItsContext(t *testing.T) {
	url := scripted(t, func(c *serverConn, _ int) {
		for c.next() != "" {
		}
	})
	client := dial(t, url, spoke.Config{})
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(nil)
	if err := client.Subscribe(ctx, "price"); !errors.Is(err, context.Canceled) {
		t.Errorf("Subscribe() = %v, want context.Canceled", err)
	}
}
