package spoke

import (
	"testing"

	"github.com/spokehub/spokehub/event"
)

// TestATopicInDoubtIsUnsubscribed: a reject without an id leaves open whether the hub still has the topic.
func TestATopicInDoubtIsUnsubscribed(t *testing.T) {
	c := &Client{signals: signals{write: make(chan struct{}, 1)}}
	c.topics.connect()
	c.topics.acquire("price")
	subscribe, _ := c.topics.tell(10, 1000)
	subscribe[0].become(inForce)
	c.rejected(event.Reject{Topic: "price", Reason: event.Forbidden})
	c.topics.release("price")
	if _, unsubscribe := c.topics.tell(10, 1000); len(unsubscribe) != 1 {
		t.Error("the hub is not told that the topic is no longer held")
	}
}
