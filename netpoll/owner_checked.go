//go:build faults

package netpoll

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"
)

// owner is the goroutine of a reactor, by the number that the runtime gives it in stacks; 0 before the first turn. To look that up takes
// microseconds, so places remembers where on its stack it was found to be: no other goroutine is there, unless the stack has moved.
type owner struct {
	goroutine atomic.Uint64
	places    [64]atomic.Uintptr
	// skipped counts the calls of SkipAhead that the reactor has followed.
	skipped uint64
}

// placeBits is the size of the least stack, in bits: a place lies on one stack.
const placeBits = 11

// adopt makes the calling goroutine the owner, if there is none yet.
func (o *owner) adopt() {
	if o.goroutine.Load() == 0 {
		o.goroutine.Store(goroutineNumber())
	}
}

// assert panics where another goroutine than the owner uses what belongs to it.
func (o *owner) assert() {
	owner := o.goroutine.Load()
	if owner == 0 {
		return
	}
	var local byte
	place := uintptr(unsafe.Pointer(&local)) >> placeBits
	known := &o.places[place%uintptr(len(o.places))]
	if known.Load() == place {
		return
	}
	if caller := goroutineNumber(); caller != owner {
		panic(fmt.Sprintf("netpoll: goroutine %d uses what belongs to the reactor's, %d", caller, owner))
	}
	known.Store(place)
}

// stacks are buffers for the first line of a stack, "goroutine 17 [running]:".
var stacks = sync.Pool{New: func() any { return new([64]byte) }}

func goroutineNumber() (number uint64) {
	stack := stacks.Get().(*[64]byte)
	defer stacks.Put(stack)
	for _, c := range stack[len("goroutine "):runtime.Stack(stack[:], false)] {
		if c < '0' || c > '9' {
			break
		}
		number = number*10 + uint64(c-'0')
	}
	return number
}
