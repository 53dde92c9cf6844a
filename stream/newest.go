package stream

import "hash/maphash"

// newestBytes is the size of a slot.
const newestBytes = 16

// newest is a hash table from ids to the offsets of their newest events. It has no ids: the frames have them. The zero value is
// empty.
//
// I: a slot is found from the place of its hash on without an empty slot between, as in every table with linear probing.
type newest struct {
	slots []newestSlot
	used  int
}

// newestSlot is an id by its hash. One whose offset is 0 is empty.
type newestSlot struct {
	offset uint64
	hash   uint32
}

var seed = maphash.MakeSeed()

func hashOf(id []byte) uint32 { return uint32(maphash.Bytes(seed, id)) }

// next returns the first slot from place on that has the hash, or an empty one.
func (n *newest) next(place int, hash uint32) int {
	for n.slots[place].offset != 0 && n.slots[place].hash != hash {
		place = (place + 1) & (len(n.slots) - 1)
	}
	return place
}

func (n *newest) begin(hash uint32) int { return int(hash) & (len(n.slots) - 1) }

// reserve makes room for one more.
func (n *newest) reserve() {
	if 4*(n.used+1) > 3*len(n.slots) {
		n.resize(max(4, 2*len(n.slots)))
	}
}

// put fills the empty slot at place.
func (n *newest) put(place int, hash uint32, offset uint64) {
	n.slots[place] = newestSlot{offset, hash}
	n.used++
}

// drop empties the slot that has the hash and the offset, if there is one.
func (n *newest) drop(hash uint32, offset uint64) {
	if n.used == 0 {
		return
	}
	place := n.next(n.begin(hash), hash)
	for n.slots[place].offset != 0 && n.slots[place].offset != offset {
		place = n.next((place+1)&(len(n.slots)-1), hash)
	}
	if n.slots[place].offset != 0 {
		n.empty(place)
	}
}

// empty empties a slot, and moves those behind it that would be lost.
func (n *newest) empty(place int) {
	mask := len(n.slots) - 1
	for at := (place + 1) & mask; n.slots[at].offset != 0; at = (at + 1) & mask {
		if home := n.begin(n.slots[at].hash); (at-home)&mask >= (at-place)&mask {
			n.slots[place] = n.slots[at]
			place = at
		}
	}
	n.slots[place] = newestSlot{}
	n.used--
	switch {
	case n.used == 0 && len(n.slots) > smallRing:
		n.slots = nil
	case len(n.slots) > smallRing && 8*n.used < len(n.slots):
		n.resize(len(n.slots) / 2)
	}
}

func (n *newest) resize(capacity int) {
	old := n.slots
	n.slots = make([]newestSlot, capacity)
	for _, slot := range old {
		if slot.offset == 0 {
			continue
		}
		place := n.begin(slot.hash)
		for n.slots[place].offset != 0 {
			place = (place + 1) & (capacity - 1)
		}
		n.slots[place] = slot
	}
}

func (n *newest) memory() int64 { return int64(len(n.slots)) * newestBytes }
