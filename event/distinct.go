package event

import (
	"bytes"
	"hash/maphash"
	"math/bits"
	"slices"
)

const (
	// maxPairs is how many names are compared each with each.
	maxPairs = 4
	// maxBucket is how many names are compared with one hash table, which then fits in the processor's nearer caches.
	maxBucket = 10000
)

// seed keeps the hashes of long names unknown to whoever sends them.
var seed = maphash.MakeSeed()

// distinct reports whether the names are all different. It writes to them: the upper half of each becomes its hash, the
// lower half its index and whether it has an escape. One name alone costs nothing.
func (n *nameStack) distinct(b []byte, names []uint64) bool {
	if len(names) < 2 {
		return true
	}
	text, mix, ends := keyText, keyMix, keyEnd
	for i, name := range names {
		start, end := name>>32, name&(escapedName-1)
		decoded := b[start:end]
		if name&escapedName != 0 {
			n.text = appendDecoded(n.text[:0], b[start-1:end+1])
			decoded = n.text
		}
		var hash uint64
		if len(decoded) <= 8 {
			high, low := bits.Mul64(wordOf(decoded)^text, mix)
			hash = high ^ low + uint64(len(decoded))*ends
		} else {
			hash = maphash.Bytes(seed, decoded)
		}
		names[i] = hash<<32 | name&escapedName | start
	}
	if len(names) <= maxPairs {
		return n.differInPairs(b, names)
	}
	if len(names) <= maxBucket {
		return n.differInTable(b, names)
	}
	n.all = slices.Grow(n.all, len(names))
	return n.differ(b, names, n.all[len(n.all):len(n.all)+len(names)], 64-8)
}

// differ reports whether the hashed names are all different. It sorts them into spare, which is as long, by the eight bits
// from shift on, and goes on with each bucket until it fits the table.
func (n *nameStack) differ(b []byte, names, spare []uint64, shift int) bool {
	if len(names) <= maxBucket {
		return n.differInTable(b, names)
	}
	if shift < 32 {
		return n.differInPairs(b, names)
	}
	var ends [256]uint32
	for _, name := range names {
		ends[name>>shift&0xff]++
	}
	start := uint32(0)
	for digit, count := range ends {
		ends[digit] = start
		start += count
	}
	for _, name := range names {
		end := &ends[name>>shift&0xff]
		spare[*end] = name
		*end++
	}
	start = 0
	for _, end := range ends {
		if end-start > 1 && !n.differ(b, spare[start:end], names[start:end], shift-8) {
			return false
		}
		start = end
	}
	return true
}

// differInTable reports whether the hashed names, at most maxBucket, are all different.
func (n *nameStack) differInTable(b []byte, names []uint64) bool {
	size := 1 << bits.Len(uint(3*len(names)))
	if size > len(n.tags) {
		n.tags = make([]uint32, size)
	}
	tags := n.tags[:size]
	clear(tags)
	for i, name := range names {
		tag := uint32(name>>32) | 1
		at := tag >> 1 & uint32(len(tags)-1)
		for tags[at] != 0 && tags[at] != tag {
			at = (at + 1) & uint32(len(tags)-1)
		}
		if tags[at] == tag && n.has(b, names[:i], name) {
			return false
		}
		tags[at] = tag
	}
	return true
}

// differInPairs reports whether the hashed names are all different, for the many names of one hash that only an attempt with
// equal names brings about.
func (n *nameStack) differInPairs(b []byte, names []uint64) bool {
	for i, name := range names {
		if n.has(b, names[:i], name) {
			return false
		}
	}
	return true
}

// has reports whether a name equal to name is among names.
func (n *nameStack) has(b []byte, names []uint64, name uint64) bool {
	for _, other := range names {
		if other>>32 == name>>32 && n.equal(b, other, name) {
			return true
		}
	}
	return false
}

// equal compares two hashed names.
func (n *nameStack) equal(b []byte, one, other uint64) bool {
	n.text = n.text[:0]
	return bytes.Equal(n.textOf(b, one), n.textOf(b, other))
}

// textOf returns a hashed name, decoded at the end of n.text if it has an escape.
func (n *nameStack) textOf(b []byte, name uint64) []byte {
	start := int(name & (escapedName - 1))
	raw := b[start-1 : skipText(b, start-1)]
	if name&escapedName == 0 {
		return unquoted(raw)
	}
	before := len(n.text)
	n.text = appendDecoded(n.text, raw)
	return n.text[before:]
}
