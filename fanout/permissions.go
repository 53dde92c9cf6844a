package fanout

import "github.com/spokehub/spokehub/netpoll"

// maySubscribe says whether a spoke with this identity may subscribe to the topic, by its permissions and the topic rules. Any
// goroutine may call it.
func (h *Hub) maySubscribe(who *Identity, topic []byte) bool {
	rules := h.shared.rules.Load()
	return who.maySubscribe(topic) && (rules == nil || rules.letSubscribe(topic, who.user()))
}

// maySubscribe says whether the identity covers the topic. Of who nothing is known may have all. Any goroutine may call it.
func (i *Identity) maySubscribe(topic []byte) bool {
	return i == nil || i.Permissions == nil || i.Permissions.Subscribe.Match(topic, i.User)
}

func (i *Identity) user() string {
	if i == nil {
		return ""
	}
	return i.User
}

// reviewSubscriptions drops what a spoke is subscribed to by an identity that it had and its new one, which it has by now, does not
// cover. What the old one did not cover either is the server's decision (Spoke.Subscribe), and stays. The spoke is told of each by
// way of its inbox, as it reads. All but the first slice is done by tasks, so that other spokes have their turn.
func (l *loop) reviewSubscriptions(s *Spoke, old *Identity) {
	who := s.known()
	if s.phase != open || who == nil || who.Permissions == nil || l.part.Count(s.conn.Slot) == 0 {
		return
	}
	r := &review{spoke: s, old: old, left: l.part.AppendTopics(nil, s.conn.Slot)}
	r.Do(l.reactor)
}

// review is a task that looks at what a spoke is subscribed to. It belongs to the loop's goroutine.
type review struct {
	spoke *Spoke
	old   *Identity
	// left are the topics that have yet to be looked at. The spoke may have left some of them meanwhile.
	left []string
}

// sliceReviewed is how many topics are looked at before others have their turn: that takes less than carrying out sliceTopics.
const sliceReviewed = 4 * sliceTopics

// Do looks at a slice, by the identity that the spoke has now.
func (r *review) Do(reactor *netpoll.Reactor) {
	s := r.spoke
	l, who := s.loop, s.known()
	if s.phase != open || !reactor.Holds(s.conn) {
		return
	}
	slice := r.left[:min(len(r.left), sliceReviewed)]
	r.left = r.left[len(slice):]
	for _, name := range slice {
		l.scratch.topic = append(l.scratch.topic[:0], name...)
		topic := l.scratch.topic
		if !who.maySubscribe(topic) && r.old.maySubscribe(topic) && l.part.Unsubscribe(s.conn.Slot, topic) {
			l.counts.forbiddenTopics++
			l.inboxOf(s).addBytes(itemReject, topic)
		}
	}
	if len(r.left) > 0 {
		reactor.Post(r)
	}
}
