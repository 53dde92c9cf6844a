package subs

import "sync"

const (
	// shardCount is the number of shards of the name table.
	shardCount = 1 << shardBits
	// shardBits is how many bits of a hash choose the shard.
	shardBits = 8
	// minTable is how many slots a shard's table has, unless it is empty.
	minTable = 8
)

// shard is one shard of the name table, all of it under mu. It is an
// open-addressed table in two columns, so that a lookup reads only hashes until
// one is equal. It fills one cache line. Its methods are for whoever holds mu,
// but for appendTallies and clear, which take it.
//
// The standard map would need twice the bytes a topic, hash the name a second
// time, and never free memory.
type shard struct {
	mu sync.Mutex
	// hashes has the topics' hashes, zero in an empty slot.
	hashes []uint32
	topics []*Topic
	count  int
}

// tally is a copy of a topic's name and size, for introspection.
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
		s.resize(max(minTable, len(s.hashes)*2))
	}
	s.put(t)
	s.count++
}

// remove removes a topic that is in the table. It closes the gap, so that the
// table needs no tombstones.
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
	if len(s.hashes) > minTable && s.count*4 <= len(s.hashes) {
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

// appendTallies appends a tally of every topic that has members to dst.
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

// clear forgets all topics.
func (s *shard) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hashes, s.topics, s.count = nil, nil, 0
}
