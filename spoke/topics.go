package spoke

import (
	"slices"
	"time"

	"github.com/spokehub/spokehub/event"
)

// phase is what the hub has been told of a topic on this connection, and what it says.
type phase int

const (
	untold phase = iota
	asked
	inForce
	refused
	// away says that the hub can't take it now. It is in a round, and is asked for again.
	away
)

// topic is one that somebody wants, or that the hub has yet to be told is wanted no longer. refs counts who wants it.
//
// I1: it is in the table while refs is above 0 or the hub of this connection has yet to be told that it is not.
type topic struct {
	name  string
	refs  int
	phase phase
	// reason is why it was refused.
	reason event.Reason
	// request is the control event that asked for it last.
	request uint64
	// delay is how long it waits while it is away, at most; 0 unless the hub's last answer was that it can't take it now.
	delay time.Duration
	// doubted says that a reject without an id has named it: of an event, or of this subscription. The hub is asked again.
	doubted event.Reason
	// changed is closed when the phase changes; nil until somebody waits.
	changed chan struct{}
	// listed says that it is in the table's list of what to tell.
	listed bool
	// place is where it is in the stream of its type; nil without one.
	place *place
	// loops are the buffers of the loops over its events.
	loops []*buffer
}

// isAtHub says whether the hub may have the topic on this connection.
func (t *topic) isAtHub() bool { return t.phase == asked || t.phase == inForce || t.doubted != "" }

// mayHave says whether the hub may have the topic on this connection.
func (t *topicTable) mayHave(name string) bool {
	of := t.of[name]
	return of != nil && of.isAtHub()
}

func (t *topic) become(p phase) {
	t.phase = p
	if t.changed != nil {
		close(t.changed)
		t.changed = nil
	}
}

// topicTable is the topics of a client. The client's lock guards it.
//
// I2: what tell returns, applied in order to the topics of the hub, makes them those that are wanted, but for those refused.
type topicTable struct {
	of map[string]*topic
	// untold are the topics whose state at the hub may differ from what it has to be, in the order of their changes.
	untold []*topic
	// connected says that there is a hub to tell. Without one untold is empty, and every topic is wanted and has the phase untold.
	connected bool
	// streams are those that topics have a place in, by type.
	streams map[string]*stream
	// starts are the positions at which topics begin that nobody wants yet.
	starts map[string]event.Position
	// rounds are the topics that are away, by how long they wait.
	rounds map[time.Duration]*round
}

// acquire adds a reference to the topic. One that was refused is asked for again.
func (t *topicTable) acquire(name string) *topic {
	of := t.of[name]
	if of == nil {
		of = t.add(name)
	}
	of.refs++
	if of.phase == refused {
		of.become(untold)
	}
	t.list(of)
	return of
}

// add puts a topic into the table, at the position where it is to begin if there is one.
func (t *topicTable) add(name string) *topic {
	if t.of == nil {
		t.of = map[string]*topic{}
	}
	of := &topic{name: name}
	t.of[name] = of
	if start, isKnown := t.starts[name]; isKnown {
		delete(t.starts, name)
		t.enter(of)
		of.place.at = start
	}
	return of
}

// release takes a reference away.
func (t *topicTable) release(name string) {
	of := t.of[name]
	if of == nil || of.refs == 0 {
		return
	}
	of.refs--
	switch {
	case of.refs > 0:
	case t.connected:
		t.list(of)
	default:
		t.drop(of)
	}
}

func (t *topicTable) list(of *topic) {
	if t.connected && !of.listed {
		of.listed = true
		t.untold = append(t.untold, of)
	}
}

// maxSinceBytes is how long the positions in one control event may be, about.
const maxSinceBytes = 256 << 10

// perSince is what a position takes in a control event beside the topic and the epoch.
const perSince = 48

// tell returns the topics to subscribe to and those to unsubscribe from, at most limit and maxBytes of each kind; what is left
// is for the next call.
func (t *topicTable) tell(limit, maxBytes int) (subscribe, unsubscribe []*topic) {
	taken, subscribeBytes, unsubscribeBytes, sinceBytes := 0, 0, 0, 0
	for _, of := range t.untold {
		if len(subscribe) >= limit || len(unsubscribe) >= limit || max(subscribeBytes, unsubscribeBytes) > maxBytes || sinceBytes > maxSinceBytes {
			break
		}
		taken++
		of.listed = false
		switch {
		case of.refs > 0 && of.phase == untold:
			subscribe = append(subscribe, of)
			subscribeBytes += len(of.name)
			if of.place != nil {
				sinceBytes += len(of.name) + len(of.place.at.Epoch) + perSince
			}
		case of.refs == 0:
			if of.isAtHub() {
				unsubscribe = append(unsubscribe, of)
				unsubscribeBytes += len(of.name)
			}
			t.drop(of)
		}
	}
	t.untold = slices.Delete(t.untold, 0, taken)
	if len(t.untold) == 0 {
		t.untold = nil
	}
	return subscribe, unsubscribe
}

// drop takes a topic out of the table, unless it has left it already and another one has its name.
func (t *topicTable) drop(of *topic) {
	of.become(untold)
	t.exit(of)
	if t.of[of.name] == of {
		delete(t.of, of.name)
	}
}

// connect is for a new connection, whose hub has been told nothing.
func (t *topicTable) connect() {
	t.connected = true
	for _, of := range t.of {
		t.list(of)
	}
}

// disconnect is for the end of a connection: none of its topics is in force any more.
func (t *topicTable) disconnect() {
	t.connected, t.untold = false, nil
	t.endRounds()
	for _, of := range t.of {
		of.listed = false
		of.suspend()
		of.doubted, of.delay = "", 0
		if of.refs == 0 {
			t.drop(of)
			continue
		}
		if of.phase != untold {
			of.become(untold)
		}
	}
}

// suspend is for a topic that is not in force any more: it stays where it is.
func (of *topic) suspend() {
	if p := of.place; p != nil {
		p.at = of.position()
		p.live, p.replayTo, p.since = false, 0, event.Position{}
	}
}

// wait returns the channel that is closed when the phase of the topic changes.
func (of *topic) wait() <-chan struct{} {
	if of.changed == nil {
		of.changed = make(chan struct{})
	}
	return of.changed
}
