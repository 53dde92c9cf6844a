package event

import (
	"encoding/binary"
	"math/rand/v2"
)

// escapedName marks a name with an escape.
const escapedName = 1 << 31

// The keys keep it from whoever sends names which ones meet in the filter or in a hash table.
var keyText, keyMix, keyEnd = rand.Uint64(), rand.Uint64() | 1, rand.Uint64() | 1

// nameStack has the names of all objects that are open, and finds out whether two names of an object are equal. It belongs to
// the scanner.
//
// The names of a small object are compared as they come, those that a filter can't tell apart. As soon as that has cost more
// than a comparison for each name, or if a name has an escape, the names are only collected, and compared by hash where the
// object ends. So a name costs the same, whatever the others are.
//
// I1: two names are equal exactly if the UTF-16 units that they stand for are.
//
// I2: an object takes eight bytes for each of its names while it is open, and sixteen if it has more than maxBucket.
type nameStack struct {
	// all has the index of each name in the upper half and the index after it in the lower half.
	all []uint64
	// text has two decoded names while they are compared.
	text []byte
	// tags is a hash table.
	tags []uint32
}

// level is an open object or array, and what nameStack keeps of an object's names: all[base:], until another one is opened
// inside it.
type level struct {
	// seen is the filter: the bits of all names. Names are compared only if their bit is set already.
	seen uint64
	// base is the index of the first name in nameStack.all.
	base uint32
	// compared is how many comparisons there have been, or collect.
	compared uint16
	// closer is the brace or bracket that ends it.
	closer byte
}

// collect in level.compared means that the names are only collected.
const collect = 1 << 15

// add adds the name b[start:end] to the innermost object.
func (n *nameStack) add(b []byte, in *level, start, end int, escaped bool) int {
	mark := uint64(end)
	if escaped {
		mark |= escapedName
		in.compared = collect
	}
	if in.compared < collect {
		if code := n.compare(b, in, start, end, sampleOf(b[start:end])); code < 0 {
			return code
		}
	}
	n.all = append(n.all, uint64(start)<<32|mark)
	return 0
}

// sampleOf returns bytes of a name without escapes, all of them if there are eight at most.
func sampleOf(name []byte) uint64 {
	if len(name) > 8 {
		return binary.LittleEndian.Uint64(name) + binary.LittleEndian.Uint64(name[len(name)-8:])*keyEnd
	}
	return wordOf(name)
}

// wordOf returns the bytes of a name of eight bytes at most, and zeros.
func wordOf(name []byte) (word uint64) {
	if cap(name) >= 8 {
		return binary.LittleEndian.Uint64(name[:8]) & (1<<(8*len(name)) - 1)
	}
	for i, c := range name {
		word |= uint64(c) << (8 * i)
	}
	return word
}

// compare looks for the name b[start:end], whose sample is given, in the innermost object.
func (n *nameStack) compare(b []byte, in *level, start, end int, sample uint64) int {
	bit := uint64(1) << (sample * keyMix >> 58)
	if in.seen&bit == 0 {
		in.seen |= bit
		return 0
	}
	before := n.all[in.base:]
	for _, other := range before {
		at := int(other >> 32)
		if int(uint32(other))-at == end-start && string(b[at:at+end-start]) == string(b[start:end]) {
			return badDuplicate
		}
	}
	if in.compared += uint16(len(before)); in.compared > uint16(len(before))+4 {
		in.compared = collect
	}
	return 0
}
