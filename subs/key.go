package subs

import (
	"hash/maphash"
	"math/bits"
	"strings"
	"unsafe"
)

const (
	// separator stands between the type and the id of a topic.
	separator = ':'
	// occupied is the bit that every hash in a table has, so that zero can mark
	// an empty slot.
	occupied = 1 << 31
)

// key is what a topic is looked up by: its hash and its name. If isSplit, the
// name is prefix, a colon and suffix, so that matching an event builds no
// string. Else it is prefix.
type key struct {
	hash    uint32
	isSplit bool
	prefix  string
	suffix  string
}

// keyOf returns the key of a topic's name. It hashes the name as Match hashes an
// event: what is before and what is after the first colon by themselves.
func (x *Index) keyOf(name string) key {
	typ, id, hasID := strings.Cut(name, string(separator))
	if !hasID {
		return key{hash: narrow(x.hash(name)), prefix: name}
	}
	return key{hash: narrow(combine(x.hash(typ), x.hash(id))), prefix: name}
}

func (x *Index) hash(s string) uint64 {
	return maphash.String(x.seed, s)
}

func combine(typeHash, idHash uint64) uint64 {
	return bits.RotateLeft64(typeHash*0x9E3779B97F4A7C15, 32) + idHash
}

// narrow keeps 32 bits of a hash and sets the highest of them.
func narrow(hash uint64) uint32 {
	return uint32(hash>>32) | occupied
}

// names reports whether name is the key's.
func (k *key) names(name string) bool {
	if !k.isSplit {
		return name == k.prefix
	}
	n := len(k.prefix)
	return len(name) == n+1+len(k.suffix) && name[n] == separator && name[:n] == k.prefix && name[n+1:] == k.suffix
}

// borrow returns a string over the bytes of view. Nobody may keep it: it is
// valid only as long as view is.
func borrow(view []byte) string {
	return unsafe.String(unsafe.SliceData(view), len(view))
}
