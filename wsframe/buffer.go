package wsframe

import (
	"sync"
	"unsafe"
)

// classes are the capacities of pooled buffers, in bytes. Between the classes lies a factor of at most eight, so that a
// peer that sends a little can't pin much; above the last one, buffers are left to the collector.
var classes = [...]int{512, 4 << 10, 16 << 10, 64 << 10}

var pools [len(classes)]sync.Pool

// takeBuffer returns an empty buffer with room for at least n bytes, owned by the caller until giveBuffer.
func takeBuffer(n int) []byte {
	for i, size := range classes {
		if n > size {
			continue
		}
		if first, ok := pools[i].Get().(*byte); ok {
			return unsafe.Slice(first, size)[:0]
		}
		return make([]byte, 0, size)
	}
	return make([]byte, 0, n)
}

// giveBuffer takes back what takeBuffer gave; nil is allowed. Nobody may use the bytes afterwards.
func giveBuffer(buf []byte) {
	for i, size := range classes {
		if cap(buf) == size {
			pools[i].Put(unsafe.SliceData(buf))
		}
	}
}
