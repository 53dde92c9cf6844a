package subs

import "sync"

const (
	shardCount    = 256
	shardBits     = 8
	smallestTable = 8
)

// shard is a part of the name table, under one lock: an open-addressed table
// in two columns, so that a lookup reads hashes alone until one is equal. A
// hash of zero marks an empty slot. It fills one cache line.
//
// The standard map would need twice the bytes a topic, hash the name a second
// time, and never give memory back.
type shard struct {
	mu     sync.Mutex
	hashes []uint32
	topics []*Topic
	count  int
}

// tally is what introspection copies of a topic.
type tally struct {
	name    string
	members int
}

func (s *shard) find(k key) *Topic {
	if s.count == 0 {
		return nil
	}
	mask := uint32(len(s.hashes) - 1)
	for i := k.hash >> shardBits & mask; s.hashes[i] != 0; i = (i + 1) & mask {
		if s.hashes[i] == k.hash && k.names(s.topics[i].name) {
			return s.topics[i]
		}
	}
	return nil
}

// insert adds a topic whose name isn't in the table.
func (s *shard) insert(t *Topic) {
	if (s.count+1)*4 > len(s.hashes)*3 {
		s.resize(max(smallestTable, len(s.hashes)*2))
	}
	s.put(t)
	s.count++
}

// remove takes out a topic that is in the table and closes the gap, so that no
// lookup has to pass over graves.
func (s *shard) remove(t *Topic) {
	mask := uint32(len(s.hashes) - 1)
	gap := t.hash >> shardBits & mask
	for s.topics[gap] != t {
		gap = (gap + 1) & mask
	}
	for i := (gap + 1) & mask; s.hashes[i] != 0; i = (i + 1) & mask {
		if (i-s.hashes[i]>>shardBits)&mask >= (i-gap)&mask {
			s.hashes[gap], s.topics[gap] = s.hashes[i], s.topics[i]
			gap = i
		}
	}
	s.hashes[gap], s.topics[gap] = 0, nil
	s.count--
	if len(s.hashes) > smallestTable && s.count*4 <= len(s.hashes) {
		s.resize(len(s.hashes) / 2)
	}
}

func (s *shard) resize(size int) {
	old := s.topics
	s.hashes, s.topics = make([]uint32, size), make([]*Topic, size)
	for _, t := range old {
		if t != nil {
			s.put(t)
		}
	}
}

func (s *shard) put(t *Topic) {
	mask := uint32(len(s.hashes) - 1)
	i := t.hash >> shardBits & mask
	for s.hashes[i] != 0 {
		i = (i + 1) & mask
	}
	s.hashes[i], s.topics[i] = t.hash, t
}

func (s *shard) appendTallies(dst []tally) []tally {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.topics {
		if t == nil {
			continue
		}
		if n := t.size(); n > 0 {
			dst = append(dst, tally{name: t.name, members: n})
		}
	}
	return dst
}
