package fanouttest

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/spokehub/spokehub/event"
)

// Subscribe subscribes to topics and waits until that is in force: events dispatched from now on arrive. It fails the test if the
// hub rejects a topic.
func (c *Client) Subscribe(topics ...string) {
	c.hub.t.Helper()
	if rejected := c.TrySubscribe(topics...); len(rejected) > 0 {
		c.hub.t.Fatalf("subscribe %q: got rejections %v, want none", topics, rejected)
	}
}

// TrySubscribe is Subscribe for topics that the hub may reject. It returns those that it did, and why; nil if none.
func (c *Client) TrySubscribe(topics ...string) (rejected map[string]event.Reason) {
	c.hub.t.Helper()
	return c.control(event.TypeSubscribe, topics)
}

// Unsubscribe unsubscribes from topics and waits until that is in force. Topics that the client is not subscribed to are allowed.
func (c *Client) Unsubscribe(topics ...string) {
	c.hub.t.Helper()
	if rejected := c.control(event.TypeUnsubscribe, topics); len(rejected) > 0 {
		c.hub.t.Fatalf("unsubscribe %q: got rejections %v, want none", topics, rejected)
	}
}

// Auth sends __auth with a token and waits until the hub has accepted it: Spoke().Identity() is then the new one. It returns what the
// hub answered, and fails the test if the hub rejects the token.
func (c *Client) Auth(token string) event.Ack {
	c.hub.t.Helper()
	ack, reason := c.TryAuth(token)
	if reason != "" {
		c.hub.t.Fatalf("auth: got the token rejected as %s, want it accepted", reason)
	}
	return ack
}

// TryAuth is Auth for a token that the hub may reject. Then the reason is not empty.
func (c *Client) TryAuth(token string) (ack event.Ack, reason event.Reason) {
	c.hub.t.Helper()
	answers := c.ask(event.TypeAuth, "", map[string]string{"token": token}, 0)
	if a := answers[0]; a.ack == nil {
		return event.Ack{}, a.reject.Reason
	}
	return *answers[0].ack, ""
}

// NextReject returns the next rejection that answers no control event: that of an event which the client may not send, or of a
// subscription that the hub has ended. It waits like Next. The hub tells of the first few events that a client may not send, and then
// once a second at most.
func (c *Client) NextReject() (reject event.Reject) {
	c.hub.t.Helper()
	c.await("a rejection of an event or a subscription", func(r *received) bool {
		rejects := r.answersLocked("")
		if len(rejects) > 0 {
			reject = rejects[0].reject
			r.answers[""] = rejects[1:]
		}
		return len(rejects) > 0
	})
	return reject
}

// control sends a control event about topics and returns what the hub has rejected.
func (c *Client) control(kind string, topics []string) (rejected map[string]event.Reason) {
	c.hub.t.Helper()
	for _, a := range c.ask(kind, fmt.Sprintf(" %q", topics), map[string][]string{"topics": topics}, len(topics)) {
		if a.ack != nil {
			continue
		}
		if rejected == nil {
			rejected = make(map[string]event.Reason)
		}
		rejected[a.reject.Topic] = a.reject.Reason
	}
	return rejected
}

// ask sends a control event and waits for its answers: a rejection for each of so many topics that can't be, and acks for the others; or
// one rejection of no topic, for all of them. about names what it is about.
func (c *Client) ask(kind, about string, payload any, topics int) (answers []answer) {
	c.hub.t.Helper()
	c.controls++
	id := strconv.Itoa(c.controls)
	text, err := json.Marshal(payload)
	if err != nil {
		c.hub.t.Fatalf("%s%s: %v", kind, about, err)
	}
	c.text(event.Append(nil, event.Event{Type: kind, ID: id, Payload: text}))
	c.await("the answer to "+kind+about, func(r *received) bool {
		answers = r.answersLocked(id)
		return isAnswered(answers, topics)
	})
	return answers
}

// isAnswered says whether these are all answers to a control event that names so many topics.
func isAnswered(answers []answer, topics int) bool {
	answered := 0
	for _, a := range answers {
		switch {
		case a.ack != nil:
			answered += len(a.ack.Topics)
		case a.reject.Topic == "":
			return true
		default:
			answered++
		}
	}
	return len(answers) > 0 && answered >= topics
}
