//go:build !faults

package netpoll

import (
	"syscall"

	"golang.org/x/sys/unix"
)

func sysSend(fd int32, view []byte) (int, syscall.Errno)         { return rawSend(fd, view) }
func sysSendv(fd int32, views []unix.Iovec) (int, syscall.Errno) { return rawSendv(fd, views) }
func sysRecv(fd int32, buf []byte) (int, syscall.Errno)          { return rawRecv(fd, buf) }

func sysAccept(fd int32, from *unix.RawSockaddrAny) (int, syscall.Errno) {
	return rawAccept(fd, from)
}

func (r *Reactor) injectIntoTurn() {}
