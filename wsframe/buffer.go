package wsframe

import (
	"math/bits"
	"sync"
	"unsafe"
)

// Pooled buffers have a power of two of bytes in this range. Larger ones are left to the collector. The pools give up what
// nobody has used between two collections.
const (
	minBuffer     = 1 << minBufferBits
	maxBuffer     = 1 << maxBufferBits
	minBufferBits = 9
	maxBufferBits = 24
)

// pools[i] has buffers of minBuffer<<i bytes.
var pools [maxBufferBits - minBufferBits + 1]sync.Pool

// getBuffer returns an empty buffer for at least size bytes, which the caller owns until putBuffer. Up to maxBuffer its
// capacity is the next power of two, and minBuffer at least. size is positive.
func getBuffer(size int) []byte {
	if size > maxBuffer {
		return make([]byte, 0, size)
	}
	class := poolClass(max(size, minBuffer))
	if first, ok := pools[class].Get().(*byte); ok {
		return unsafe.Slice(first, minBuffer<<class)[:0]
	}
	return make([]byte, 0, minBuffer<<class)
}

// putBuffer takes back what getBuffer returned; nil is allowed. Nobody may use the bytes afterwards.
func putBuffer(buf []byte) {
	size := cap(buf)
	if size >= minBuffer && size <= maxBuffer {
		pools[poolClass(size)].Put(unsafe.SliceData(buf))
	}
}

// poolClass returns the index of the pool whose buffers are the smallest that have size bytes.
func poolClass(size int) int {
	return bits.Len(uint(size-1)) - minBufferBits
}
