package spoke

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/spokehub/spokehub/event"
)

// Presence is who is subscribed to a topic: everyone, and how that differs from the Presence before it.
type Presence struct {
	// Users are the names of all users who are there. The loop owns the map and may not change it; it is up to date until the next pair,
	// and changes with that one ([maps.Clone] keeps it).
	Users map[string]struct{}
	// Join are those who are new, sorted; in the first Presence of a loop that is everyone. Leave are those who are gone.
	Join, Leave []string
}

// Presence returns a loop over who is subscribed to a topic:
//
//	for p, err := range client.Presence(ctx, "room:7") {
//
// The first pair comes with the hub's list, then one comes with each change. A loop that is slower than the changes gets several as one.
// A client that reconnects asks again, and the loop gets the difference; so Users is what the hub has told last. The loop subscribes to
// nothing: its own client is there only if somebody wants the topic besides.
//
// It ends without an error when ctx does. Its last pair has an error if the hub refuses (*RejectError; event.Unavailable says that the
// topic has no presence), the topic is not valid, or the client has ended. Each loop over the result is one of its own. A listener or
// callback may not run one: it would wait for itself.
func (c *Client) Presence(ctx context.Context, topic string) iter.Seq2[Presence, error] {
	return func(yield func(Presence, error) bool) {
		if _, _, err := event.SplitTopic(topic); err != nil {
			yield(Presence{}, fmt.Errorf("spoke: presence of %q: %w", topic, err))
			return
		}
		w := &watcher{more: make(chan struct{}, 1)}
		of := c.watch(topic, w)
		defer c.unwatch(of, w)
		users := map[string]struct{}{}
		for ctx.Err() == nil {
			next, ok, err := c.nextPresence(of, w, users)
			if (ok || err != nil) && !yield(next, err) || err != nil {
				return
			}
			if ok {
				continue
			}
			select {
			case <-w.more:
			case <-ctx.Done():
			case <-c.signals.ctx.Done():
			}
		}
	}
}

// nextPresence applies what has changed to users and returns it. The error ends the loop.
func (c *Client) nextPresence(of *presence, w *watcher, users map[string]struct{}) (next Presence, ok bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.err != nil || c.closing:
		return Presence{}, false, c.whyEnded()
	case of.phase == refused:
		return Presence{}, false, &RejectError{Topic: of.topic, Reason: of.reason, Presence: true}
	case !w.due:
		return Presence{}, false, nil
	}
	next.Users = users
	for _, user := range slices.Sorted(maps.Keys(w.changes)) {
		_, isThere := users[user]
		switch joins := w.changes[user]; {
		case joins && !isThere:
			users[user] = struct{}{}
			next.Join = append(next.Join, user)
		case !joins && isThere:
			delete(users, user)
			next.Leave = append(next.Leave, user)
		}
	}
	isFirst := !w.begun
	w.due, w.begun, w.changes = false, true, nil
	return next, isFirst || len(next.Join)+len(next.Leave) > 0, nil
}

// watch has a watcher told of the presence of a topic.
func (c *Client) watch(topic string, w *watcher) *presence {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wakeWriter()
	return c.presence.watch(topic, w)
}

func (c *Client) unwatch(of *presence, w *watcher) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.presence.unwatch(of, w)
	c.wakeWriter()
}

// toldPresence handles a change that the hub tells.
func (c *Client) toldPresence(change event.PresenceChange) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if of := c.presence.of[change.Topic]; of != nil {
		of.change(change)
	}
}

// tellPresence makes the control events about presence that are due. The caller holds mu.
func (c *Client) tellPresence(l *link) {
	ask, end := c.presence.tell(&c.topics)
	if len(end) > 0 {
		c.ask(event.TypeUnsubscribe, end, 0)
	}
	for _, of := range ask {
		of.phase = asked
		of.request = c.requests.add(&request{kind: event.TypePresence, presence: of, open: 1, reached: c.outbox.written})
		payload := struct {
			Topic string `json:"topic"`
		}{of.topic}
		l.control = append(l.control, appendControl(nil, event.TypePresence, of.request, payload))
	}
}
