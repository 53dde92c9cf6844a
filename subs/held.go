package subs

import "unsafe"

const (
	// topicOverhead is the memory of a topic besides its name: itself, and its place
	// in a table that is three quarters full.
	topicOverhead = int(unsafe.Sizeof(Topic{})) + 16
	// spreadBytes is the memory of a further part's list, and of the copy of the
	// spread that names it.
	spreadBytes = int(unsafe.Sizeof(spread{})+unsafe.Sizeof(list{})) + 8
	// maxSampled is how many topics of a member HeldBy looks at.
	maxSampled = 8
)

// Held returns the memory that the index takes for its topics and members, in
// bytes. It is 0 when nobody has a topic. It loads two atomics a part.
func (x *Index) Held() int {
	sum := 0
	for _, p := range x.parts {
		sum += p.Held()
	}
	return sum
}

// Held returns the part's share of [Index.Held]: its members, and the topics
// whose first member was one of its own. Any goroutine may call it.
func (p *Part) Held() int {
	return int(p.held.Load() + p.names.Load())
}

// HeldBy estimates how much memory a member makes the index hold, in bytes: its
// entries, and of each topic the share of one of its members. It looks at a few
// of the member's topics.
func (p *Part) HeldBy(member uint32) int {
	rec := p.roster.get(member)
	if rec == nil || rec.vacant() {
		return 0
	}
	sampled, shares := 0, 0
	for e := range rec.sample {
		shares += (topicOverhead + len(e.topic.name)) / max(e.topic.size(), 1)
		sampled++
	}
	return int(unsafe.Sizeof(*rec)) + rec.memory() + shares*rec.count()/max(sampled, 1)
}

// publishHeld stores what anyone may load.
func (p *Part) publishHeld() {
	if held := int64(p.roster.held); held != p.held.Load() {
		p.held.Store(held)
	}
}

// memory returns how many bytes the record takes besides itself.
func (r *record) memory() int {
	if r.more == nil {
		return 0
	}
	return int(unsafe.Sizeof(*r.more)) + len(r.more.slots)*int(unsafe.Sizeof(entry{}))
}

// sample yields up to maxSampled entries, spread over the record.
func (r *record) sample(yield func(entry) bool) {
	left := maxSampled
	if r.hash != 0 {
		left--
		if !yield(r.entry) {
			return
		}
	}
	if r.more == nil {
		return
	}
	slots := r.more.slots
	for step := max(len(slots)/(2*maxSampled), 1); len(slots) > 0 && left > 0; slots = slots[min(step, len(slots)):] {
		if slots[0].hash == 0 {
			continue
		}
		left--
		if !yield(slots[0]) {
			return
		}
	}
}

// memoryLocked returns how many bytes the topic takes, its name included and its
// members left out.
func (t *Topic) memoryLocked() int {
	bytes := topicOverhead + len(t.name)
	if s := t.others.Load(); s != nil {
		bytes += len(s.lists) * spreadBytes
	}
	return bytes
}
