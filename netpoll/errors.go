package netpoll

import (
	"os"
	"syscall"
)

func sendError(errno syscall.Errno) error { return os.NewSyscallError("send", errno) }

func receiveError(errno syscall.Errno) error { return os.NewSyscallError("recv", errno) }
