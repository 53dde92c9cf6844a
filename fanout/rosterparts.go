package fanout

import (
	"hash/maphash"
	"math"
	"unsafe"
)

// part is who is in the room of a topic by way of one other hub. It belongs to the goroutine of the roster.
type part struct {
	users map[string]int32
	// isListed says that there has been a list, and changedAt is the number of the last message with changes.
	isListed  bool
	changedAt uint64
	// answers is the number of the last question that had been asked when the list came.
	answers uint64
	coming  comingList
}

// comingList is a list of which more parts are to come.
type comingList struct {
	users map[string]int32
	at    uint64
	// next is how many users there were in the parts before.
	next int
}

// dropPart takes back what a hub has told of a topic.
func (r *roster) dropPart(p *peer, topic string, t *part) {
	r.replace(topic, t, nil)
	delete(p.parts, topic)
	r.presence.counts.held.Add(-partBytes - int64(len(topic)))
}

// partBytes is about the memory of a part, besides its topic: itself, and its place.
const partBytes = int64(unsafe.Sizeof(part{})) + 48

// partMemberBytes is about the memory of a user of another hub, besides that of an occupant.
const partMemberBytes = int64(64)

// partOf returns what a hub has told of a topic that is watched here, nil for another.
func (r *roster) partOf(p *peer, topic string) *part {
	t := p.parts[topic]
	if t == nil && r.watching.topics[topic] != nil {
		t = &part{}
		p.parts[topic] = t
		r.presence.counts.held.Add(partBytes + int64(len(topic)))
	}
	return t
}

// takeChanges acts on changes. Those that come ahead of the list are in it, or make it be asked for again.
func (r *roster) takeChanges(p *peer, m *roomMessage) {
	t := r.partOf(p, m.Topic)
	if t == nil {
		return
	}
	t.changedAt = p.toAll
	if !t.isListed {
		return
	}
	for _, member := range m.Users {
		r.set(m.Topic, t, member.User, member.Connections)
	}
}

// takeList acts on a part of a list. One of which a part is missing is asked for again later.
func (r *roster) takeList(p *peer, m *roomMessage) {
	t := r.partOf(p, m.Topic)
	if t == nil {
		return
	}
	c := &t.coming
	switch {
	case m.From == 0:
		*c = comingList{users: make(map[string]int32, len(m.Users)), at: m.At}
	case c.users == nil || m.From != c.next || m.At != c.at:
		return
	}
	c.next += len(m.Users)
	for _, member := range m.Users {
		c.users[member.User] = member.Connections
	}
	if m.IsMore {
		return
	}
	users := c.users
	*c = comingList{}
	if t.changedAt > m.At {
		p.draft.list(m.Topic)
		return
	}
	r.replace(m.Topic, t, users)
	t.isListed, t.answers = true, p.doubts
	r.settle(m.Topic)
}

// replace has a part have these users, and no others.
func (r *roster) replace(topic string, t *part, users map[string]int32) {
	for user := range t.users {
		if users[user] == 0 {
			r.set(topic, t, user, 0)
		}
	}
	for user, connections := range users {
		r.set(topic, t, user, connections)
	}
}

// set has a part have a user with so many connections.
func (r *roster) set(topic string, t *part, user string, connections int32) {
	before := t.users[user]
	if connections == before {
		return
	}
	held := int64(len(user)) + partMemberBytes
	switch {
	case connections == 0:
		delete(t.users, user)
		r.presence.counts.held.Add(-held)
	case before == 0:
		if t.users == nil {
			t.users = make(map[string]int32)
		}
		t.users[user] = connections
		r.presence.counts.held.Add(held)
	default:
		t.users[user] = connections
	}
	r.presence.countRemote(topic, user, connections-before)
}

// countRemote counts connections of a user elsewhere in the room of a topic.
func (p *presence) countRemote(topic, user string, more int32) {
	s := p.shardOf(maphash.String(p.seed, topic))
	s.mu.Lock()
	r := s.rooms[topic]
	if r == nil {
		r = p.addRoomLocked(s, topic)
	}
	if r.remote == nil {
		r.remote = make(map[string]int32)
	}
	if r.remote[user] += more; r.remote[user] == 0 {
		delete(r.remote, user)
	}
	isDue := p.countLocked(r, user, more)
	s.mu.Unlock()
	if isDue {
		p.teller.arm()
	}
}

// localLocked is how many connections of a user in a room are of this hub.
func (r *room) localLocked(o *occupant) int32 {
	return min(o.connections-r.remote[o.user], math.MaxInt32/mostNodes)
}
