package spoke

import (
	"log/slog"

	"github.com/spokehub/spokehub/event"
)

// acknowledged handles an ack: of topics, of a token, or of a probe.
func (c *Client) acknowledged(ack event.Ack) {
	var refusedEvents []*RejectError
	var gaps []event.Gap
	c.mu.Lock()
	q, number := c.requests.find(ack.ID)
	if q != nil {
		c.flushes.confirmed = max(c.flushes.confirmed, q.reached)
	}
	switch {
	case q == nil:
	case q.kind == event.TypeAuth:
		c.requests.answered(number, 1)
		c.token.acknowledged(c, ack)
	case q.kind == probe:
		c.requests.answered(number, 1)
		c.flushes.answered(c, q, number)
	case q.presence != nil:
		refusedEvents = q.presence.list(number, ack)
		if !ack.More {
			c.requests.answered(number, 1)
		}
	default:
		for _, name := range ack.Topics {
			of := c.topics.of[name]
			if q.kind != event.TypeSubscribe || of == nil || of.request != number {
				continue
			}
			if of.doubted != "" {
				refusedEvents = append(refusedEvents, &RejectError{Topic: name, Reason: of.doubted, Published: true})
				of.doubted = ""
			}
			of.delay = 0
			of.become(inForce)
			position, isKnown := ack.Positions[name]
			gaps = append(gaps, c.topics.acknowledge(of, position, isKnown)...)
		}
		c.requests.answered(number, len(ack.Topics))
	}
	c.mu.Unlock()
	c.refuse(refusedEvents...)
	c.tellGaps(gaps...)
}

// rejected handles a reject: of a topic, of a control event as a whole, or, without an id, of an event or of a subscription that
// the hub takes away.
func (c *Client) rejected(reject event.Reject) {
	c.mu.Lock()
	q, number := c.requests.find(reject.ID)
	var told []*RejectError
	var away []string
	switch {
	case reject.ID == "":
		told = c.refusedLater(reject)
	case q == nil:
	case q.presence != nil:
		c.requests.answered(number, 1)
		told = c.presence.refuse(q.presence, number, reject.Reason)
	case q.kind == event.TypeAuth:
		c.requests.answered(number, 1)
		told = []*RejectError{{Reason: reject.Reason}}
	case q.kind == probe:
		c.requests.answered(number, 1)
		c.flushes.answered(c, q, number)
	case reject.Topic == "" && reject.Reason == event.Limit && len(q.topics) > 1:
		delete(c.requests.open, number)
		c.divide(q, number)
	case q.kind != event.TypeSubscribe:
		c.requests.answered(number, max(1, q.open))
	case reject.Topic != "":
		told, away = c.refuseTopic(reject.Topic, number, reject.Reason)
		c.requests.answered(number, 1)
	default:
		for _, of := range q.topics {
			refused, putOff := c.refuseTopic(of.name, number, reject.Reason)
			told, away = append(told, refused...), append(away, putOff...)
		}
		c.requests.answered(number, q.open)
	}
	c.mu.Unlock()
	c.tellAway(away...)
	c.refuse(told...)
}

// refuseTopic notes that the hub refuses a topic that the request asked for, or can't take it yet. It returns what to tell: the refusal, or the topic that is put
// off, unless that has been told already. The caller holds mu.
func (c *Client) refuseTopic(name string, number uint64, reason event.Reason) (told []*RejectError, putOff []string) {
	of := c.topics.of[name]
	if of == nil || of.request != number {
		return nil, nil
	}
	if reason == event.Unavailable {
		if of.delay == 0 && of.refs > 0 {
			putOff = []string{name}
		}
		c.putOff(of)
		return nil, putOff
	}
	of.suspend()
	of.reason, of.doubted, of.delay = reason, "", 0
	of.become(refused)
	if of.refs > 0 {
		told = []*RejectError{{Topic: name, Reason: reason}}
	}
	return told, nil
}

// refusedLater handles a reject without an id. If its topic is in force, or its presence is told, the hub is asked for it again, and its
// answer tells what was refused. The caller holds mu.
func (c *Client) refusedLater(reject event.Reject) []*RejectError {
	of := c.topics.of[reject.Topic]
	if of == nil || of.phase != inForce {
		if c.presence.doubt(reject.Topic, reject.Reason) {
			c.wakeWriter()
			return nil
		}
		return []*RejectError{{Topic: reject.Topic, Reason: reject.Reason, Published: true}}
	}
	c.presence.doubt(reject.Topic, "")
	if of.place != nil {
		of.place.at = of.position()
	}
	of.doubted = reject.Reason
	of.phase = untold
	c.topics.list(of)
	c.wakeWriter()
	return nil
}

// divide sends the topics of a control event that named too many in two, but for those that another one has named since. The
// caller holds mu.
func (c *Client) divide(q *request, number uint64) {
	var left []*topic
	for _, of := range q.topics {
		now := c.topics.of[of.name]
		if q.kind == event.TypeSubscribe && now == of && of.request == number || q.kind == event.TypeUnsubscribe && (now == nil || !now.isAtHub()) {
			left = append(left, of)
		}
	}
	half := (len(left) + 1) / 2
	for _, part := range [][]*topic{left[:half], left[half:]} {
		if len(part) > 0 {
			c.ask(q.kind, part, q.origin)
		}
	}
}

// refuse tells what the hub refuses.
func (c *Client) refuse(all ...*RejectError) {
	for _, e := range all {
		c.count(func(s *Stats) { s.Rejected++ })
		c.cfg.Logger.Warn("the hub refuses something", slog.String("url", c.endpoint.name), slog.String("topic", e.Topic),
			slog.String("reason", string(e.Reason)), slog.Bool("published", e.Published))
		if c.cfg.OnReject != nil {
			c.guard("OnReject", func() { c.cfg.OnReject(e) })
		}
	}
}
