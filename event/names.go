package event

import (
	"bytes"
)

const (
	// fewNames is how many names of an object are compared as they come.
	fewNames = 16
	// maxCompared is how many comparisons of two names an object may cost before its names are compared by hash instead.
	maxCompared = 20
	// escapedName marks a name with an escape.
	escapedName = 1 << 31
)

// nameStack has the names of all objects that are open, and finds out whether two names of an object are equal. Names of a
// small object are compared as they come, those that a filter can't tell apart. If there are many, if the filter tells too
// few apart or if a name has an escape, the names are only collected, and compared by hash at the object's end. So a name
// costs the same whatever the others are. It belongs to the scanner.
//
// I1: two names are equal if their decoded UTF-16 units are.
//
// I2: an object of any number of names takes eight bytes for each, while it is open.
type nameStack struct {
	// all has the index of each name in the upper half and the index after it in the lower half.
	all []uint64
	// text has two decoded names while they are compared.
	text []byte
	// tags is a hash table.
	tags []uint32
}

// nameSet is the names of one open object: all[base:], until another one is opened inside it.
type nameSet struct {
	// seen has a bit for names of some lengths, first and last bytes. Names are compared only if their bit is set already.
	seen uint64
	// base is the index of the first one in nameStack.all.
	base uint32
	// compared is how many comparisons there have been. Beyond maxCompared the names are only collected.
	compared uint32
}

// enter begins an object.
func (n *nameStack) enter() nameSet {
	return nameSet{base: uint32(len(n.all))}
}

// add adds the name b[start:end] to the innermost object.
func (n *nameStack) add(b []byte, set *nameSet, start, end int, escaped bool) int {
	mark := uint64(end)
	switch {
	case set.compared > maxCompared:
	case escaped || len(n.all)-int(set.base) >= fewNames:
		set.compared = maxCompared + 1
	default:
		mix := uint(end - start)
		if mix > 0 {
			mix += uint(b[start])*7 + uint(b[end-1])*31
		}
		bit := uint64(1) << (mix & 63)
		if set.seen&bit != 0 {
			set.compared += uint32(len(n.all)) - set.base
			for _, other := range n.all[set.base:] {
				if bytes.Equal(b[other>>32:uint32(other)], b[start:end]) {
					return badDuplicate
				}
			}
		}
		set.seen |= bit
	}
	if escaped {
		mark |= escapedName
	}
	n.all = append(n.all, uint64(start)<<32|mark)
	return 0
}

// leave ends the innermost object.
func (n *nameStack) leave(b []byte, set *nameSet) int {
	if set.compared > maxCompared && !n.distinct(b, n.all[set.base:]) {
		return badDuplicate
	}
	n.all = n.all[:set.base]
	return 0
}
