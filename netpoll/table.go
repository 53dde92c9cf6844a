package netpoll

const tableChunk = 512

// Table is a growing array of values by slot number. It grows chunk by chunk and never moves a value, so growing copies
// nothing and leaves nothing to the collector. It has one owner.
type Table[T any] struct {
	chunks []*[tableChunk]T
	n      uint32
}

// At is the value in place i, which must be below Len. The pointer is good until Reset.
func (t *Table[T]) At(i uint32) *T { return &t.chunks[i/tableChunk][i%tableChunk] }

// Len is the number of values.
func (t *Table[T]) Len() uint32 { return t.n }

// Extend adds zero values until the table has at least n.
func (t *Table[T]) Extend(n uint32) {
	for uint32(len(t.chunks))*tableChunk < n {
		t.chunks = append(t.chunks, new([tableChunk]T))
	}
	t.n = max(t.n, n)
}

// Reset empties the table and leaves its memory to the collector.
func (t *Table[T]) Reset() { *t = Table[T]{} }
