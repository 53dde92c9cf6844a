package event

import (
	"bytes"
	"hash/maphash"
	"math/bits"
)

// maxBucket is how many names are compared with one hash table, which then fits in the processor's nearest cache.
const maxBucket = 1024

// seed keeps the hashes of names unknown to whoever sends them.
var seed = maphash.MakeSeed()

// distinct reports whether the names are all different. It writes to them: the upper half of each becomes its hash, the
// lower half its index and whether it has an escape.
func (n *nameStack) distinct(b []byte, names []uint64) bool {
	for i, name := range names {
		start, end := name>>32, name&(escapedName-1)
		text := b[start:end]
		if name&escapedName != 0 {
			n.text = appendDecoded(n.text[:0], b[start-1:end+1])
			text = n.text
		}
		names[i] = maphash.Bytes(seed, text)<<32 | name&escapedName | start
	}
	return n.differ(b, names, 64-8)
}

// differ reports whether the hashed names are all different; those that have the same bits above shift+8. It sorts them by
// the eight bits from shift on until a bucket fits the table.
func (n *nameStack) differ(b []byte, names []uint64, shift int) bool {
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
	var next [256]uint32
	sum := uint32(0)
	for digit := range ends {
		next[digit] = sum
		sum += ends[digit]
		ends[digit] = sum
	}
	start := uint32(0)
	for digit, end := range ends {
		for next[digit] < end {
			name := names[next[digit]]
			for int(name>>shift&0xff) != digit {
				to := &next[name>>shift&0xff]
				name, names[*to] = names[*to], name
				*to++
			}
			names[next[digit]] = name
			next[digit]++
		}
		if end-start > 1 && !n.differ(b, names[start:end], shift-8) {
			return false
		}
		start = end
	}
	return true
}

// differInTable reports whether the hashed names, at most maxBucket, are all different.
func (n *nameStack) differInTable(b []byte, names []uint64) bool {
	if n.tags == nil {
		n.tags = make([]uint32, 2*maxBucket)
	}
	tags := n.tags[:1<<bits.Len(uint(2*len(names)-1))]
	clear(tags)
	for i, name := range names {
		tag := uint32(name>>32) | 1
		at := tag >> 1 & uint32(len(tags)-1)
		for ; tags[at] != 0; at = (at + 1) & uint32(len(tags)-1) {
			if tags[at] == tag && n.has(b, names[:i], name) {
				return false
			}
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
