package subs

import (
	"math"
	"sync/atomic"
)

// Part is the index of one owner's members. Only the goroutine that owns it may
// call its methods. None of them waits for anything but a shard's lock.
type Part struct {
	index  *Index
	number int
	// roster belongs to the part's owner.
	roster roster
	// subscriptions, like held, is stored by the part's owner and may be loaded by
	// anyone. held is the memory of the roster and of the lists, in bytes.
	subscriptions atomic.Int64
	held          atomic.Int64
	// names is the memory of the topics that the part has created. It changes
	// under a shard's lock.
	names atomic.Int64
}

// Subscribe adds the member to the topic. It returns false if the member was
// there already. It doesn't keep the topic's bytes. An event that is matched
// after Subscribe returned finds the member.
func (p *Part) Subscribe(member uint32, topic []byte) (added bool) {
	k := p.index.keyOf(borrow(topic))
	if rec := p.roster.get(member); rec != nil && rec.find(k.hash, k.prefix) != nil {
		return false
	}
	t := p.index.addPart(k, p.number)
	l := t.list(p.number)
	before := l.memory()
	position := l.add(member)
	p.roster.held += l.memory() - before
	p.roster.insert(member, entry{topic: t, position: position, hash: k.hash})
	p.subscriptions.Add(1)
	p.publishHeld()
	return true
}

// Unsubscribe removes the member from the topic. It returns false if the member
// wasn't there. It takes a lock only if the member was the part's last one.
func (p *Part) Unsubscribe(member uint32, topic []byte) (removed bool) {
	rec := p.roster.get(member)
	if rec == nil {
		return false
	}
	k := p.index.keyOf(borrow(topic))
	before := rec.memory()
	e, removed := rec.remove(k.hash, k.prefix)
	if !removed {
		return false
	}
	p.roster.held += rec.memory() - before
	p.removeFromList(e)
	if rec.vacant() {
		p.roster.vacated(member)
	}
	p.subscriptions.Add(-1)
	p.publishHeld()
	return true
}

// Drop removes the member from all its topics and returns how many those were.
// Its cost depends on that number, not on the size of the topics. It frees
// everything kept for the member, whose slot number may be reused afterwards.
func (p *Part) Drop(member uint32) (removed int) {
	removed, _ = p.DropSome(member, math.MaxInt)
	return removed
}

// DropSome is Drop in pieces: it removes the member from some of its topics,
// about most of them (at most eight more), and returns how many those were and
// whether none is left. Until then the member may not subscribe or unsubscribe,
// nor its slot number be reused.
func (p *Part) DropSome(member uint32, most int) (removed int, done bool) {
	rec := p.roster.get(member)
	if rec == nil || rec.vacant() {
		return 0, true
	}
	left := rec.count()
	for left > 0 && (removed < most || rec.isIndivisible()) {
		p.removeFromList(rec.pop())
		removed++
		left--
	}
	p.subscriptions.Add(int64(-removed))
	if left > 0 {
		p.publishHeld()
		return removed, false
	}
	p.roster.held -= rec.memory()
	*rec = record{}
	p.roster.vacated(member)
	p.publishHeld()
	return removed, true
}

// Count returns the number of the member's topics.
func (p *Part) Count(member uint32) int {
	rec := p.roster.get(member)
	if rec == nil {
		return 0
	}
	return rec.count()
}

// Has reports whether the member is in the topic. It changes nothing and takes
// no lock.
func (p *Part) Has(member uint32, topic []byte) bool {
	rec := p.roster.get(member)
	if rec == nil || rec.vacant() {
		return false
	}
	k := p.index.keyOf(borrow(topic))
	return rec.find(k.hash, k.prefix) != nil
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

// AppendSome is AppendTopics of most topics at the most. Its cost hardly depends
// on how many the member has.
func (p *Part) AppendSome(dst []string, member uint32, most int) []string {
	rec := p.roster.get(member)
	if rec == nil || most <= 0 {
		return dst
	}
	for e := range rec.entries {
		dst = append(dst, e.topic.name)
		if most--; most == 0 {
			break
		}
	}
	return dst
}

// Members returns the topic's members in this part, each once, in no
// particular order. It is the part's own list: the caller must not change it,
// and it is valid until the part changes. A nil topic has no members. The topic
// may be of another index too, if the part of that number there has the same
// owner: then these are the members there.
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

// removeFromList removes a member from a topic's list by the entry that it had.
// The member that moves into its place learns its new position (I4). If the list
// is empty then, the part gives up the topic (I2).
func (p *Part) removeFromList(e entry) {
	l := e.topic.list(p.number)
	before := l.memory()
	if moved, ok := l.remove(e.position); ok {
		p.roster.get(moved).find(e.hash, e.topic.name).position = e.position
	}
	p.roster.held += l.memory() - before
	if len(l.members) == 0 {
		p.index.removePart(e.topic, p.number)
	}
}
