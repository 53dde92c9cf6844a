//go:build faults

package netpoll

import (
	"bytes"
	"fmt"
	"runtime"
	"sync/atomic"
)

// owner is the goroutine of a reactor, by what the runtime calls it in stacks; empty before the first turn.
type owner struct{ name atomic.Pointer[string] }

// adopt makes the calling goroutine the owner, if there is none yet.
func (o *owner) adopt() {
	if o.name.Load() == nil {
		o.lend()
	}
}

// lend makes the calling goroutine the owner while the one before waits for it.
func (o *owner) lend() (before *string) {
	name := goroutineName()
	return o.name.Swap(&name)
}

// assert panics where another goroutine than the owner uses what belongs to it.
func (o *owner) assert() {
	if owner := o.name.Load(); owner != nil && *owner != goroutineName() {
		panic(fmt.Sprintf("netpoll: %s uses what belongs to the reactor's goroutine, %s", goroutineName(), *owner))
	}
}

func goroutineName() string {
	var stack [64]byte
	name, _, _ := bytes.Cut(stack[:runtime.Stack(stack[:], false)], []byte(" ["))
	return string(name)
}
