package fanout

import (
	"unsafe"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/netpoll"
	"github.com/spokehub/spokehub/subs"
)

const (
	// usersPerTopic is how many users of a list count as much as a topic of a control event against the limit on how often those come.
	usersPerTopic = 64
	// usersPerTurnTopic is how many take as much time of a turn as a topic does, and usersAtOnce how many one ack has at most.
	usersPerTurnTopic = 8
	usersAtOnce       = 2048
	// listTopics is how many topics take as much time as to begin a list does.
	listTopics = 4
	// userOverhead is about how much longer an ack is for a user, besides the name.
	userOverhead = len(`{"user":"","connections":10},`)
)

// listing is a list of occupants on its way to a spoke that has asked: in as many acks as it needs, as fast as the spoke reads them. Changes
// that are told meanwhile are kept, and follow it. It belongs to the loop's goroutine.
//
// I1: next is the place of the first user who has yet to be sent, and keptBytes the length of the frames kept.
type listing struct {
	spoke *Spoke
	// topic is that of the index of watchers, under this name.
	topic *subs.Topic
	name  string
	// list is nil once isSent, and if there are no occupants.
	list      *roomList
	next      int
	isSent    bool
	kept      []*frame
	keptBytes int
	// isGated says that what the spoke has been told of the topic may be behind its gate. So the list goes there, too.
	isGated bool
}

// answerPresence carries out a slice of the topics of the __presence in view, up to one whose answer there is no room for.
func (l *loop) answerPresence(s *Spoke, p *progress, allowed map[string]bool) {
	v, rest := &l.scratch.view, max(l.work.topics-sliceTopics, 0)
	for p.place != allDone && l.work.topics > rest && s.marks&answersBlocked == 0 {
		topics, next, _ := v.TopicsFrom(l.scratch.topics[:0], p.place, 1)
		l.scratch.topics = topics
		if !p.isListing {
			if !l.holdMembers(s, p, topics[0], allowed) {
				return
			}
			l.work.topics -= listTopics
			reason := l.watch(s, topics[0], allowed)
			p.dropMembers()
			if reason != "" {
				l.reject(s, v.ID, topics[0], reason)
			}
			p.isListing = reason == "" && len(v.ID) > 0
		}
		if !p.isListing || l.goOnListing(s, topics[0], rest) {
			p.place, p.isListing = next, false
		}
	}
}

// watch makes a spoke a watcher of a topic and, if it wants an answer, begins to list the occupants for it; or it says why it could not.
func (l *loop) watch(s *Spoke, topic []byte, allowed map[string]bool) event.Reason {
	wantsList := len(l.scratch.view.ID) > 0
	switch reason := l.refuseWatch(s, topic, allowed); {
	case reason == event.InvalidTopic:
		l.counts.badTopics++
		return reason
	case reason == event.Forbidden:
		l.counts.forbiddenTopics++
		return reason
	case reason != "":
		return reason
	case !l.presence.watching.Has(s.conn.Slot, topic) && l.topicCount(s.conn.Slot) >= l.hub.maxTopics(),
		wantsList && !l.withinLists(s, l.hub.presence.find(topic).users()):
		l.counts.overTopics++
		return event.Limit
	}
	l.presence.watching.Subscribe(s.conn.Slot, topic)
	if wantsList {
		l.startListing(s, string(topic))
	}
	return ""
}

// refuseWatch says why a spoke may not watch a topic, if it may not, however many it has.
func (l *loop) refuseWatch(s *Spoke, topic []byte, allowed map[string]bool) event.Reason {
	switch {
	case !event.ValidTopic(topic):
		return event.InvalidTopic
	case !l.hub.maySubscribe(s.known(), topic) || allowed != nil && !allowed[string(topic)]:
		return event.Forbidden
	case !l.hub.presence.isAvailable(topic):
		return event.Unavailable
	}
	return ""
}

// startListing begins to list the occupants of a topic for a spoke that watches it. What others had been told by then, they are sent first.
func (l *loop) startListing(s *Spoke, topic string) {
	p := l.hub.presence
	x := &listing{spoke: s, topic: p.watchers.MatchTopic(topic).Type, name: topic, isGated: l.isGated(s)}
	changes, list := p.startList(topic, &l.shared.changes)
	x.list = list
	l.sendChanges(changes, x.topic, s.conn.Slot)
	l.presence.lists[s] = x
	if l.presence.listed[x.topic] == nil {
		l.presence.listed[x.topic] = make(map[*Spoke]*listing)
	}
	l.presence.listed[x.topic][s] = x
}

// goOnListing sends what the spoke may be sent now of the list of a topic, and then what was kept, as long as more than rest topics are
// left for this turn. It reports whether that is all. If the spoke may not watch the topic any more, that is all, too.
func (l *loop) goOnListing(s *Spoke, topic []byte, rest int) (done bool) {
	x := l.presence.lists[s]
	if x == nil {
		l.reject(s, l.scratch.view.ID, topic, event.Forbidden)
		return true
	}
	for !x.isSent && l.work.topics > rest && s.marks&answersBlocked == 0 {
		l.sendUsers(s, x)
	}
	for x.isSent && len(x.kept) > 0 && l.work.topics > rest && s.marks&answersBlocked == 0 {
		f := x.kept[0]
		x.kept[0] = nil
		x.kept = x.kept[1:]
		x.keptBytes -= f.Len()
		l.work.topics--
		f.Retain(1)
		l.sendListed(s, x, f)
		l.presence.unkeep(f)
	}
	if !x.isSent || len(x.kept) > 0 || s.marks&answersBlocked != 0 {
		return false
	}
	l.endListing(s)
	return true
}

// sendUsers sends one ack with some of the users of a list.
func (l *loop) sendUsers(s *Spoke, x *listing) {
	users := l.presence.users[:0]
	if x.list != nil {
		users, x.next = x.list.appendUsers(users, x.next, usersAtOnce, l.hub.cfg.QueueLimit/answerShare-len(x.name))
	}
	x.isSent = x.list == nil || x.next == x.list.size
	l.work.topics -= len(users) / usersPerTurnTopic
	f := newFrame()
	f.seal(event.AppendPresenceAck(f.reserveHeader(), l.scratch.view.ID, x.name, users, !x.isSent), l.hub.cfg.opcode, false)
	clear(users)
	l.presence.users = users
	if x.isSent {
		l.hub.presence.release(x.list)
		x.list = nil
	}
	l.sendListed(s, x, f)
}

// sendListed sends a frame of a listing, and drops the caller's reference.
func (l *loop) sendListed(s *Spoke, x *listing, f *frame) {
	if !x.isGated {
		l.answer(s, f)
		return
	}
	l.send(s, f)
	f.Release()
}

// keepChange keeps a change that is told while a list is on its way. A spoke that reads so slowly that they exceed a queue can't
// keep up.
func (l *loop) keepChange(x *listing, f *frame) {
	if x.keptBytes+f.Len() > l.hub.cfg.QueueLimit {
		l.closeSlow(x.spoke, x.keptBytes, f.Len(), netpoll.DropOverflow)
		return
	}
	l.presence.keep(f)
	x.kept = append(x.kept, f)
	x.keptBytes += f.Len()
}

// unwatch ends watching a topic, if the spoke does.
func (l *loop) unwatch(s *Spoke, topic []byte) {
	if x := l.presence.lists[s]; x != nil && x.name == string(topic) {
		l.endListing(s)
	}
	l.presence.watching.Unsubscribe(s.conn.Slot, topic)
}

// endListing forgets the listing of a spoke, if there is one.
func (l *loop) endListing(s *Spoke) {
	x := l.presence.lists[s]
	if x == nil {
		return
	}
	l.hub.presence.release(x.list)
	for _, f := range x.kept {
		l.presence.unkeep(f)
	}
	delete(l.presence.lists, s)
	if delete(l.presence.listed[x.topic], s); len(l.presence.listed[x.topic]) == 0 {
		delete(l.presence.listed, x.topic)
	}
}

// keep retains a frame for one listing more.
func (p *loopPresence) keep(f *frame) {
	f.Retain(1)
	if p.kept[f]++; p.kept[f] == 1 {
		p.keptBytes += f.Len()
	}
}

// unkeep ends what keep has begun.
func (p *loopPresence) unkeep(f *frame) {
	if p.kept[f]--; p.kept[f] == 0 {
		delete(p.kept, f)
		p.keptBytes -= f.Len()
	}
	f.Release()
}

// memory is about what a listing takes, where so many share what it keeps.
func (x *listing) memory(sharers int) int {
	held := x.keptBytes
	if x.list != nil {
		held += int(x.list.memory())
	}
	return held/max(sharers, 1) + int(unsafe.Sizeof(*x)) + len(x.name)
}
