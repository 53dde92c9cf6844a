package fanout

import "github.com/spokehub/spokehub/netpoll"

// review is a task that drops the subscriptions which were allowed and are not any more: those of one spoke that has a new identity,
// or those of all spokes of a loop when topic rules change. What the old ones did not allow either is the server's own decision
// (Spoke.Subscribe), and stays. Spokes are told of each by way of their inboxes, as they read. It belongs to the loop's goroutine, and
// does its work in slices, so that others have their turn. Who says that a new identity holds waits for the last of them.
type review struct {
	loop *loop
	// identity is the old one of one spoke. If ofRules, rules are the old ones.
	identity *Identity
	rules    *topicRules
	ofRules  bool
	// spoke is the one at hand, and left are its topics that have yet to be looked at. It may have left some of them meanwhile.
	spoke *Spoke
	left  []string
	// next is the slot to go on with behind that spoke, if it is below end.
	next, end uint32
	// ended is called when all is done, also where the loop has ended before; nil if nobody waits.
	ended func()
}

const (
	// sliceReviewed is how many topics a review looks at before others have their turn, which takes less than carrying out
	// sliceTopics; sliceSlots is how many slots.
	sliceReviewed = 4 * sliceTopics
	sliceSlots    = 4096
)

// reviewIdentity begins to review the subscriptions of a spoke that has a new identity by now: the first slice at once. It returns the
// review unless that was all; the caller may set ended before it returns to the reactor.
func (l *loop) reviewIdentity(s *Spoke, old *Identity) (pending *review) {
	who := s.known()
	if s.phase != open || who == nil || who.Permissions == nil || l.topicCount(s.conn.Slot) == 0 {
		return nil
	}
	r := &review{loop: l, identity: old}
	r.begin(s.conn.Slot)
	r.Do(l.reactor)
	if r.isDone() {
		return nil
	}
	return r
}

// reviewRules begins to review the subscriptions of all spokes, when the new rules hold already. Any goroutine may call it.
func (l *loop) reviewRules(old *topicRules) {
	l.reactor.Post(netpoll.TaskFunc(func(reactor *netpoll.Reactor) {
		r := &review{loop: l, rules: old, ofRules: true, end: l.conns.spokes.Len()}
		r.Do(reactor)
	}))
}

// Do looks at a slice, by what holds now.
func (r *review) Do(reactor *netpoll.Reactor) {
	topics, slots := sliceReviewed, sliceSlots
	for topics > 0 && slots > 0 {
		switch {
		case len(r.left) > 0:
			topics -= r.look(topics)
		case r.next < r.end:
			r.begin(r.next)
			r.next++
			slots--
		default:
			r.tell()
			return
		}
	}
	if !reactor.Post(r) {
		r.tell()
	}
}

// isDone says whether nothing is left to look at.
func (r *review) isDone() bool { return len(r.left) == 0 && r.next >= r.end }

// tell tells who waits that the review is over.
func (r *review) tell() {
	if r.ended != nil {
		r.ended()
	}
}

// begin takes the spoke in a slot in hand, if one is there.
func (r *review) begin(slot uint32) {
	if s := r.loop.spoke(slot); s != nil && s.phase == open {
		r.spoke, r.left = s, r.loop.appendTopics(r.left, slot)
	}
}

// look looks at some topics of the spoke at hand, and returns how many.
func (r *review) look(most int) int {
	l, s := r.loop, r.spoke
	slice := r.left[:min(len(r.left), most)]
	r.left = r.left[len(slice):]
	if s.phase != open || !l.reactor.Holds(s.conn) {
		r.left = nil
		return len(slice)
	}
	for _, name := range slice {
		l.scratch.topic = append(l.scratch.topic[:0], name...)
		topic := l.scratch.topic
		if r.takesAway(topic) && l.takeAway(s, topic) {
			l.counts.forbiddenTopics++
			l.inboxOf(s).addBytes(itemReject, topic)
		}
	}
	return len(slice)
}

// takesAway says whether the spoke at hand may not be subscribed to a topic any more.
func (r *review) takesAway(topic []byte) bool {
	who := r.spoke.known()
	if r.ofRules {
		return r.rules.letSubscribe(topic, who.user()) && !r.loop.hub.shared.rules.Load().letSubscribe(topic, who.user())
	}
	return r.identity.maySubscribe(topic) && !who.maySubscribe(topic)
}
