package stream

import "math"

const (
	// entryBytes is the size of an entry.
	entryBytes = 24
	// supersededBit marks an entry whose id has a newer event.
	supersededBit = 1 << 31
	// smallRing is the capacity below which no ring shrinks.
	smallRing = 8
)

// entry is an event that is kept, or a hole: the place of one that is gone, without a frame.
type entry struct {
	frame Frame
	// at is when it was appended.
	at tick
	// sized is its memory, and supersededBit.
	sized uint32
}

func newEntry(frame Frame, at tick) entry {
	return entry{frame: frame, at: at, sized: uint32(min(max(frame.Memory(), 0), math.MaxInt32))}
}

// memory is what the event takes, with its entry.
func (e *entry) memory() int64 { return int64(e.sized&^supersededBit) + entryBytes }

func (e *entry) isHole() bool { return e.frame == nil }

func (e *entry) isSuperseded() bool { return e.sized&supersededBit != 0 }

// ring is a queue of entries in an array that grows and shrinks by the factor two. The zero value is empty.
type ring struct {
	entries []entry
	head    int
	length  int
	// bytes is the memory of its entries.
	bytes int64
}

// at returns the entry that is i places behind the oldest.
func (r *ring) at(i int) *entry {
	i += r.head
	if i >= len(r.entries) {
		i -= len(r.entries)
	}
	return &r.entries[i]
}

// push adds the newest entry. The array grows to most at most, if that isn't 0; then the ring has room.
func (r *ring) push(e entry, most int) {
	if r.length == len(r.entries) {
		capacity := max(2, 2*len(r.entries))
		if most > r.length {
			capacity = min(capacity, most)
		}
		r.resize(capacity)
	}
	r.length++
	*r.at(r.length - 1) = e
	r.bytes += e.memory()
}

// pop takes the oldest entry away.
func (r *ring) pop() entry {
	place := r.at(0)
	e := *place
	*place = entry{}
	if r.head++; r.head == len(r.entries) {
		r.head = 0
	}
	r.length--
	r.bytes -= e.memory()
	return e
}

// shrink gives back half of the array or more if three quarters of it are not used, and all of it if nothing is in it.
func (r *ring) shrink() {
	switch {
	case r.length == 0 && len(r.entries) > smallRing:
		r.entries, r.head = nil, 0
	case len(r.entries) > smallRing && r.length < len(r.entries)/4:
		r.resize(len(r.entries) / 2)
	}
}

func (r *ring) resize(capacity int) {
	entries := make([]entry, capacity)
	for i := range r.length {
		entries[i] = *r.at(i)
	}
	r.entries, r.head = entries, 0
}

// memory is what the array takes. Of an entry that is in use, bytes counts that already.
func (r *ring) memory() int64 { return int64(len(r.entries)-r.length) * entryBytes }
