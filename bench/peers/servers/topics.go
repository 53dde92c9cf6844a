//go:build linux

package servers

import "sync"

// topics is what a server adds to a library that has none: who is subscribed to what. One lock guards it.
type topics[M comparable] struct {
	mu      sync.RWMutex
	members map[string]map[M]struct{}
	joined  map[M]map[string]struct{}
}

func newTopics[M comparable]() *topics[M] {
	return &topics[M]{members: map[string]map[M]struct{}{}, joined: map[M]map[string]struct{}{}}
}

// apply subscribes or unsubscribes.
func (t *topics[M]) apply(asked request, member M) {
	if asked.kind == subscribeRequest {
		t.join(asked.topic, member)
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.leaveLocked(asked.topic, member)
	delete(t.joined[member], asked.topic)
}

func (t *topics[M]) join(topic string, member M) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.members[topic] == nil {
		t.members[topic] = map[M]struct{}{}
	}
	if t.joined[member] == nil {
		t.joined[member] = map[string]struct{}{}
	}
	t.members[topic][member] = struct{}{}
	t.joined[member][topic] = struct{}{}
}

// drop takes a member from all topics.
func (t *topics[M]) drop(member M) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for topic := range t.joined[member] {
		t.leaveLocked(topic, member)
	}
	delete(t.joined, member)
}

func (t *topics[M]) leaveLocked(topic string, member M) {
	delete(t.members[topic], member)
	if len(t.members[topic]) == 0 {
		delete(t.members, topic)
	}
}

// others calls visit for every subscriber but the sender, under the lock.
func (t *topics[M]) others(topic string, sender M, visit func(M)) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for member := range t.members[topic] {
		if member != sender {
			visit(member)
		}
	}
}
