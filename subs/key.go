package subs

import (
	"hash/maphash"
	"math/bits"
	"strings"
	"unsafe"
)

const (
	separator = ':'
	occupied  = 1 << 31
)

// key is what a topic is looked up by: its hash, and its name either whole in
// head or, if split, as head, a colon and tail, so that matching an event
// builds no string.
type key struct {
	hash  uint32
	split bool
	head  string
	tail  string
}

// keyOf hashes a name as the event that matches it is hashed: the parts
// around the first colon by themselves.
func (x *Index) keyOf(name string) key {
	typ, id, split := strings.Cut(name, string(separator))
	if !split {
		return key{hash: narrow(x.hash(name)), head: name}
	}
	return key{hash: narrow(pair(x.hash(typ), x.hash(id))), head: name}
}

func (x *Index) hash(s string) uint64 {
	return maphash.String(x.seed, s)
}

func pair(head, tail uint64) uint64 {
	return bits.RotateLeft64(head*0x9E3779B97F4A7C15, 32) + tail
}

// narrow keeps 32 bits of a hash and sets the highest, so that zero can stand
// for an empty slot.
func narrow(hash uint64) uint32 {
	return uint32(hash>>32) | occupied
}

func (k *key) names(name string) bool {
	if !k.split {
		return name == k.head
	}
	n := len(k.head)
	return len(name) == n+1+len(k.tail) && name[n] == separator && name[:n] == k.head && name[n+1:] == k.tail
}

// borrow is a string over the bytes of view. Nobody keeps it beyond the call
// that the view was lent for.
func borrow(view []byte) string {
	return unsafe.String(unsafe.SliceData(view), len(view))
}
