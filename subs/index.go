package subs

import (
	"fmt"
	"hash/maphash"
	"iter"
	"strings"
	"sync/atomic"
)

// MaxParts is how many parts an [Index] can have: one bit of [Match.Parts] each.
const MaxParts = 64

// Index maps topics to members. Its methods are for any goroutine; what
// changes it belongs to the owner of a [Part]. The package documentation has
// its invariants.
type Index struct {
	seed   maphash.Seed
	shards *[shardCount]shard
	parts  []*Part
	topics atomic.Int64
}

// Match is what an event of a type and an id matches: a plain value that costs
// no allocation and may be handed to the owners of the parts it names.
//
// A topic in it may be freed at any time; its lists are empty then, and stay so.
type Match struct {
	// Type is the topic of the event's type, nil if nobody has it.
	Type *Topic
	// TypeID is the topic of the event's type and id, nil if nobody has it.
	TypeID *Topic
	// Parts has bit i set when part i had members of either topic.
	Parts uint64
}

// New returns an empty index of that many parts, 1 to [MaxParts]. It panics on
// another number.
func New(parts int) *Index {
	if parts < 1 || parts > MaxParts {
		panic(fmt.Sprintf("subs: %d parts, want 1 to %d", parts, MaxParts))
	}
	x := &Index{seed: maphash.MakeSeed(), shards: new([shardCount]shard), parts: make([]*Part, parts)}
	for i := range x.parts {
		x.parts[i] = &Part{index: x, number: i}
	}
	return x
}

// Part returns part i, counted from zero, and panics beyond the last. Any
// goroutine may fetch it, one may use it.
func (x *Index) Part(i int) *Part {
	return x.parts[i]
}

// Match finds what an event of that type and id matches: the topic "type" and,
// unless the id is empty, the topic "type:id". It takes one shard lock at a
// time, for a lookup, and doesn't keep the views. The type must not contain a
// colon, as no event's type does.
//
// A member subscribed to both topics is in the lists of both: who walks them
// removes the double.
func (x *Index) Match(typ, id []byte) Match {
	return x.MatchString(borrow(typ), borrow(id))
}

// MatchString is Match for strings.
func (x *Index) MatchString(typ, id string) Match {
	var m Match
	head := x.hash(typ)
	m.Type, m.Parts = x.look(key{hash: narrow(head), head: typ})
	if id == "" {
		return m
	}
	var parts uint64
	m.TypeID, parts = x.look(key{hash: narrow(pair(head, x.hash(id))), head: typ, tail: id, split: true})
	m.Parts |= parts
	return m
}

// Len returns the number of topics that have members. It loads one atomic.
func (x *Index) Len() int {
	return int(x.topics.Load())
}

// Subscriptions returns the number of pairs of a member and a topic. It loads
// one atomic a part.
func (x *Index) Subscriptions() int {
	var sum int64
	for _, p := range x.parts {
		sum += p.subscriptions.Load()
	}
	return int(sum)
}

// Topics yields the name of every topic and the number of its members, for
// introspection. It copies one shard at a time and yields without a lock, so the
// sequence is no snapshot of one moment, and the loop may call anything.
func (x *Index) Topics() iter.Seq2[string, int] {
	return func(yield func(string, int) bool) {
		var tallies []tally
		for i := range x.shards {
			tallies = x.shards[i].appendTallies(tallies[:0])
			for _, t := range tallies {
				if !yield(t.name, t.members) {
					return
				}
			}
		}
	}
}

func (x *Index) look(k key) (t *Topic, parts uint64) {
	s := x.shard(k.hash)
	s.mu.Lock()
	t = s.find(k)
	if t != nil {
		parts = t.parts
	}
	s.mu.Unlock()
	return t, parts
}

// join returns the topic of that name, made if need be, with the bit of part
// set and a list for it (I2). Only the owner of part calls it.
func (x *Index) join(k key, part int) *Topic {
	s := x.shard(k.hash)
	s.mu.Lock()
	t := s.find(k)
	if t == nil {
		t = &Topic{name: strings.Clone(k.head), hash: k.hash, home: uint8(part)}
		s.insert(t)
		x.topics.Add(1)
	}
	if t.parts&(1<<part) == 0 {
		t.parts |= 1 << part
		t.reserve(part)
	}
	s.mu.Unlock()
	return t
}

// release clears the bit of part, whose list is empty now, and frees the topic
// when no bit is left (I1). Only the owner of part calls it.
func (x *Index) release(t *Topic, part int) {
	s := x.shard(t.hash)
	s.mu.Lock()
	t.parts &^= 1 << part
	if t.parts == 0 {
		s.remove(t)
		x.topics.Add(-1)
	}
	s.mu.Unlock()
}

func (x *Index) shard(hash uint32) *shard {
	return &x.shards[hash%shardCount]
}
