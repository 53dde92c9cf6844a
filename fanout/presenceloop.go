package fanout

import (
	"time"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/netpoll"
	"github.com/spokehub/spokehub/subs"
)

// loopPresence is a loop's share of presence. It belongs to the loop's goroutine.
//
// I1: rooms has the rooms in which the user of an open spoke is counted for it: those of its topics with presence.
// I2: watching has what each spoke watches, and lists and listed have the listing of each spoke that has yet to be sent all of a list.
type loopPresence struct {
	watching *subs.Part
	rooms    map[*Spoke]*roomSet
	lists    map[*Spoke]*listing
	listed   map[*subs.Topic]map[*Spoke]*listing
	// kept is in how many listings each frame is kept, and keptBytes the length of all of those.
	kept      map[*frame]int32
	keptBytes int
	// slots is memory for a list of slots.
	slots []uint32
	// users is memory for those of an ack.
	users []event.Member
	// departures are what spokes that have left have yet to leave.
	departures []departure
}

func newLoopPresence(h *Hub, index int) *loopPresence {
	if h.presence == nil {
		return nil
	}
	return &loopPresence{
		watching: h.presence.watchers.Part(index),
		rooms:    make(map[*Spoke]*roomSet),
		lists:    make(map[*Spoke]*listing),
		listed:   make(map[*subs.Topic]map[*Spoke]*listing),
		kept:     make(map[*frame]int32),
	}
}

// heldBytes is the memory that watching takes, without lists.
func (p *loopPresence) heldBytes() int {
	if p == nil {
		return 0
	}
	return p.watching.Held() + p.keptBytes
}

// heldBy is about how much memory a spoke makes the hub hold for presence.
func (p *loopPresence) heldBy(s *Spoke) int {
	if p == nil {
		return 0
	}
	held := p.watching.HeldBy(s.conn.Slot)
	if set := p.rooms[s]; set != nil {
		held += set.memory()
	}
	if x := p.lists[s]; x != nil {
		held += x.memory(len(p.listed[x.topic]))
	}
	return held
}

// topicCount is how many topics a spoke has, those included that it watches.
func (l *loop) topicCount(slot uint32) int {
	if l.presence == nil {
		return l.part.Count(slot)
	}
	return l.part.Count(slot) + l.presence.watching.Count(slot)
}

// appendTopics appends the topics that a spoke has to dst. One that it also watches comes twice.
func (l *loop) appendTopics(dst []string, slot uint32) []string {
	dst = l.part.AppendTopics(dst, slot)
	if l.presence != nil {
		dst = l.presence.watching.AppendTopics(dst, slot)
	}
	return dst
}

// takeAway ends what a spoke has of a topic, and reports whether that was anything.
func (l *loop) takeAway(s *Spoke, topic []byte) bool {
	wasWatching := l.presence != nil && l.presence.watching.Has(s.conn.Slot, topic)
	return l.unsubscribe(s, topic) || wasWatching
}

// dropTopicsOf drops about most of the topics of a spoke that has left, and reports how many those were, and whether none is left.
func (l *loop) dropTopicsOf(slot uint32, most int) (dropped int, done bool) {
	dropped, done = l.part.DropSome(slot, most)
	if !done || l.presence == nil {
		return dropped, done
	}
	more, done := l.presence.watching.DropSome(slot, most-dropped)
	return dropped + more, done
}

// entered notes that a spoke has become subscribed to a topic. Its user, if it has one, joins the room.
func (l *loop) entered(s *Spoke, topic []byte) {
	if l.presence == nil {
		return
	}
	user := s.known().user()
	if user == "" || !l.hub.presence.has(topic) {
		return
	}
	set := l.presence.rooms[s]
	if set == nil {
		set = &roomSet{user: user}
		l.presence.rooms[s] = set
	}
	set.add(l.hub.presence.join(topic, user))
}

// left notes that a spoke is not subscribed to a topic any more, if it was. It also ends watching.
func (l *loop) left(s *Spoke, topic []byte) {
	if l.presence == nil {
		return
	}
	l.unwatch(s, topic)
	set := l.presence.rooms[s]
	if set == nil {
		return
	}
	if r := l.hub.presence.find(topic); r != nil && set.remove(r) {
		if set.count() == 0 {
			delete(l.presence.rooms, s)
		}
		l.hub.presence.leave(r, set.user)
	}
}

// named notes that a spoke has a user. What an anonymous one was subscribed to before, its user joins.
func (l *loop) named(s *Spoke) {
	if l.presence == nil {
		return
	}
	l.hub.presence.knowsUsers.Store(true)
	if l.part.Count(s.conn.Slot) > 0 {
		e := &entering{loop: l, spoke: s, left: l.part.AppendTopics(nil, s.conn.Slot)}
		e.Do(l.reactor)
	}
}

// entering is a task that has the user of a spoke that was anonymous join the rooms of its topics, a slice at a time. It belongs to the
// loop's goroutine.
type entering struct {
	loop  *loop
	spoke *Spoke
	left  []string
}

// Do joins a slice of the rooms: those of topics that the spoke still has, and has not got again meanwhile.
func (e *entering) Do(reactor *netpoll.Reactor) {
	l, s := e.loop, e.spoke
	slice := e.left[:min(len(e.left), sliceTopics)]
	e.left = e.left[len(slice):]
	if s.phase != open || !reactor.Holds(s.conn) {
		return
	}
	for _, name := range slice {
		l.scratch.topic = append(l.scratch.topic[:0], name...)
		topic := l.scratch.topic
		if l.part.Has(s.conn.Slot, topic) && !l.isCounted(s, topic) {
			l.entered(s, topic)
		}
	}
	if len(e.left) > 0 {
		reactor.Post(e)
	}
}

// isCounted says whether the spoke's user is counted for it in the room of a topic.
func (l *loop) isCounted(s *Spoke, topic []byte) bool {
	set := l.presence.rooms[s]
	return set != nil && set.has(l.hub.presence.find(topic))
}

// departure is what a spoke that has left the hub has yet to leave.
type departure struct {
	user  string
	rooms []*room
}

// leaveRooms ends all that a spoke that leaves the hub has of presence but its entries in the index of watchers, at once or, if that is much, in
// this turn and the next ones.
func (l *loop) leaveRooms(s *Spoke) {
	if l.presence == nil {
		return
	}
	l.endListing(s)
	set := l.presence.rooms[s]
	if set == nil {
		return
	}
	delete(l.presence.rooms, s)
	l.presence.departures = append(l.presence.departures, departure{set.user, set.all()})
	if set.count() <= fewTopics && len(l.presence.departures) == 1 && l.ending.leavers.dropped+set.count() <= maxDrops {
		l.ending.leavers.dropped += l.depart(set.count())
		return
	}
	l.reactor.LookAgain()
}

// leaveMoreRooms goes on with departures, as far as that fits into a turn.
func (l *loop) leaveMoreRooms() {
	q := &l.ending.leavers
	if l.presence == nil || len(l.presence.departures) == 0 {
		return
	}
	for started := time.Now(); len(l.presence.departures) > 0 && q.dropped < maxDrops && time.Since(started) < dropSlice; {
		q.dropped += l.depart(dropStep)
	}
	if len(l.presence.departures) > 0 {
		l.reactor.LookAgain()
	}
}

// depart leaves some of the rooms of the first departure, and returns how many.
func (l *loop) depart(most int) int {
	p := l.presence
	first := &p.departures[0]
	slice := first.rooms[:min(len(first.rooms), most)]
	first.rooms = first.rooms[len(slice):]
	for _, r := range slice {
		l.hub.presence.leave(r, first.user)
	}
	if len(first.rooms) == 0 {
		*first = departure{}
		if p.departures = p.departures[1:]; len(p.departures) == 0 {
			p.departures = nil
		}
	}
	return len(slice)
}
