//go:build linux

package servers

import (
	"hash/maphash"
	"runtime"
)

const shardQueue = 1024

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
