package wsframe

import (
	"math/bits"
	"sync"
	"sync/atomic"
	"unsafe"
	"weak"
)

// Buffers have a power of two of bytes, from minBuffer to maxBuffer. A larger one has what is asked for, and is not reused.
const (
	minBufferBits = 9
	maxPooledBits = 16
	maxBufferBits = 24

	minBuffer = 1 << minBufferBits
	maxBuffer = 1 << maxBufferBits
)

// pools[i] has the buffers of minBuffer<<i bytes, for the smaller ones.
var pools [maxPooledBits - minBufferBits + 1]sync.Pool

// slots[i] has a buffer of minBuffer<<(len(pools)+i) bytes, for the larger ones.
var slots [maxBufferBits - maxPooledBits]weakSlot

// getBuffer returns an empty buffer for at least size bytes, which the caller owns until putBuffer. size is positive.
func getBuffer(size int) []byte {
	if size > maxBuffer {
		return make([]byte, 0, size)
	}
	class := bufferClass(max(size, minBuffer))
	var first *byte
	if class < len(pools) {
		first, _ = pools[class].Get().(*byte)
	} else {
		first = slots[class-len(pools)].get()
	}
	if first == nil {
		return make([]byte, 0, minBuffer<<class)
	}
	return unsafe.Slice(first, minBuffer<<class)[:0]
}

// putBuffer takes back what getBuffer returned; nil is allowed. Nobody may use the bytes afterwards.
func putBuffer(buf []byte) {
	size := cap(buf)
	if size < minBuffer || size > maxBuffer {
		return
	}
	first := unsafe.SliceData(buf)
	if class := bufferClass(size); class < len(pools) {
		pools[class].Put(first)
	} else {
		slots[class-len(pools)].put(first)
	}
}

// bufferClass returns the smallest i for which minBuffer<<i is at least size.
func bufferClass(size int) int {
	return bits.Len(uint(size-1)) - minBufferBits
}

// weakSlot has at most one buffer that nobody uses, and lets the collector free it. So a large buffer costs no more memory
// than garbage does, and can be used again as long as it is there: clearing a fresh one costs as much as filling it. Any
// goroutine may use a weakSlot.
type weakSlot struct {
	buffer atomic.Pointer[weak.Pointer[byte]]
}

// get returns the first byte of the buffer, nil if there is none. The caller owns it.
func (s *weakSlot) get() *byte {
	p := s.buffer.Swap(nil)
	if p == nil {
		return nil
	}
	return p.Value()
}

// put replaces the buffer.
func (s *weakSlot) put(first *byte) {
	p := weak.Make(first)
	s.buffer.Store(&p)
}
