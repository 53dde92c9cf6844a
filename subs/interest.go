package subs

import "strings"

// firstMemberLocked creates a topic in s for its first member over all parts. It copies name. This is the only place where
// the hub becomes interested in a topic: a broker would be told from here to subscribe.
//
// The caller is the owner of part, inside [Part.Subscribe]. It holds the lock of s, the shard of that name. So for one name
// the calls of firstMemberLocked and lastMemberLocked alternate, in an order that everyone agrees on; for different names
// there is no order. What is called here must neither block nor call into the index, nor take a lock under which the index is
// called. Append to a queue whose lock guards that queue alone, and let another goroutine talk to the network. The member
// enters its list after the lock is free, and before Subscribe returns.
func (x *Index) firstMemberLocked(s *shard, name string, hash uint32, part int) *Topic {
	t := &Topic{topicID: topicID{name: strings.Clone(name), hash: hash, home: uint8(part)}}
	s.insert(t)
	x.topics.Add(1)
	x.parts[part].names.Add(int64(t.memoryLocked()))
	return t
}

// lastMemberLocked frees a topic of s that has lost its last member over all parts. This is the only place where the hub's
// interest in a topic ends: a broker would be told from here to unsubscribe.
//
// The caller is the owner of the part that had the last member, inside [Part.Unsubscribe] or [Part.Drop]. It holds the
// lock of s; the rules of firstMemberLocked apply. The member has left its list.
func (x *Index) lastMemberLocked(s *shard, t *Topic) {
	s.remove(t)
	x.topics.Add(-1)
	x.parts[t.home].names.Add(int64(-t.memoryLocked()))
}
