package fanout

import (
	"encoding/binary"
	"errors"
	"sync"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/event"
)

// errControl is an event that only a hub may send to its own spokes.
var errControl = errors.New("an event of another hub whose type begins with two underscores")

// views are for messages of the broker. Each is used by one goroutine at a time.
var views = sync.Pool{New: func() any { return new(event.View) }}

// parse reads an event of another hub. The view is to be put back.
func (c *cluster) parse(envelope []byte) (view *event.View, ok bool) {
	view = views.Get().(*event.View)
	err := view.Parse(envelope)
	if err == nil && view.Control() != event.None {
		err = errControl
	}
	if err != nil {
		views.Put(view)
		c.refuse(err)
		return nil, false
	}
	return view, true
}

// deliverPlain sends an event of another hub to this hub's spokes. Those that this hub has sent come back, and have been delivered.
func (c *cluster) deliverPlain(h broker.Header, envelope []byte, byID bool) {
	if h.Origin == c.origin {
		return
	}
	view, ok := c.parse(envelope)
	if !ok {
		return
	}
	defer views.Put(view)
	isRepeat, isLost := c.interest.see(view.Type, view.ID, h, byID)
	if isLost {
		c.noteLoss()
		c.losses.add(view.Type)
	}
	if isRepeat {
		c.counts.repeated.Add(1)
		return
	}
	c.counts.received.Add(1)
	c.hub.publishRemote(&outgoing{view: view})
}

// deliverStream hands an event of a stream to what follows that. One without a position has not been appended to it.
func (c *cluster) deliverStream(h broker.Header, envelope []byte, d *broker.Delivery) {
	if d.Position.Offset == 0 {
		c.refuse(broker.ErrGarbage)
		return
	}
	view, ok := c.parse(envelope)
	if !ok {
		return
	}
	defer views.Put(view)
	f := c.interest.followerOf(view.Type)
	if f == nil {
		return
	}
	c.counts.received.Add(1)
	f.deliver(d.Position, d.Data, view, h)
}

// deliverControl acts on what another hub tells.
func (c *cluster) deliverControl(channel string, h broker.Header, body []byte) {
	if h.Origin == c.origin {
		return
	}
	switch channel {
	case usersChannel:
		c.deliverToUser(body)
	case lostChannel:
		c.takeLost(body)
	case nodesChannel:
		c.nodes.take(h, body)
	case rosterChannel:
		c.roster.take(toldAll, h, body)
	default:
		c.roster.take(toldOne, h, body)
	}
}

// deliverToUser sends an event of another hub to the spokes of a user: the length of the name, the name, and the envelope.
func (c *cluster) deliverToUser(body []byte) {
	length, n := binary.Uvarint(body)
	if n <= 0 || length > uint64(len(body)-n) {
		c.refuse(broker.ErrGarbage)
		return
	}
	user, envelope := string(body[n:n+int(length)]), body[n+int(length):]
	view, ok := c.parse(envelope)
	if !ok {
		return
	}
	defer views.Put(view)
	c.counts.received.Add(1)
	c.hub.publishRemote(&outgoing{event: view.Event(), to: addressee{isUser: true, user: user}})
}

// publishRemote is publish for an event of another hub. One whose type has a stream here and none there is dropped: it has no position. One that fits into no
// queue here counts as lost.
func (h *Hub) publishRemote(out *outgoing) {
	out.isRemote = true
	if policy := h.policy(out); policy != nil && !policy.History.IsZero() {
		h.cluster.refuse(errPoliciesDiffer)
		return
	}
	if h.publish(out) == tooLong {
		h.cluster.refuse(errTooLongHere)
		if !out.to.isUser {
			h.cluster.noteLoss()
			h.cluster.losses.add(out.typ())
		}
	}
}
