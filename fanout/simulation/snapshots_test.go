//go:build faults && linux

package simulation

import (
	"slices"
	"strings"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

// snapshotType is the type of the one event that is the snapshot of a topic.
const snapshotType = "snapshot"

// snapshots are what a client must get of OnSubscribed.
//
// I1: behind an answer nothing comes but other answers and the snapshots of the topics that came into force by what was answered.
type snapshots struct {
	// due are the snapshots that must still come, in order.
	due []dueSnapshot
}

// dueSnapshot is the snapshot of a topic that a control event subscribed to; that was answered if it is confirmed.
type dueSnapshot struct {
	topic   string
	control int
	// early are the events that may have been queued for the client before it was subscribed, where no answer tells.
	early []*trackedEvent
}

func snapshotOf(topic string) event.Event {
	return event.Event{Type: snapshotType, Payload: []byte(jsonOf(topic))}
}

// onSubscribed sends the snapshot to a client that the model follows, now or once callbacks may go on.
func (r *recorder) onSubscribed(s *fanout.Spoke, topic string, send func(event.Event) bool) {
	seen := r.beginCallback(s, "OnSubscribed")
	defer r.endCallback(seen)
	r.mu.Lock()
	gate, followed := r.gate, seen.client != hostileSpoke
	r.mu.Unlock()
	if !followed {
		return
	}
	if len(topic)%2 == 0 {
		<-gate
	}
	send(snapshotOf(topic))
}

// awaitSnapshot notes that a control event has subscribed the client to a topic that it did not have.
func (c *client) awaitSnapshot(topic string, control int) {
	if c.sim.traits.snapshots {
		c.due = append(c.due, dueSnapshot{topic: topic, control: control})
		c.bytesSent += len(event.Append(nil, snapshotOf(topic))) + frameRoom
	}
}

func isSnapshot(text string) bool { return strings.HasPrefix(text, `{"type":"`+snapshotType+`"`) }

// checkSnapshot checks a snapshot that the client got.
func (c *client) checkSnapshot(text string) {
	c.eventsArrived++
	if len(c.due) == 0 {
		c.fail("got %s, want no snapshot", text)
	}
	if want := string(event.Append(nil, snapshotOf(c.due[0].topic))); text != want {
		c.fail("got %s, want %s", text, want)
	}
	c.due = c.due[1:]
}

// awaitUnanswered notes that the hub's side has subscribed the client to a topic that it did not have. What is in flight to the client
// for other topics may have been queued before.
func (c *client) awaitUnanswered(topic string) {
	c.awaitSnapshot(topic, c.confirmed)
	for _, x := range c.sim.inFlight {
		if len(c.due) > 0 && c.id < len(x.verdicts) && x.verdicts[c.id] != never {
			due := &c.due[len(c.due)-1]
			due.early = append(due.early, x)
		}
	}
}

// checkNoneDue checks that no event comes ahead of a snapshot. A connection that is removed in a hook is handed over with what waits.
func (c *client) checkNoneDue(x *trackedEvent) {
	if c.removed || len(c.due) == 0 || c.due[0].control > c.confirmed || slices.Contains(c.due[0].early, x) {
		return
	}
	c.fail("got %.200s ahead of the snapshot of %q", x.wire, c.due[0].topic)
}
