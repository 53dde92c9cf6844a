package event

import (
	"bytes"
	"hash/maphash"
	"math/bits"
	"slices"
)

// Since is what a __subscribe says of where the spoke has been in the stream of a topic.
type Since struct {
	// Epoch is that of the position. It is borrowed, see View.Since.
	Epoch []byte
	// Offset is that of the position.
	Offset uint64
	// Is says whether there is a position. Without one Epoch is nil and Offset 0.
	Is SinceKind
}

// SinceKind says whether a __subscribe has a position for a topic.
type SinceKind uint8

const (
	// SinceNone says that the payload has nothing for the topic.
	SinceNone SinceKind = iota
	// SincePosition says that there is a position.
	SincePosition
	// SinceMalformed says that what there is for the topic is no position, or that what there is for all topics is no object.
	SinceMalformed
	// sinceAgain stands for the Since of an equal topic, whose index Offset has.
	sinceAgain
)

// HasSince reports whether the payload has a member since. Like Since it reads the field Payload alone.
func (v *View) HasSince() bool { return findSince(v.Payload) >= 0 }

// Since appends to dst what the payload, of a __subscribe, says in its member since of each of the topics, which Topics or TopicsFrom has
// returned for it: one Since for each, in their order. A position is an object that has a string epoch (see ValidEpoch) and an integer
// offset from 0 to MaxOffset, written in digits alone; other members of it are ignored. Keys of since that are none of the topics are
// ignored, whatever their values are. For a topic that is longer than any valid one there is none.
//
// Since reads the field Payload alone, as TopicsFrom does. It reads the whole payload, in time that is in proportion to its length and
// the number of topics, whatever the keys and their order are. The epochs are valid as long as the view is, and until the next call of
// Since, Topics, TopicsFrom or Token; the topics stay valid. Since allocates nothing if dst and the scratch have room.
func (v *View) Since(dst []Since, topics [][]byte) []Since {
	before := len(dst)
	dst = slices.Grow(dst, len(topics))[:before+len(topics)]
	found := dst[before:]
	clear(found)
	at := findSince(v.Payload)
	if at < 0 {
		return dst
	}
	if v.Payload[at] != '{' {
		for i := range found {
			found[i].Is = SinceMalformed
		}
		return dst
	}
	used := len(v.scratch)
	v.readSince(v.Payload[at:], found, topics)
	v.scratch = v.scratch[:used]
	return dst
}

// findSince returns the index of the value of the payload's member since, -1 if there is none.
func findSince(payload []byte) int {
	if len(payload) == 0 || payload[0] != '{' {
		return -1
	}
	var room protocolName
	for at := firstMember(payload); at >= 0; {
		name, value := member(payload, at)
		if string(room.decode(name)) == "since" {
			return value
		}
		at = nextMember(payload, skipValue(payload, value))
	}
	return -1
}

// readSince fills found from the object that since begins with. As long as the keys are the topics in their order, as they are from
// clients that write both from one list, it only compares. The first other key has it look all topics up by hash. It stops when each topic
// has what is its own.
func (v *View) readSince(since []byte, found []Since, topics [][]byte) {
	var table []uint64
	left := len(topics)
	at := firstMember(since)
	for at >= 0 && left > 0 {
		name, value := member(since, at)
		end := skipValue(since, value)
		at = nextMember(since, end)
		if len(name) > maxRawTopic {
			continue
		}
		used := len(v.scratch)
		key := v.decode(name)
		which := len(topics) - left
		if table == nil && !bytes.Equal(key, topics[which]) {
			again := 0
			table, again = v.tableOf(topics, found)
			left -= again
		}
		if table != nil {
			which = lookUp(table, topics, key)
		}
		v.scratch = v.scratch[:used]
		if which >= 0 {
			found[which] = v.position(since[value:end])
			left--
		}
	}
	if table == nil && left > 0 && left < len(topics) {
		v.tableOf(topics, found)
	}
	for i := range found {
		if found[i].Is == sinceAgain {
			found[i] = found[found[i].Offset]
		}
	}
}

// tableOf returns a hash table of the topics, each once: the upper half of its hash, and its index and 1 in the lower half. What of found
// belongs to a topic that is there already becomes sinceAgain; again is how many those are. The table has its room in the names of the
// scanner, which is idle.
func (v *View) tableOf(topics [][]byte, found []Since) (table []uint64, again int) {
	names := &v.scanner.names
	size := 1 << bits.Len(uint(2*len(topics)-1))
	names.all = slices.Grow(names.all[:0], size)
	table = names.all[:size]
	clear(table)
	for i, topic := range topics {
		hash := maphash.Bytes(seed, topic)
		slot := freeSlot(table, topics, topic, hash)
		if table[slot] == 0 {
			table[slot] = hash&^0xffffffff | uint64(i+1)
			continue
		}
		found[i] = Since{Is: sinceAgain, Offset: table[slot]&0xffffffff - 1}
		again++
	}
	return table, again
}

// lookUp returns the index of the first topic that is equal to key, -1 if there is none.
func lookUp(table []uint64, topics [][]byte, key []byte) int {
	return int(table[freeSlot(table, topics, key, maphash.Bytes(seed, key))]&0xffffffff) - 1
}

// freeSlot returns the slot that has the topic, or else the one where it belongs, which is 0.
func freeSlot(table []uint64, topics [][]byte, topic []byte, hash uint64) int {
	mask := uint64(len(table) - 1)
	slot := hash & mask
	for table[slot] != 0 {
		if table[slot]>>32 == hash>>32 && bytes.Equal(topics[table[slot]&0xffffffff-1], topic) {
			break
		}
		slot = (slot + 1) & mask
	}
	return int(slot)
}

// position reads a value of since.
func (v *View) position(value []byte) Since {
	malformed := Since{Is: SinceMalformed}
	if value[0] != '{' {
		return malformed
	}
	s := Since{Is: SincePosition}
	var room protocolName
	hasOffset := false
	for at := firstMember(value); at >= 0; {
		name, start := member(value, at)
		end := skipValue(value, start)
		raw := value[start:end]
		switch string(room.decode(name)) {
		case "epoch":
			if raw[0] != '"' || len(raw) > maxEscape*maxEpoch+2 {
				return malformed
			}
			if s.Epoch = v.decode(raw); !isEpoch(s.Epoch) {
				return malformed
			}
		case "offset":
			if s.Offset, hasOffset = parseOffset(raw); !hasOffset {
				return malformed
			}
		}
		at = nextMember(value, end)
	}
	if s.Epoch == nil || !hasOffset {
		return malformed
	}
	return s
}
