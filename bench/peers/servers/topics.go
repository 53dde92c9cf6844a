//go:build linux

package servers

import (
	"hash/maphash"
	"runtime"
	"sync"
)

const shardQueue = 1024

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

// shards are topics divided among as many goroutines as there are cores, for libraries that write to the socket in the call: each sends to
// its own members, in order, and holds no lock while it does.
type shards[M comparable] struct {
	seed  maphash.Seed
	parts []*shard[M]
}

type shard[M comparable] struct {
	topics *topics[M]
	jobs   chan job[M]
}

// job is an event on its way to the members of one shard.
type job[M comparable] struct {
	topic  string
	sender M
	frame  []byte
}

// newShards starts the goroutines, which call send for each member and event.
func newShards[M comparable](send func(M, []byte)) *shards[M] {
	s := &shards[M]{seed: maphash.MakeSeed()}
	for range runtime.GOMAXPROCS(0) {
		part := &shard[M]{topics: newTopics[M](), jobs: make(chan job[M], shardQueue)}
		s.parts = append(s.parts, part)
		go part.run(send)
	}
	return s
}

func (s *shards[M]) of(member M) *topics[M] {
	return s.parts[maphash.Comparable(s.seed, member)%uint64(len(s.parts))].topics
}

// broadcast hands the frame, which nobody may change any more, to every shard.
func (s *shards[M]) broadcast(topic string, sender M, frame []byte) {
	for _, part := range s.parts {
		part.jobs <- job[M]{topic, sender, frame}
	}
}

func (p *shard[M]) run(send func(M, []byte)) {
	var members []M
	for j := range p.jobs {
		members = members[:0]
		p.topics.others(j.topic, j.sender, func(member M) { members = append(members, member) })
		for _, member := range members {
			send(member, j.frame)
		}
	}
}
