package subs

import (
	"fmt"
	"hash/maphash"
	"iter"
	"sync/atomic"
)

// MaxParts is how many parts an [Index] can have: one bit of [Match.Parts] each.
const MaxParts = 64

// Index maps topics to members. Any goroutine may call its methods. What
// changes it are the methods of [Part], each for the owner of that part. The
// package documentation has its invariants and its owners.
type Index struct {
	seed   maphash.Seed
	shards *[shardCount]shard
	parts  []*Part
	// topics counts the topics in all shards. It changes under a shard's lock.
	topics atomic.Int64
	// watcher is told of topics; nil for none. It never changes once parts are used.
	watcher Watcher
}

// Match is what an event of a type and an id matches: a plain value that costs
// no allocation and may be handed to the owners of the parts it names.
//
// A topic in it may be freed at any time. Its lists are empty from then on.
type Match struct {
	// Type is the topic of the event's type, nil if it has no members.
	Type *Topic
	// TypeID is the topic of the event's type and id, nil if it has no members.
	TypeID *Topic
	// Parts has bit i set if part i had members of either topic.
	Parts uint64
}

// New returns an empty index with the given number of parts, 1 to [MaxParts].
// It panics on any other number.
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
// goroutine may get it; only its owner may use it.
func (x *Index) Part(i int) *Part {
	return x.parts[i]
}

// Match finds what an event of that type and id matches: the topic "type" and,
// unless the id is empty, the topic "type:id". It holds one shard's lock at a
// time, for a lookup, and doesn't keep typ and id. The type must not contain a
// colon; no event's type does.
//
// A member subscribed to both topics is in the lists of both. Whoever walks the
// lists must send it the event only once.
func (x *Index) Match(typ, id []byte) Match {
	return x.MatchString(borrow(typ), borrow(id))
}

// MatchString is Match for strings.
func (x *Index) MatchString(typ, id string) Match {
	var m Match
	typeHash := x.hash(typ)
	m.Type, m.Parts = x.lookup(key{hash: narrow(typeHash), prefix: typ})
	if id == "" {
		return m
	}
	var parts uint64
	m.TypeID, parts = x.lookup(key{hash: narrow(combine(typeHash, x.hash(id))), prefix: typ, suffix: id, isSplit: true})
	m.Parts |= parts
	return m
}

// MatchTopic finds one topic by its whole name, which may be any text, and the
// parts that have members of it. It holds one shard's lock, for a lookup, and
// doesn't keep name.
func (x *Index) MatchTopic(name string) Match {
	var m Match
	m.Type, m.Parts = x.lookup(x.keyOf(name))
	return m
}

// Size returns how many members the two topics have now, over all parts. A
// member of both counts twice. Anyone may call it; it loads an atomic for each
// part.
func (m *Match) Size() int {
	return m.Type.size() + m.TypeID.size()
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
// introspection. It copies one shard at a time and yields without a lock: the
// loop body may call anything, and the sequence isn't a snapshot of one moment.
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

// Clear drops all topics and members at once, without a walk over them. No owner
// may use its part any more. Any goroutine may still call Match, Len,
// Subscriptions and Topics, which find nothing.
func (x *Index) Clear() {
	for i := range x.shards {
		x.shards[i].clear()
	}
	x.topics.Store(0)
	for _, p := range x.parts {
		p.roster = roster{}
		p.subscriptions.Store(0)
		p.held.Store(0)
		p.names.Store(0)
	}
}

func (x *Index) lookup(k key) (t *Topic, parts uint64) {
	s := x.shard(k.hash)
	s.mu.Lock()
	t = s.find(k)
	if t != nil {
		parts = t.parts
	}
	s.mu.Unlock()
	return t, parts
}

// addPart returns the topic that k names, created if need be, with the bit of
// part set and a list for part (I2). Only the owner of part calls it, before it
// adds a member.
func (x *Index) addPart(k key, part int) *Topic {
	s := x.shard(k.hash)
	s.mu.Lock()
	t := s.find(k)
	if t == nil {
		t = x.firstMemberLocked(s, k.prefix, k.hash, part)
	}
	if t.parts&(1<<part) == 0 {
		t.parts |= 1 << part
		before := t.memoryLocked()
		t.addListLocked(part)
		x.parts[t.home].names.Add(int64(t.memoryLocked() - before))
	}
	s.mu.Unlock()
	return t
}

// removePart clears the bit of part, whose list has become empty, and frees the
// topic if no bit is left (I1). Only the owner of part calls it.
func (x *Index) removePart(t *Topic, part int) {
	s := x.shard(t.hash)
	s.mu.Lock()
	t.parts &^= 1 << part
	if t.parts == 0 {
		x.lastMemberLocked(s, t)
	}
	s.mu.Unlock()
}

func (x *Index) shard(hash uint32) *shard {
	return &x.shards[hash%shardCount]
}
