//go:build !linux

package netpoll

import "fmt"

// listeners has no members on a system where a reactor does not accept.
type listeners struct {
	open   int
	pauses uint64
}

func (l *listeners) forget(n uint32) {}

// Listen fails on this system, where connections are accepted outside and come by OpenLink. The caller still owns fd.
func (r *Reactor) Listen(fd int) (uint32, error) {
	return NoSlot, fmt.Errorf("listen: %w", errNoDescriptors)
}

func (r *Reactor) accept(n uint32) {}

// RetryAccept does nothing on this system.
func (r *Reactor) RetryAccept() {}

func (r *Reactor) retryAccept() {}

func (r *Reactor) resumeAccept(n uint32) {}
