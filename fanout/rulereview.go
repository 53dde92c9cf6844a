package fanout

import "github.com/spokehub/spokehub/netpoll"

// rulesReview is a task that drops the subscriptions of a loop's spokes which topic rules no longer allow. What the old rules did not
// allow either is the server's own decision, and stays. It belongs to the loop's goroutine, and does its work in slices, so that others
// have their turn.
type rulesReview struct {
	loop *loop
	old  *topicRules
	// next is the slot to go on with.
	next uint32
}

const (
	// sliceRulesTopics is how many topics are looked at in a slice, besides the rest of a spoke's, and sliceRulesSlots how many slots.
	sliceRulesTopics = 4 * sliceTopics
	sliceRulesSlots  = 4096
)

// Do looks at a slice, by the rules that hold now.
func (r *rulesReview) Do(reactor *netpoll.Reactor) {
	l := r.loop
	seen := 0
	end := min(r.next+sliceRulesSlots, l.conns.spokes.Len())
	for r.next < end && seen < sliceRulesTopics {
		if s := l.spoke(r.next); s != nil && s.phase == open {
			seen += r.look(s)
		}
		r.next++
	}
	if r.next < l.conns.spokes.Len() {
		reactor.Post(r)
	}
}

// look drops what the spoke may no longer have, has it told of each topic by way of its inbox, and returns how many topics it has looked at.
func (r *rulesReview) look(s *Spoke) int {
	l, who, now := r.loop, s.known(), r.loop.hub.shared.rules.Load()
	names := l.part.AppendTopics(nil, s.conn.Slot)
	for _, name := range names {
		l.scratch.topic = append(l.scratch.topic[:0], name...)
		topic := l.scratch.topic
		if now == nil || now.letSubscribe(topic, who.user()) || r.old != nil && !r.old.letSubscribe(topic, who.user()) {
			continue
		}
		if l.part.Unsubscribe(s.conn.Slot, topic) {
			l.counts.forbiddenTopics++
			l.inboxOf(s).addBytes(itemReject, topic)
		}
	}
	return len(names)
}
