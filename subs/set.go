package subs

const (
	// maxFull is how many slots a set may have that are all full. A lookup is a
	// short scan then.
	maxFull = 8
	// minSet is how many slots a set that shrinks keeps.
	minSet = 4
)

// entry is one topic of a member.
type entry struct {
	topic *Topic
	// position is the member's position in its part's list of the topic.
	position uint32
	// hash is the topic's. Zero marks an empty entry.
	hash uint32
}

// set is a member's topics beyond its first: an open-addressed table of a
// power of two of entries, at most three quarters of them used if they are more
// than maxFull.
type set struct {
	slots []entry
	count uint32
	// popAt is where pop goes on, and 0 until it is first called. Taken modulo
	// the number of slots it is one above the slot to look at next.
	popAt uint32
}

// find returns the entry of a topic, nil if there is none. It is valid until
// the set changes.
func (s *set) find(hash uint32, name string) *entry {
	mask := uint32(len(s.slots) - 1)
	i := hash
	for range s.slots {
		e := &s.slots[i&mask]
		if e.hash == hash && e.topic.name == name {
			return e
		}
		if e.hash == 0 {
			return nil
		}
		i++
	}
	return nil
}

// insert adds an entry whose topic isn't in the set.
func (s *set) insert(e entry) {
	if size, count := len(s.slots), int(s.count); count == size || size > maxFull && (count+1)*4 > size*3 {
		s.resize(max(1, size*2))
	}
	s.put(e)
	s.count++
}

// remove removes the entry of a topic, closes the gap and returns the entry.
func (s *set) remove(hash uint32, name string) (entry, bool) {
	found := s.find(hash, name)
	if found == nil {
		return entry{}, false
	}
	removed := *found
	mask := uint32(len(s.slots) - 1)
	gap := hash & mask
	for &s.slots[gap] != found {
		gap = (gap + 1) & mask
	}
	s.slots[gap] = entry{}
	for i := (gap + 1) & mask; s.slots[i].hash != 0; i = (i + 1) & mask {
		if (i-s.slots[i].hash)&mask >= (i-gap)&mask {
			s.slots[gap], s.slots[i] = s.slots[i], entry{}
			gap = i
		}
	}
	s.count--
	if len(s.slots) > minSet && int(s.count)*4 <= len(s.slots) {
		s.resize(len(s.slots) / 2)
	}
	return removed, true
}

// pop removes an entry of a set that isn't empty and returns it. It moves
// nothing: it starts below an empty slot and goes down, so that of a run of full
// slots it takes the last first, and find still finds the others. (A set whose
// slots are all full has no such start. It must be popped to its end before
// anything is looked up.) Once pop has been called, nothing may enter the set,
// and nothing may leave it another way.
func (s *set) pop() entry {
	mask := uint32(len(s.slots) - 1)
	if s.popAt == 0 {
		gap := uint32(0)
		for s.slots[gap].hash != 0 && gap < mask {
			gap++
		}
		s.popAt = gap + mask + 1
	}
	for {
		s.popAt--
		if e := &s.slots[s.popAt&mask]; e.hash != 0 {
			popped := *e
			*e = entry{}
			s.count--
			return popped
		}
	}
}

// isIndivisible reports whether the set may have no empty slot.
func (s *set) isIndivisible() bool {
	return len(s.slots) <= maxFull
}

func (s *set) resize(size int) {
	old := s.slots
	s.slots = make([]entry, size)
	for _, e := range old {
		if e.hash != 0 {
			s.put(e)
		}
	}
}

func (s *set) put(e entry) {
	mask := uint32(len(s.slots) - 1)
	i := e.hash & mask
	for s.slots[i].hash != 0 {
		i = (i + 1) & mask
	}
	s.slots[i] = e
}
