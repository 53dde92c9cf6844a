package stream

import "sort"

const (
	// survivorBytes is the size of a survivor beyond that of its entry.
	survivorBytes = 8
	// blockLength is how many places of survivors have a count in common.
	blockLength = 256
)

// survivor is the newest event of an id, when the events around it are gone from the ring. One without a frame has been superseded.
type survivor struct {
	offset uint64
	entry  entry
}

// survivors are those of a sequence, in the order of their offsets. The zero value has none.
type survivors struct {
	list []survivor
	// head is the place of the oldest one.
	head int
	// count is how many there are. Other places behind head have been superseded.
	count int
	// blocks has how many there are in each blockLength places, so that a long way is counted in few steps.
	blocks []uint16
	// bytes is the memory of their entries.
	bytes int64
}

// add appends one that is newer than all others.
func (s *survivors) add(offset uint64, e entry) {
	if len(s.list) == cap(s.list) && s.count < len(s.list)/2 {
		s.compact(cap(s.list))
	}
	s.list = append(s.list, survivor{offset, e})
	s.countLast()
	s.count++
	s.bytes += e.memory()
}

// countLast counts the last of the list in its block.
func (s *survivors) countLast() {
	if len(s.blocks) <= (len(s.list)-1)/blockLength {
		s.blocks = append(s.blocks, 0)
	}
	s.blocks[len(s.blocks)-1]++
}

// last is the offset of the newest one, 0 if there are none. Places behind it that have been superseded are given up.
func (s *survivors) last() uint64 {
	for last := len(s.list) - 1; last >= 0; last-- {
		if s.list[last].entry.frame != nil {
			return s.list[last].offset
		}
		s.list, s.blocks = s.list[:last], s.blocks[:(last+blockLength-1)/blockLength]
	}
	return 0
}

// find returns the place of the first one whose offset is not less, whether it has been superseded or not.
func (s *survivors) find(offset uint64) int {
	return s.head + sort.Search(len(s.list)-s.head, func(i int) bool { return s.list[s.head+i].offset >= offset })
}

// next returns the place of the first one from place on that has not been superseded, or the length of the list.
func (s *survivors) next(place int) int {
	for place < len(s.list) && s.list[place].entry.frame == nil {
		if place++; place%blockLength == 0 {
			for place < len(s.list) && s.blocks[place/blockLength] == 0 {
				place += blockLength
			}
		}
	}
	return min(place, len(s.list))
}

// take takes away the one with that offset. It is there.
func (s *survivors) take(offset uint64) entry {
	place := s.find(offset)
	e := s.list[place].entry
	s.list[place].entry = entry{}
	s.blocks[place/blockLength]--
	s.count--
	s.bytes -= e.memory()
	s.head = s.next(s.head)
	s.shrink()
	return e
}

// oldest returns the oldest one. There is one.
func (s *survivors) oldest() *survivor { return &s.list[s.head] }

// behind returns how many have greater offsets.
func (s *survivors) behind(offset uint64) int {
	count, place := 0, s.find(offset+1)
	for ; place < len(s.list) && place%blockLength != 0; place++ {
		if s.list[place].entry.frame != nil {
			count++
		}
	}
	for ; place < len(s.list); place += blockLength {
		count += int(s.blocks[place/blockLength])
	}
	return count
}

// shrink gives back half of the array or more if three quarters of it are not used, and all of it if nothing is in it.
func (s *survivors) shrink() {
	switch {
	case s.count == 0 && cap(s.list) > smallRing:
		*s = survivors{}
	case s.count == 0:
		*s = survivors{list: s.list[:0], blocks: s.blocks[:0]}
	case cap(s.list) > smallRing && s.count < cap(s.list)/4:
		s.compact(cap(s.list) / 2)
	}
}

// compact moves those that are there to an array of that capacity, or to the beginning of the one that there is.
func (s *survivors) compact(capacity int) {
	old := s.list[s.head:]
	used := len(s.list)
	if capacity != cap(s.list) {
		s.list = make([]survivor, 0, capacity)
		s.blocks = make([]uint16, 0, capacity/blockLength+1)
	}
	s.list, s.blocks, s.head = s.list[:0], s.blocks[:0], 0
	for i := range old {
		if old[i].entry.frame != nil {
			s.list = append(s.list, old[i])
			s.countLast()
		}
	}
	clear(s.list[len(s.list):min(used, cap(s.list))])
}

// memory is what the arrays take. Of an entry that is there, bytes counts that already.
func (s *survivors) memory() int64 {
	return int64(cap(s.list))*(entryBytes+survivorBytes) + 2*int64(cap(s.blocks)) - int64(s.count)*entryBytes
}

// release gives all frames back.
func (s *survivors) release() {
	for i := s.next(s.head); i < len(s.list); i = s.next(i + 1) {
		s.list[i].entry.frame.Release()
	}
}
