package cluster

import (
	"fmt"
	"strings"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/stream"
)

// span is a time in which a client was subscribed to a topic: for certain between the moments from and to, possibly between sent and gone.
type span struct {
	topic                string
	sent, from, to, gone int64
}

// matches says whether a topic is one of an event.
func matches(topic string, e *event.Event) bool {
	return topic == e.Type || strings.HasPrefix(topic, e.Type) && topic == e.Type+":"+e.ID
}

// spansOf are the subscriptions of a client, by what it wrote down.
func spansOf(log []entry) (spans []*span) {
	open := map[string]*span{}
	asked := map[string]*entry{}
	leaving := map[string][]*span{}
	for i := range log {
		e := &log[i]
		switch e.kind {
		case sentSubscribe:
			asked[e.id] = e
			for _, t := range e.topics {
				s := &span{t, e.at, unknown, unknown, unknown}
				open[t] = s
				spans = append(spans, s)
			}
		case sentUnsubscribe:
			asked[e.id] = e
			for _, t := range e.topics {
				if s := open[t]; s != nil {
					s.to = e.at
					leaving[e.id] = append(leaving[e.id], s)
					delete(open, t)
				}
			}
		case gotAck:
			for _, s := range leaving[e.id] {
				s.gone = e.at
			}
			if by := asked[e.id]; by.kind == sentSubscribe {
				for _, s := range spans {
					for _, t := range e.ack.Topics {
						if s.topic == t && s.sent == by.at {
							s.from = e.at
						}
					}
				}
			}
		case gotReject:
			for _, s := range spans {
				if by := asked[e.id]; by != nil && s.sent == by.at && s.topic == e.reject.Topic {
					s.gone = e.at
				}
			}
		}
	}
	return spans
}

// plainCheck compares what a client got of types without a stream with what was published.
type plainCheck struct {
	client *client
	log    []entry
	ended  bool
	spans  []*span
	// got is when each event came.
	got map[int]int64
}

func (c *client) plainCheck() plainCheck {
	k := plainCheck{client: c, got: map[int]int64{}}
	k.log, k.ended = c.entries()
	k.spans = spansOf(k.log)
	return k
}

func (c *client) checkPlain(all []publication) (fault string) {
	k := c.plainCheck()
	if fault = k.checkArrivals(all); fault == "" && !k.ended {
		fault = k.checkMissing(all, nil)
	}
	if fault != "" {
		return c.name() + ": " + fault
	}
	return ""
}

// checkArrivals finds what came twice, out of order, or to who was not subscribed.
func (k *plainCheck) checkArrivals(all []publication) (fault string) {
	last := map[string]int{}
	for i := range k.log {
		e := &k.log[i]
		if e.kind == gotGap && e.gap.Reason == event.GapBroker && k.client.world.faults.isHealthy() {
			return fmt.Sprintf("got the gap %+v without a fault", e.gap)
		}
		if e.kind != gotEvent || isStream(e.event.Type) {
			continue
		}
		if e.number < 1 || e.number > len(all) || e.event.Offset != 0 {
			return fmt.Sprintf("got %+v, which nobody has sent", e.event)
		}
		p := &all[e.number-1]
		if p.event.Type != e.event.Type || p.event.ID != e.event.ID || string(p.event.Payload) != string(e.event.Payload) {
			return fmt.Sprintf("got %+v, want %+v", e.event, p.event)
		}
		lane := p.sender + " " + p.event.Type
		switch at, twice := k.got[e.number]; {
		case twice:
			return fmt.Sprintf("got event %d of hub %d twice, at %d and %d", e.number, p.node.number, at, e.at)
		case p.from == k.client:
			return fmt.Sprintf("got event %d, which it has sent itself", e.number)
		case last[lane] > e.number:
			return fmt.Sprintf("got event %d behind %d of %s", e.number, last[lane], p.sender)
		case !k.maybeSubscribed(e):
			return fmt.Sprintf("got event %d (%s:%s of hub %d) at %d without a subscription", e.number, e.event.Type, e.event.ID, p.node.number, e.at)
		}
		k.got[e.number], last[lane] = e.at, e.number
	}
	return ""
}

func (k *plainCheck) maybeSubscribed(e *entry) bool {
	for _, s := range k.spans {
		if matches(s.topic, &e.event) && s.sent < e.at && e.at < s.gone {
			return true
		}
	}
	return false
}

// checkMissing finds what should have come, and notes what has become of it if there are fates to note it in.
func (k *plainCheck) checkMissing(all []publication, fates fates) (fault string) {
	slow := k.slow()
	for i := range all {
		p := &all[i]
		if isStream(p.event.Type) || p.from == k.client || k.got[p.number] != 0 {
			continue
		}
		s := k.certainly(p)
		if s == nil {
			continue
		}
		is := k.excuse(p, s, all)
		if is == unexplained && policyOf(p.event.Type).Behind == stream.Skip && slow[p.event.Type] > 0 {
			slow[p.event.Type]--
			is = skipped
		}
		if is == unexplained && fault == "" {
			fault = fmt.Sprintf("event %d (%s:%s of hub %d, %s, published between %d and %d) is missing, though it was subscribed to %s from %d on",
				p.number, p.event.Type, p.event.ID, p.node.number, p.sender, p.began, p.ended, s.topic, s.from)
		}
		if fates != nil {
			fates.note(p.number, is)
		}
	}
	return fault
}

// certainly returns a subscription that was certainly in force while an event was published, nil if there was none. One of another hub or of a stream may take any time, so
// the subscription must not have ended since; and who unsubscribes is not told what it was too slow for.
func (k *plainCheck) certainly(p *publication) *span {
	isLasting := p.node != k.client.node || policyOf(p.event.Type).Behind == stream.Skip || isStream(p.event.Type)
	for _, s := range k.spans {
		if matches(s.topic, &p.event) && s.from < p.began && p.ended < s.to && (!isLasting || s.to == unknown) {
			return s
		}
	}
	return nil
}

// slow is how many events of each type the client was told that it was too slow for.
func (k *plainCheck) slow() map[string]int64 {
	n := map[string]int64{}
	for i := range k.log {
		if e := &k.log[i]; e.kind == gotGap && e.gap.Reason == event.GapSlow && e.gap.Epoch == "" {
			typ, _, _ := strings.Cut(e.gap.Topic, ":")
			n[typ] += e.gap.Missed
		}
	}
	return n
}

// excuse is why an event of another hub may be missing: because the client was told, or nobody could notice.
func (k *plainCheck) excuse(p *publication, s *span, all []publication) fate {
	w := k.client.world
	if p.node == k.client.node {
		return unexplained
	}
	for i := range k.log {
		e := &k.log[i]
		if e.kind == gotGap && e.at > p.began && e.gap.Reason == event.GapBroker && matches(e.gap.Topic, &p.event) {
			return told
		}
	}
	if p.node.isOver && (!p.node.endedWell || !w.faults.isHealthy()) {
		return unnoticed
	}
	if p.node.isOver || !w.faults.mayLoseSilently() {
		return unexplained
	}
	for number, at := range k.got {
		earlier := &all[number-1]
		if earlier.node == p.node && earlier.event.Type == p.event.Type && earlier.ended < p.began && at > s.from &&
			(policyOf(p.event.Type).Interest == stream.ByType || earlier.event.ID == p.event.ID) {
			return unexplained
		}
	}
	return unnoticed
}
