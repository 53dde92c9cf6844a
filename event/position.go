package event

// Position is a place in a stream: behind the event that has this offset. Offset 0 is the beginning of the epoch. The zero value is
// no position.
type Position struct {
	// Epoch names the run of offsets that Offset belongs to: up to 32 letters, digits, "-" and "_". Offsets of two epochs have nothing to
	// do with each other.
	Epoch string
	// Offset is that of the last event ahead of the position, at most MaxOffset.
	Offset uint64
}

// MaxOffset is the greatest offset: the greatest integer that every JSON implementation reads exactly.
const MaxOffset = 1<<53 - 1
