package stream

import "slices"

// mostHoles: a hole of so many events keeps no places in the ring, and what lies ahead of it is trimmed.
const mostHoles = 256

// addHolesLocked has the events up to an offset count as gone, and keeps what lies ahead of them, which there is.
func (s *sequence) addHolesLocked(top uint64) {
	at, most := s.events.at(s.events.length-1).at, s.policy.History.Events
	for s.top < top {
		for most > 0 && s.events.length >= most {
			s.trimLocked()
		}
		s.top++
		if s.events.length == 0 {
			s.first = s.top + 1
			continue
		}
		s.holes = append(s.holes, s.top)
		s.events.push(entry{at: at}, most)
	}
	s.fitLocked()
}

// passHolesLocked takes holes out of the ring that it begins with.
func (s *sequence) passHolesLocked() {
	passed := 0
	for passed < len(s.holes) && s.holes[passed] == s.first {
		s.events.pop()
		s.first++
		passed++
	}
	if s.holes = s.holes[passed:]; len(s.holes) == 0 {
		s.holes = nil
	}
}

// keptLocked is the offset from which on all events are kept.
func (s *sequence) keptLocked() uint64 {
	if n := len(s.holes); n > 0 {
		return s.holes[n-1] + 1
	}
	return s.first
}

// amongHolesLocked is how many events of the ring behind an offset lie ahead of its last hole.
func (s *sequence) amongHolesLocked(after uint64) int {
	from, kept := max(after+1, s.first), s.keptLocked()
	if from >= kept {
		return 0
	}
	at, _ := slices.BinarySearch(s.holes, from)
	return int(kept-from) - (len(s.holes) - at)
}
