//go:build linux

package servers

import "sync"

// rooms is what a chat server of a library without topics has: who is in which room, under one lock.
type rooms[M comparable] struct {
	mu      sync.RWMutex
	members map[string]map[M]struct{}
	joined  map[M]map[string]struct{}
}

func newRooms[M comparable]() *rooms[M] {
	return &rooms[M]{members: map[string]map[M]struct{}{}, joined: map[M]map[string]struct{}{}}
}

// obey joins or leaves a room.
func (r *rooms[M]) obey(w word, member M) {
	if w.kind == wordSubscribe {
		r.join(w.topic, member)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.leaveLocked(w.topic, member)
	delete(r.joined[member], w.topic)
}

func (r *rooms[M]) join(topic string, member M) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.members[topic] == nil {
		r.members[topic] = map[M]struct{}{}
	}
	if r.joined[member] == nil {
		r.joined[member] = map[string]struct{}{}
	}
	r.members[topic][member] = struct{}{}
	r.joined[member][topic] = struct{}{}
}

func (r *rooms[M]) leaveLocked(topic string, member M) {
	delete(r.members[topic], member)
	if len(r.members[topic]) == 0 {
		delete(r.members, topic)
	}
}

// drop takes a member out of all rooms.
func (r *rooms[M]) drop(member M) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for topic := range r.joined[member] {
		r.leaveLocked(topic, member)
	}
	delete(r.joined, member)
}

// others calls visit for everybody in a room but the sender, under the lock.
func (r *rooms[M]) others(topic string, sender M, visit func(M)) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for member := range r.members[topic] {
		if member != sender {
			visit(member)
		}
	}
}
