package subs

import (
	"math/bits"
	"sync/atomic"
)

// Topic is one topic's members: a list for each part that has or has had some.
// Its owners: topicID never changes, topicParts belongs to the shard's lock,
// and first, like every list, to the owner of its part.
//
// The list of the part that created the topic is inside, since most topics have
// one member: such a topic is one object.
type Topic struct {
	topicID
	topicParts
	// first is the list of part home.
	first list
}

// topicID is what never changes of a topic.
type topicID struct {
	name string
	hash uint32
	// home is the part that created the topic.
	home uint8
}

// topicParts changes under the lock of the topic's shard. Others may be loaded
// by anyone at any time.
type topicParts struct {
	// parts has bit i set while part i has members.
	parts uint64
	// others has the lists of all parts but home, nil if there are none.
	others atomic.Pointer[spread]
}

// spread is the lists of the parts that joined a topic after its first one, in
// the order of their bits. It is immutable; each list belongs to its part.
type spread struct {
	parts uint64
	lists []*list
}

// Hash is a number by which topics may be told apart most of the time. It never
// changes; another topic may have the same. Anyone may call it.
func (t *Topic) Hash() uint32 { return t.hash }

// list returns the list of part, nil if that part has never had a member. It is
// for the owner of part, and for anyone who only loads the list's size.
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

// addListLocked makes sure that part has a list.
func (t *Topic) addListLocked(part int) {
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

// size returns the number of members in all parts, for introspection. A nil
// topic has none.
func (t *Topic) size() int {
	if t == nil {
		return 0
	}
	sum := int(t.first.size.Load())
	if s := t.others.Load(); s != nil {
		for _, l := range s.lists {
			sum += int(l.size.Load())
		}
	}
	return sum
}

// rank returns where the list of part is or would be in lists.
func (s *spread) rank(part int) int {
	return bits.OnesCount64(s.parts & (1<<part - 1))
}
