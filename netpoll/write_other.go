//go:build !linux

package netpoll

import "syscall"

type vector struct{}

// write makes the Reactor the transport of its Sender.
func (r *Reactor) write(n uint32, pieces [][]byte) (int, syscall.Errno) {
	s := r.conns.table.At(n)
	if s.is(secured) {
		return r.writeSecured(n, s, pieces)
	}
	return r.writeLink(n, s, pieces[0])
}

// sendRaw hands bytes to a connection's link as they are.
func (r *Reactor) sendRaw(n uint32, s *slot, view []byte) (int, syscall.Errno) {
	return r.writeLink(n, s, view)
}
