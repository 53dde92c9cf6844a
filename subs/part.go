package subs

import "sync/atomic"

// Part is the index of one owner's members. All its methods are for the
// goroutine that owns it, and none waits for more than a shard's lock.
type Part struct {
	index         *Index
	number        int
	roster        roster
	subscriptions atomic.Int64
}

// Subscribe adds the member to the topic, and reports false if it was there
// already. It doesn't keep the topic's bytes. An event matched after it
// returned finds the member.
func (p *Part) Subscribe(member uint32, topic []byte) (added bool) {
	k := p.index.keyOf(borrow(topic))
	if rec := p.roster.get(member); rec != nil && rec.find(k.hash, k.head) != nil {
		return false
	}
	t := p.index.join(k, p.number)
	position := t.list(p.number).add(member)
	p.roster.claim(member).insert(entry{topic: t, position: position, hash: k.hash})
	p.subscriptions.Add(1)
	return true
}

// Unsubscribe removes the member from the topic, and reports false if it
// wasn't there. It takes a lock only if the member was the part's last one.
func (p *Part) Unsubscribe(member uint32, topic []byte) (removed bool) {
	rec := p.roster.get(member)
	if rec == nil {
		return false
	}
	k := p.index.keyOf(borrow(topic))
	e, removed := rec.take(k.hash, k.head)
	if !removed {
		return false
	}
	p.leave(e)
	if rec.vacant() {
		p.roster.vacated(member)
	}
	p.subscriptions.Add(-1)
	return true
}

// Drop removes the member from all its topics and returns their number. It
// takes time for these alone, whatever the size of the topics, and gives back
// what the member held: its slot number may be reused after it.
func (p *Part) Drop(member uint32) (removed int) {
	rec := p.roster.get(member)
	if rec == nil || rec.vacant() {
		return 0
	}
	for e := range rec.entries {
		p.leave(e)
		removed++
	}
	*rec = record{}
	p.roster.vacated(member)
	p.subscriptions.Add(int64(-removed))
	return removed
}

// Count returns the number of the member's topics.
func (p *Part) Count(member uint32) int {
	rec := p.roster.get(member)
	if rec == nil {
		return 0
	}
	return rec.count()
}

// AppendTopics appends the names of the member's topics to dst, in no
// particular order. The strings may be kept.
func (p *Part) AppendTopics(dst []string, member uint32) []string {
	rec := p.roster.get(member)
	if rec == nil {
		return dst
	}
	for e := range rec.entries {
		dst = append(dst, e.topic.name)
	}
	return dst
}

// Members returns the topic's members in this part, each once, in no
// particular order. It is a view of the part's own list: the caller doesn't
// change it, and it is valid until the part changes. A nil topic has none.
func (p *Part) Members(t *Topic) []uint32 {
	if t == nil {
		return nil
	}
	l := t.list(p.number)
	if l == nil {
		return nil
	}
	return l.members
}

// leave takes a member out of a topic's list by the entry it had, tells the
// member that takes over its place (I4), and gives up the topic when the list
// is empty (I2).
func (p *Part) leave(e entry) {
	l := e.topic.list(p.number)
	if moved, ok := l.remove(e.position); ok && !defectMisplacesMoved {
		p.roster.get(moved).find(e.hash, e.topic.name).position = e.position
	}
	if len(l.members) == 0 {
		p.index.release(e.topic, p.number)
	}
}
