//go:build faults

package netpoll

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
)

// owner is the goroutine of a reactor, by the number that the runtime gives it in stacks; 0 before the first turn.
type owner struct{ goroutine atomic.Uint64 }

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
	if caller := goroutineNumber(); caller != owner {
		panic(fmt.Sprintf("netpoll: goroutine %d uses what belongs to the reactor's, %d", caller, owner))
	}
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
