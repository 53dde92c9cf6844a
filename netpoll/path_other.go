//go:build !linux

package netpoll

// Path tells nothing on this system: connections have no descriptors here.
func (r *Reactor) Path(uint32) (p Path, ok bool) { return Path{}, false }
