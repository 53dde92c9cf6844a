package fanout

import (
	"math/bits"
	"sync"
	"unsafe"
)

// slabClasses is how many sizes of memory slabs lend.
const slabClasses = 8

// slabs lend memory for slices that grow, so that each has a power of two times least, at most twice what it needs, and memory of
// any size is used again. Any goroutine may use it.
type slabs[T any] struct {
	// least never changes.
	least int
	// classes[i] has memory for least<<i elements.
	classes [slabClasses]sync.Pool
}

// grow returns a slice with the elements of s and room for more. It takes s back if that had too little.
func (p *slabs[T]) grow(s []T, more int) []T {
	need := len(s) + more
	if need <= cap(s) {
		return s
	}
	larger := append(p.get(max(need, 2*cap(s))), s...)
	p.put(s)
	return larger
}

func (p *slabs[T]) get(size int) []T {
	class := p.class(size)
	if class >= slabClasses {
		return make([]T, 0, size)
	}
	if first, _ := p.classes[class].Get().(*T); first != nil {
		return unsafe.Slice(first, p.least<<class)[:0]
	}
	return make([]T, 0, p.least<<class)
}

// put takes back what get returned, or a slice that has grown otherwise. Nobody may use its elements afterwards.
func (p *slabs[T]) put(s []T) {
	if class := p.class(cap(s)); class < slabClasses && cap(s) == p.least<<class {
		clear(s)
		p.classes[class].Put(unsafe.SliceData(s))
	}
}

// class is the smallest i for which least<<i is at least size.
func (p *slabs[T]) class(size int) int {
	return bits.Len(uint((max(size, p.least) - 1) / p.least))
}
