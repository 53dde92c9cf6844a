package spoke

import (
	"slices"

	"github.com/spokehub/spokehub/event"
)

// presence is who is subscribed to a topic, for those who watch. Client.mu guards it.
//
// I1: users, once there is a list, are those of the hub's last list and the changes behind it.
//
// I2: the users that a watcher has got, with its changes, are users.
type presence struct {
	topic string
	phase phase
	// reason is why it was refused, and request the control event that asked for it last.
	reason  event.Reason
	request uint64
	// users are those who are there; nil until there is a list.
	users map[string]struct{}
	// listing is the part of a list that has come, nil for none, and later are the changes behind it, by user: whether the last is a join.
	listing map[string]struct{}
	later   map[string]bool
	// doubted says that a reject without an id has named the topic: of an event, or of its presence. The hub is asked again.
	doubted event.Reason
	// watchers are the loops. Without any it waits for the hub to be told.
	watchers []*watcher
	// listed says that it is in the table's list of what to tell.
	listed bool
}

// watcher is a loop over presence. Client.mu guards it.
type watcher struct {
	// more has room for one mark that there is something.
	more chan struct{}
	// changes are those that the loop has yet to get, by user: whether the last is a join.
	changes map[string]bool
	// due says that there is something to get, and begun that the loop has got its first Presence.
	due, begun bool
}

// tell notes that a user is there, or is not.
func (w *watcher) tell(user string, joins bool) {
	if w.changes == nil {
		w.changes = map[string]bool{}
	}
	w.changes[user] = joins
}

// wake has the loop get what there is.
func (w *watcher) wake() {
	w.due = true
	select {
	case w.more <- struct{}{}:
	default:
	}
}

// presenceTable is the presence that loops watch. Client.mu guards it.
type presenceTable struct {
	of map[string]*presence
	// untold are those whose state at the hub may differ from what it has to be.
	untold []*presence
	// connected says that there is a hub to tell.
	connected bool
}

// watch adds a watcher. One that was refused is asked for again.
func (t *presenceTable) watch(topic string, w *watcher) *presence {
	of := t.of[topic]
	if of == nil || of.phase == refused {
		if t.of == nil {
			t.of = map[string]*presence{}
		}
		of = &presence{topic: topic}
		t.of[topic] = of
	}
	of.watchers = append(of.watchers, w)
	if of.users != nil {
		for user := range of.users {
			w.tell(user, true)
		}
		w.wake()
	}
	t.list(of)
	return of
}

// unwatch takes a watcher away.
func (t *presenceTable) unwatch(of *presence, w *watcher) {
	of.watchers = slices.DeleteFunc(of.watchers, func(other *watcher) bool { return other == w })
	if len(of.watchers) > 0 {
		return
	}
	if t.connected {
		t.list(of)
		return
	}
	t.drop(of)
}

func (t *presenceTable) list(of *presence) {
	if t.connected && !of.listed {
		of.listed = true
		t.untold = append(t.untold, of)
	}
}

func (t *presenceTable) drop(of *presence) {
	if t.of[of.topic] == of {
		delete(t.of, of.topic)
	}
}

// isAtHub says whether the hub may tell of it.
func (of *presence) isAtHub() bool { return of.phase == asked || of.phase == inForce }

// tell returns what to ask the hub for, and the topics whose end tells it that nobody watches. Where somebody wants the topic itself, the
// hub goes on until that ends.
func (t *presenceTable) tell(topics *topicTable) (ask []*presence, end []*topic) {
	for _, of := range t.untold {
		of.listed = false
		switch {
		case len(of.watchers) > 0 && of.phase == untold:
			ask = append(ask, of)
		case len(of.watchers) > 0:
		case !of.isAtHub():
			t.drop(of)
		case !topics.mayHave(of.topic):
			end = append(end, &topic{name: of.topic})
			t.drop(of)
		}
	}
	t.untold = nil
	return ask, end
}

// unsubscribed is for topics whose end the hub is told: that ends their presence, too. Who watches asks again.
func (t *presenceTable) unsubscribed(topics []*topic) {
	for _, ended := range topics {
		of := t.of[ended.name]
		switch {
		case of == nil || !of.isAtHub():
		case len(of.watchers) == 0:
			t.drop(of)
		default:
			t.askAgain(of)
		}
	}
}

// doubt is for a reject without an id: the hub may have taken the presence away. Who watches asks again. The answer tells of the reason, if there
// is one. It returns false if nobody watches.
func (t *presenceTable) doubt(topic string, reason event.Reason) bool {
	of := t.of[topic]
	if of == nil || !of.isAtHub() || len(of.watchers) == 0 {
		return false
	}
	t.askAgain(of)
	of.doubted = reason
	return true
}

func (t *presenceTable) askAgain(of *presence) {
	of.phase, of.listing, of.later = untold, nil, nil
	t.list(of)
}

// connect is for a new connection, whose hub has been told nothing.
func (t *presenceTable) connect() {
	t.connected = true
	for _, of := range t.of {
		t.list(of)
	}
}

// disconnect is for the end of a connection. Those who watch keep what they know until the next.
func (t *presenceTable) disconnect() {
	t.connected, t.untold = false, nil
	for _, of := range t.of {
		of.listed, of.phase, of.listing, of.later, of.doubted = false, untold, nil, nil, ""
		if len(of.watchers) == 0 {
			t.drop(of)
		}
	}
}

// refuse notes that the hub refuses. It returns what to tell.
func (t *presenceTable) refuse(of *presence, number uint64, reason event.Reason) []*RejectError {
	if of.request != number || of.phase != asked {
		return nil
	}
	of.phase, of.reason, of.users = refused, reason, nil
	t.drop(of)
	if len(of.watchers) == 0 {
		return nil
	}
	of.wake()
	return []*RejectError{{Topic: of.topic, Reason: reason, Presence: true}}
}

// list takes a part of the hub's list, the answer to a request. With the last part the users are those of the list. It returns what to tell:
// an event that was refused, if it was not the presence that was in doubt.
func (of *presence) list(number uint64, part event.Ack) (told []*RejectError) {
	if of.request != number || of.phase == untold {
		return nil
	}
	if of.listing == nil {
		of.listing = map[string]struct{}{}
	}
	for _, member := range part.Users {
		of.listing[member.User] = struct{}{}
	}
	if part.More {
		return nil
	}
	if of.doubted != "" {
		told = []*RejectError{{Topic: of.topic, Reason: of.doubted, Published: true}}
		of.doubted = ""
	}
	all := of.listing
	of.phase, of.listing = inForce, nil
	for user, joins := range of.later {
		if joins {
			all[user] = struct{}{}
		} else {
			delete(all, user)
		}
	}
	of.later = nil
	of.become(all)
	return told
}

// become makes the users those that the hub says, and tells the watchers what is different.
func (of *presence) become(all map[string]struct{}) {
	for user := range of.users {
		if _, isThere := all[user]; !isThere {
			of.tellWatchers(user, false)
		}
	}
	for user := range all {
		if _, wasThere := of.users[user]; !wasThere {
			of.tellWatchers(user, true)
		}
	}
	of.users = all
	of.wake()
}

// change takes a change that the hub tells. Between the parts of a list it waits for the last.
func (of *presence) change(change event.PresenceChange) {
	if of.listing != nil {
		of.later = noted(of.later, change)
		return
	}
	if of.users == nil {
		return
	}
	for user, joins := range noted(nil, change) {
		if joins {
			of.users[user] = struct{}{}
		} else {
			delete(of.users, user)
		}
		of.tellWatchers(user, joins)
	}
	of.wake()
}

// noted adds a change to those that wait, by user.
func noted(waiting map[string]bool, change event.PresenceChange) map[string]bool {
	if waiting == nil {
		waiting = map[string]bool{}
	}
	for _, user := range change.Leave {
		waiting[user] = false
	}
	for _, user := range change.Join {
		waiting[user] = true
	}
	return waiting
}

func (of *presence) tellWatchers(user string, joins bool) {
	for _, w := range of.watchers {
		w.tell(user, joins)
	}
}

func (of *presence) wake() {
	for _, w := range of.watchers {
		w.wake()
	}
}
