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
	if s.state&(linked|secured) != 0 {
		return r.writeOver(n, s, pieces)
	}
	r.sockets.Sends++
	if len(pieces) == 1 {
		sent, errno = sysSend(s.fd, pieces[0])
	} else {
		sent, errno = r.sockets.vector.send(s.fd, pieces)
	}
	return r.noteSent(s, sent, errno)
}

// writeOver is write for a connection of TLS or one without a descriptor.
func (r *Reactor) writeOver(n uint32, s *slot, pieces [][]byte) (int, syscall.Errno) {
	if s.is(secured) {
		return r.writeSecured(n, s, pieces)
	}
	return r.writeLink(n, s, pieces[0])
}

// sendRaw hands bytes to a connection's socket as they are.
func (r *Reactor) sendRaw(n uint32, s *slot, view []byte) (int, syscall.Errno) {
	if s.is(linked) {
		return r.writeLink(n, s, view)
	}
	r.sockets.Sends++
	sent, errno := sysSend(s.fd, view)
	return r.noteSent(s, sent, errno)
}

// noteSent counts what a socket has taken.
func (r *Reactor) noteSent(s *slot, sent int, errno syscall.Errno) (int, syscall.Errno) {
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
