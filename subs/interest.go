package subs

import "strings"

// Watcher is told which topics have members. The calls for one name alternate, FirstMember first, in an order that everyone agrees on; for
// different names there is no order.
//
// Its methods are called by the owners of parts, inside [Part.Subscribe], [Part.Unsubscribe] and [Part.Drop], under the lock of a shard. They
// must neither block nor call into the index, nor take a lock under which the index is called.
type Watcher interface {
	// FirstMember says that the topic gets its first member over all parts. Events that are matched before Subscribe returns may miss it.
	FirstMember(name string)
	// LastMember says that the topic has lost its last one.
	LastMember(name string)
}

// Watch has w told of the topics that get members from now on. It must be called before any owner uses its part.
func (x *Index) Watch(w Watcher) { x.watcher = w }

// firstMemberLocked creates a topic in s for its first member over all parts. It copies name. This is the only place where
// the hub becomes interested in a topic.
//
// The caller is the owner of part, inside [Part.Subscribe]. It holds the lock of s, the shard of that name. The member enters its list after
// the lock is free, and before Subscribe returns.
func (x *Index) firstMemberLocked(s *shard, name string, hash uint32, part int) *Topic {
	t := &Topic{topicID: topicID{name: strings.Clone(name), hash: hash, home: uint8(part)}}
	s.insert(t)
	x.topics.Add(1)
	x.parts[part].names.Add(int64(t.memoryLocked()))
	if x.watcher != nil {
		x.watcher.FirstMember(t.name)
	}
	return t
}

// lastMemberLocked frees a topic of s that has lost its last member over all parts. This is the only place where the hub's
// interest in a topic ends.
//
// The caller is the owner of the part that had the last member, inside [Part.Unsubscribe] or [Part.Drop]. It holds the
// lock of s. The member has left its list.
func (x *Index) lastMemberLocked(s *shard, t *Topic) {
	s.remove(t)
	x.topics.Add(-1)
	x.parts[t.home].names.Add(int64(-t.memoryLocked()))
	if x.watcher != nil {
		x.watcher.LastMember(t.name)
	}
}
