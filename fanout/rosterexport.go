package fanout

import "hash/maphash"

// export is a topic that other hubs watch. The lock of the shard of the topic's room guards changed and isQueued; watchers, how many hubs, belongs to
// the goroutine of the roster.
type export struct {
	topic    string
	changed  map[string]struct{}
	isQueued bool
	watchers int
}

// exportSlice is how many users are looked at under the lock of a room.
const exportSlice = 512

// export notes that a hub watches a topic.
func (r *roster) export(p *peer, topic string) {
	if _, watches := p.watches[topic]; watches || !r.presence.has([]byte(topic)) {
		return
	}
	p.watches[topic] = struct{}{}
	r.presence.counts.held.Add(int64(len(topic)) + partMemberBytes)
	e := r.exports[topic]
	if e == nil {
		e = &export{topic: topic}
		r.exports[topic] = e
		r.presence.setExport(topic, e)
	}
	e.watchers++
}

// endExport notes that one hub less watches a topic.
func (r *roster) endExport(topic string) {
	r.presence.counts.held.Add(-int64(len(topic)) - partMemberBytes)
	e := r.exports[topic]
	if e.watchers--; e.watchers == 0 {
		delete(r.exports, topic)
		r.presence.setExport(topic, nil)
	}
}

// setExport has the changes of a topic's room be told to other hubs, or no more.
func (p *presence) setExport(topic string, e *export) {
	s := p.shardOf(maphash.String(p.seed, topic))
	s.mu.Lock()
	defer s.mu.Unlock()
	if e == nil {
		delete(s.exports, topic)
	} else {
		if s.exports == nil {
			s.exports = make(map[string]*export)
		}
		s.exports[topic] = e
	}
	if r := s.rooms[topic]; r != nil {
		r.export = e
	}
}

// exportLocked notes that the connections of a user here have changed. It says whether the roster is to be told.
func (r *room) exportLocked(user string) (isDue bool) {
	e := r.export
	if e == nil {
		return false
	}
	if e.changed == nil {
		e.changed = make(map[string]struct{})
	}
	e.changed[user] = struct{}{}
	if !e.isQueued {
		e.isQueued = true
		r.shard.exported = append(r.shard.exported, e)
	}
	return true
}

// arm has changes be told in a quarter of a second, unless they are about to be. Any goroutine may call it.
func (r *roster) arm() {
	if r.armed.CompareAndSwap(false, true) {
		r.timer.Reset(tellAfter)
	}
}

// draftChanges writes what has changed here in rooms that other hubs watch.
func (r *roster) draftChanges() {
	r.armed.Store(false)
	for i := range r.presence.shards {
		s := &r.presence.shards[i]
		s.mu.Lock()
		changed := s.exported
		s.exported = nil
		s.mu.Unlock()
		for _, e := range changed {
			for {
				users, done := s.takeExported(e)
				if len(users) > 0 && e.watchers > 0 {
					r.toAll.room(e.topic, 0, users, false)
				}
				if done {
					break
				}
			}
		}
	}
}

// takeExported takes some of the users of an export that have changed, with their connections here.
func (s *roomShard) takeExported(e *export) (users []memberMessage, done bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.rooms[e.topic]
	for user := range e.changed {
		if len(users) == exportSlice {
			return users, false
		}
		delete(e.changed, user)
		m := memberMessage{User: user}
		if r != nil {
			if i := r.place(user); i >= 0 {
				m.Connections = r.localLocked(&r.chunks[i/chunkOccupants].occupants[i%chunkOccupants])
			}
		}
		users = append(users, m)
	}
	e.isQueued, e.changed = false, nil
	return users, true
}

// draftList writes the list of those who are in a room by way of this hub. What changes meanwhile is told later.
func (r *roster) draftList(p *peer, topic string) {
	if !r.toAll.isEmpty() {
		r.toAll.send()
	}
	p.draft.room(topic, r.sent.Load(), r.presence.local(topic), true)
}

// local are the users of a room by way of this hub. It walks backwards: an occupant that moves meanwhile, to the place of one that has left, is
// seen twice and not passed over.
func (p *presence) local(topic string) (users []memberMessage) {
	s := p.shardOf(maphash.String(p.seed, topic))
	for place := -1; place != 0; {
		s.mu.Lock()
		r := s.rooms[topic]
		if place < 0 || place > r.users() {
			place = r.users()
		}
		for slice := 0; place > 0 && slice < exportSlice; slice++ {
			place--
			o := &r.chunks[place/chunkOccupants].occupants[place%chunkOccupants]
			if here := r.localLocked(o); here > 0 {
				users = append(users, memberMessage{User: o.user, Connections: here})
			}
		}
		s.mu.Unlock()
	}
	return users
}
