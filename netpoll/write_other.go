//go:build !linux

package netpoll

import "syscall"

type vector struct{}

// write makes the Reactor the transport of its Sender.
func (r *Reactor) write(n uint32, pieces [][]byte) (int, syscall.Errno) {
	return r.writeLink(n, r.conns.table.At(n), pieces[0])
}
