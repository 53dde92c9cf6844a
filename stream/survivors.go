package stream

import "sort"

// survivorBytes is the size of a survivor beyond that of its entry.
const survivorBytes = 8

// survivor is the newest event of an id, when the events around it are gone from the ring. One without a frame has been superseded.
type survivor struct {
	offset uint64
	entry  entry
}

// survivors are those of a stream, in the order of their offsets. The zero value has none.
type survivors struct {
	list []survivor
	// head is the place of the oldest one.
	head int
	// gone is how many behind head have been superseded.
	gone int
	// bytes is the memory of their entries.
	bytes int64
}

// len is how many there are.
func (s *survivors) len() int { return len(s.list) - s.head - s.gone }

// add appends one that is newer than all others.
func (s *survivors) add(offset uint64, e entry) {
	if len(s.list) == cap(s.list) && s.head+s.gone > len(s.list)/2 {
		s.compact(cap(s.list))
	}
	s.list = append(s.list, survivor{offset, e})
	s.bytes += e.memory()
}

// find returns the place of the first survivor whose offset is not less.
func (s *survivors) find(offset uint64) int {
	return s.head + sort.Search(len(s.list)-s.head, func(i int) bool { return s.list[s.head+i].offset >= offset })
}

// take takes away the one with that offset, if it is there.
func (s *survivors) take(offset uint64) (entry, bool) {
	place := s.find(offset)
	if place == len(s.list) || s.list[place].offset != offset || s.list[place].entry.frame == nil {
		return entry{}, false
	}
	e := s.list[place].entry
	s.list[place].entry = entry{}
	s.gone++
	s.bytes -= e.memory()
	s.skipGone()
	return e, true
}

// oldest returns the oldest one. There is one.
func (s *survivors) oldest() *survivor { return &s.list[s.head] }

// behind returns how many have greater offsets.
func (s *survivors) behind(offset uint64) int {
	count := 0
	for i := s.find(offset + 1); i < len(s.list); i++ {
		if s.list[i].entry.frame != nil {
			count++
		}
	}
	return count
}

// skipGone moves head to the oldest one that is there.
func (s *survivors) skipGone() {
	for s.head < len(s.list) && s.list[s.head].entry.frame == nil {
		s.head++
		s.gone--
	}
	switch {
	case s.head == len(s.list) && cap(s.list) > smallRing:
		*s = survivors{}
	case s.head == len(s.list):
		*s = survivors{list: s.list[:0]}
	case cap(s.list) > smallRing && s.len() < cap(s.list)/4:
		s.compact(cap(s.list) / 2)
	}
}

// compact moves those that are there to an array of that capacity, or to the beginning of the one that there is.
func (s *survivors) compact(capacity int) {
	kept := s.list[:0]
	if capacity != cap(s.list) {
		kept = make([]survivor, 0, capacity)
	}
	for i := s.head; i < len(s.list); i++ {
		if s.list[i].entry.frame != nil {
			kept = append(kept, s.list[i])
		}
	}
	if capacity == cap(s.list) {
		clear(s.list[len(kept):])
	}
	s.list, s.head, s.gone = kept, 0, 0
}

// memory is what the array takes. Of an entry that is in use, bytes counts a part already.
func (s *survivors) memory() int64 {
	return int64(cap(s.list))*(entryBytes+survivorBytes) - int64(s.len())*entryBytes
}

// release gives all frames back.
func (s *survivors) release() {
	for i := s.head; i < len(s.list); i++ {
		if frame := s.list[i].entry.frame; frame != nil {
			frame.Release()
		}
	}
}
