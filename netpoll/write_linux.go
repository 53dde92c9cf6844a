package netpoll

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// vector is scratch for one call that sends several pieces.
type vector [maxPieces]unix.Iovec

// write hands pieces to a connection's socket, in one system call. It makes the Reactor the transport of its Sender.
func (r *Reactor) write(n uint32, pieces [][]byte) (sent int, errno syscall.Errno) {
	s := r.conns.table.At(n)
	if s.is(linked) {
		return r.writeLink(n, s, pieces[0])
	}
	r.sockets.Sends++
	if len(pieces) == 1 {
		sent, errno = sysSend(s.fd, pieces[0])
	} else {
		sent, errno = r.sockets.vector.send(s.fd, pieces)
	}
	if errno != 0 {
		return 0, errno
	}
	r.sockets.BytesOut += uint64(sent)
	r.noteProgress(s, sent)
	return sent, 0
}

func (v *vector) send(fd int32, pieces [][]byte) (sent int, errno syscall.Errno) {
	filled := v[:len(pieces)]
	for i, piece := range pieces {
		filled[i].Base = &piece[0]
		filled[i].SetLen(len(piece))
	}
	sent, errno = sysSendv(fd, filled)
	clear(filled)
	return sent, errno
}
