package subs

import (
	"math/bits"
	"sync/atomic"
)

// Topic is one topic's members, a list for each part that has or had some.
// Its fields by owner: name, hash and home never change; parts is under the
// shard's lock; first belongs to the owner of part home; the lists of the other
// parts hang on others, which is replaced under the shard's lock and may be
// loaded by anyone.
//
// The list of the part that made the topic is inside, since most topics have
// one member: such a topic is one object.
type Topic struct {
	name   string
	parts  uint64
	others atomic.Pointer[spread]
	first  list
	hash   uint32
	home   uint8
}

// spread holds the lists of the parts that joined a topic after its first one,
// in the order of their bits. It is immutable; the lists belong to their parts.
type spread struct {
	parts uint64
	lists []*list
}

// list returns the list of part, nil if that part never had a member. The
// owner of part calls it, or whoever wants the list's size only.
func (t *Topic) list(part int) *list {
	if part == int(t.home) {
		return &t.first
	}
	s := t.others.Load()
	if s == nil || s.parts&(1<<part) == 0 {
		return nil
	}
	return s.lists[s.rank(part)]
}

// reserve makes sure that part has a list. It runs under the shard's lock.
func (t *Topic) reserve(part int) {
	if t.list(part) != nil {
		return
	}
	var old spread
	if s := t.others.Load(); s != nil {
		old = *s
	}
	rank := old.rank(part)
	lists := make([]*list, 0, len(old.lists)+1)
	lists = append(lists, old.lists[:rank]...)
	lists = append(lists, new(list))
	lists = append(lists, old.lists[rank:]...)
	t.others.Store(&spread{parts: old.parts | 1<<part, lists: lists})
}

func (t *Topic) size() int {
	sum := int(t.first.size.Load())
	if s := t.others.Load(); s != nil {
		for _, l := range s.lists {
			sum += int(l.size.Load())
		}
	}
	return sum
}

func (s *spread) rank(part int) int {
	return bits.OnesCount64(s.parts & (1<<part - 1))
}
