//go:build !linux

package netpoll

import "syscall"

type vector struct{}

func (r *Reactor) writeBacklog(n uint32, s *slot, g *backlog) (int, syscall.Errno) {
	return r.links[n].write(g.first().bytes[g.offset:]), 0
}
