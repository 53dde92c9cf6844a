package subs

import (
	"sync/atomic"
	"unsafe"
)

// minShrink is the capacity up to which a list doesn't shrink.
const minShrink = 16

// list is the dense list of a topic's members in one part. It belongs to the
// part's owner, except for size.
type list struct {
	members []uint32
	// one holds a single member, which so needs no array of its own.
	one [1]uint32
	// size is len(members), stored by the owner. Anyone may load it.
	size atomic.Uint32
}

// add appends a member that isn't in the list and returns its position.
func (l *list) add(member uint32) (position uint32) {
	if l.members == nil {
		l.members = l.one[:0]
	}
	l.members = append(l.members, member)
	l.size.Store(uint32(len(l.members)))
	return uint32(len(l.members) - 1)
}

// remove removes the member at position and moves the last one into its place.
// It returns the member that moved; ok is false if the last one was removed.
func (l *list) remove(position uint32) (moved uint32, ok bool) {
	last := len(l.members) - 1
	moved = l.members[last]
	l.members[position] = moved
	l.members = l.members[:last]
	l.size.Store(uint32(last))
	l.shrink()
	return moved, int(position) != last
}

// memory returns how many bytes the list takes besides itself.
func (l *list) memory() int {
	if cap(l.members) <= len(l.one) {
		return 0
	}
	return int(unsafe.Sizeof(l.one[0])) * cap(l.members)
}

func (l *list) shrink() {
	n := len(l.members)
	switch {
	case n == 0:
		l.members = nil
	case cap(l.members) > minShrink && n*4 <= cap(l.members):
		l.members = append(make([]uint32, 0, n*2), l.members...)
	}
}
