//go:build faults && linux

package simulation

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

// persona is who a client is to the hub, and what it is told of what it may not do.
//
// I1: notices come only for what the persona or the rules don't cover, or for what came before the persona was known.
type persona struct {
	// user may be empty; level is the permissions.
	user  string
	level int
	// tokens is how many tokens it has sent.
	tokens int
	// doubtful says that a token has not been answered, so that nobody knows the permissions.
	doubtful bool
	// notices are the rejects without an id that may come, by text.
	notices map[string]*notice
}

func newPersona() persona { return persona{notices: make(map[string]*notice)} }

// notice is how often a text may come, must have come, and has come.
type notice struct{ may, must, came int }

// users are the names that users have. Two of them are ids, so that patterns with $user cover topics of ordinary events.
var users = []string{"1", "2", "3"}

// level is some permissions: the patterns for the hub, and the same in the model's own words.
type level struct {
	patterns  *fanout.Permissions
	subscribe func(topic, user string) bool
	publish   func(topic, user string) bool
}

// always has what everybody may publish.
const always = "c"

func anything(string, string) bool { return true }

// ownID says whether the topic is the user's id of a type.
func ownID(topic, typ, user string) bool { return user != "" && topic == typ+":"+user }

var levels = []level{
	{nil, anything, anything},
	{permissions("a b:$user c:1", "a* b:2 c c:$user"),
		func(topic, user string) bool { return topic == "a" || topic == "c:1" || ownID(topic, "b", user) },
		func(topic, user string) bool {
			return strings.HasPrefix(topic, "a") || topic == "b:2" || topic == "c" || ownID(topic, "c", user)
		}},
	{permissions("b* c", "c b:$user"),
		func(topic, _ string) bool { return strings.HasPrefix(topic, "b") || topic == "c" },
		func(topic, user string) bool { return topic == "c" || ownID(topic, "b", user) }},
	{permissions("a:$user b:$user c:$user", "*"),
		func(topic, user string) bool {
			return ownID(topic, "a", user) || ownID(topic, "b", user) || ownID(topic, "c", user)
		}, anything},
	{permissions("", "c"), func(string, string) bool { return false }, func(topic, _ string) bool { return topic == "c" }},
}

func permissions(subscribe, publish string) *fanout.Permissions {
	return &fanout.Permissions{Subscribe: patternsOf(subscribe), Publish: patternsOf(publish)}
}

func patternsOf(text string) event.Patterns {
	patterns, err := event.ParsePatterns(strings.Fields(text))
	if err != nil {
		panic(err)
	}
	return patterns
}

// claim is what a client claims to be: the text of a token, and of a header in its handshake.
type claim struct {
	User  string
	Level int
	// Expires is a wall-clock time in milliseconds, 0 for never.
	Expires int64
	// Later asks to be let in without an identity; Inside has OnConnection set it.
	Later, Inside bool
}

func (k claim) identity() fanout.Identity {
	i := fanout.Identity{User: k.User, Permissions: levels[k.Level].patterns, Value: k}
	if k.Expires != 0 {
		i.Expires = time.UnixMilli(k.Expires)
	}
	return i
}

// become notes who the client is from now on, in the order of what it sends. What it has by its old identity and not by the new one is
// dropped by the control event of this number, and the client has to be told once told is called.
func (c *client) become(k claim, number int) (told func()) {
	old, user := levels[c.level], c.user
	c.user, c.level = k.User, k.Level
	return c.drop(number, func(topic string) bool {
		return old.subscribe(topic, user) && !levels[c.level].subscribe(topic, c.user)
	})
}

// drop drops the subscriptions that are lost.
func (c *client) drop(number int, isLost func(topic string) bool) (told func()) {
	var due []*notice
	for topic := range c.topics {
		if isLost(topic) {
			c.setSubscription(topic, false, number)
			due = append(due, c.expectNotice(topic, event.Forbidden))
		}
	}
	return func() {
		for _, n := range due {
			n.must++
		}
	}
}

func (c *client) maySubscribe(topic string) bool {
	return levels[c.level].subscribe(topic, c.user) && c.sim.rules().subscribe(topic, c.user)
}

func (c *client) mayPublish(typ, id string) bool {
	topic := topicOf(typ, id)
	return levels[c.level].publish(topic, c.user) && c.sim.rules().publish(topic, c.user)
}

func topicOf(typ, id string) string {
	if id == "" {
		return typ
	}
	return typ + ":" + id
}

// expectNotice notes that the client may be told once more that it may not have a topic.
func (c *client) expectNotice(topic string, why event.Reason) *notice {
	text := string(event.AppendReject(nil, nil, []byte(topic), why))
	n := c.notices[text]
	if n == nil {
		n = new(notice)
		c.notices[text] = n
	}
	n.may++
	c.bytesSent += len(text) + frameRoom
	return n
}

// isNotice says whether a message is a reject without an id.
func isNotice(text string) bool { return strings.HasPrefix(text, `{"type":"__reject","id":"",`) }

func (c *client) checkNotice(text string) {
	n := c.notices[text]
	if n == nil || n.came == n.may {
		c.fail("got %s, want no such reject", text)
	}
	n.came++
}

// noticesDue returns a check that all notices have come that must have, as of now.
func (c *client) noticesDue() (check func()) {
	must := make(map[*notice]int)
	for _, n := range c.notices {
		if n.must > 0 {
			must[n] = n.must
		}
	}
	return func() {
		for text, n := range c.notices {
			if n.came < must[n] {
				c.fail("got %d of %s before the answer, want %d", n.came, text, must[n])
			}
		}
	}
}

// sendUncovered sends an event that has no effect, since the client may not publish to its topic, or not yet.
func (c *client) sendUncovered(typ, id string, why event.Reason) {
	c.expectNotice(topicOf(typ, id), why)
	c.message(string(event.Append(nil, event.Event{Type: typ, ID: id, Payload: fmt.Appendf(nil, `{"s":-1,"n":-1,"of":%d}`, c.id)})))
}

// uncoveredOf says whether an event is one that has no effect, and whose.
func uncoveredOf(payload []byte) (client int, yes bool) {
	var m struct {
		Seq int `json:"n"`
		Of  int `json:"of"`
	}
	err := json.Unmarshal(payload, &m)
	return m.Of, err == nil && m.Seq < 0
}

// checkSuspicion checks that nothing of the client has had an effect that may have none. If the client has ended with a token that was
// not answered, it had its old identity to the end.
func (c *client) checkSuspicion() {
	c.sim.recorder.mu.Lock()
	defer c.sim.recorder.mu.Unlock()
	c.sim.recorder.checkSuspicionsLocked([]*client{c})
}

// nobodyKnown stands for the clients that failed to identify themselves.
const nobodyKnown = -1

func (r *recorder) checkSuspicionsLocked(clients []*client) {
	if what := r.suspicions[nobodyKnown]; what != "" {
		r.sim.fail("a client that failed to identify itself: %s", what)
	}
	for _, c := range clients {
		if what := r.suspicions[c.id]; what != "" && !c.doubtful {
			c.fail("%s", what)
		}
	}
}
