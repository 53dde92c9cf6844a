package netpoll

import (
	"syscall"

	"golang.org/x/sys/unix"
)

const vectorPieces = 64

// vector is the scratch for sending a backlog of several batches with one call.
type vector struct {
	pieces [vectorPieces]unix.Iovec
}

func (r *Reactor) writeBacklog(n uint32, s *slot, g *backlog) (int, syscall.Errno) {
	if s.flags&linked != 0 {
		return r.links[n].write(g.first().bytes[g.offset:]), 0
	}
	pieces := r.vector.pieces[:0]
	offset, total := g.offset, 0
	for _, b := range g.items[g.head:] {
		view := b.bytes[offset:]
		offset = 0
		piece := unix.Iovec{Base: &view[0]}
		piece.SetLen(len(view))
		pieces = append(pieces, piece)
		total += len(view)
		if len(pieces) == vectorPieces || total >= largestWrite {
			break
		}
	}
	sent, errno := sysSendv(s.fd, pieces)
	r.count.Sends++
	clear(pieces)
	if errno != 0 {
		return 0, errno
	}
	r.count.BytesOut += uint64(sent)
	return sent, 0
}
