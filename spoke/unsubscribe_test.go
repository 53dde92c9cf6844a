package spoke_test

import (
	"slices"
	"sync"
	"testing"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/spoke"
)

// TestMoreTopicsThanTheHubTakesAreDividedWhenTheyGo has a hub that takes one topic in a control event.
func TestMoreTopicsThanTheHubTakesAreDividedWhenTheyGo(t *testing.T) {
	var mu sync.Mutex
	held := map[string]bool{}
	url := scripted(t, func(c *serverConn, _ int) {
		for message := c.next(); message != ""; message = c.next() {
			q := parse(message)
			if len(q.Payload.Topics) > 1 {
				c.reject(message, "", event.Limit)
				continue
			}
			mu.Lock()
			for _, topic := range q.Payload.Topics {
				held[topic] = q.Type == event.TypeSubscribe
			}
			mu.Unlock()
			c.ack(message)
		}
	})
	client := dial(t, url, spoke.Config{})
	topics := []string{"a", "b", "c", "d", "e"}
	if err := client.Subscribe(t.Context(), topics...); err != nil {
		t.Fatal(err)
	}
	client.AddEventListener("c", func(event.Event) {})
	client.Unsubscribe(topics...)
	flush(t, client)
	mu.Lock()
	defer mu.Unlock()
	var left []string
	for topic, is := range held {
		if is {
			left = append(left, topic)
		}
	}
	if !slices.Equal(left, []string{"c"}) {
		t.Errorf("the hub still has %v, want c", left)
	}
}
