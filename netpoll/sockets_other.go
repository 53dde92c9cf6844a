//go:build !linux

package netpoll

import "net"

// Tune does nothing on this system.
func Tune(fd int, s Sockets) {}

// TuneListener does nothing on this system.
func TuneListener(fd int, s Sockets) (inherited bool) { return true }

// AdoptListener takes no descriptor on this system: ok is false and l untouched.
func AdoptListener(l net.Listener) (fd int, ok bool, err error) { return -1, false, nil }

// SetUnsentLimit does nothing: connections have no descriptors here.
func (r *Reactor) SetUnsentLimit(uint32, int) {}
