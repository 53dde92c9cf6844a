package netpoll

import (
	"errors"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
	"time"
)

// Accepted is a connection that nobody has opened on a reactor yet: FD, a non-blocking descriptor, or where there is
// none Conn. Peer is the other end's address, the zero value if it has none.
type Accepted struct {
	FD   int
	Conn net.Conn
	Peer netip.AddrPort
}

// Close closes a connection that nobody has opened on a reactor.
func (a Accepted) Close() {
	if a.Conn != nil {
		a.Conn.Close()
		return
	}
	closeDescriptor(int32(a.FD))
}

// Reject sends last, as far as the socket takes it at once, and closes a connection that nobody has opened. One without a
// descriptor takes a goroutine for that, and for TLS a handshake; while many are at it, it is closed without a word.
func (a Accepted) Reject(last []byte) {
	if a.Conn == nil {
		rejectDescriptor(int32(a.FD), last)
		return
	}
	if rejecting.Add(1) > maxRejecting {
		rejecting.Add(-1)
		a.Conn.Close()
		return
	}
	go rejectLink(a.Conn, last)
}

// rejecting is how many connections without a descriptor are being rejected in this process, at most maxRejecting.
var rejecting atomic.Int32

const maxRejecting = 32

func rejectLink(conn net.Conn, last []byte) {
	defer rejecting.Add(-1)
	_ = conn.SetDeadline(time.Now().Add(rejectTimeout))
	_, _ = conn.Write(last)
	conn.Close()
}

const rejectTimeout = time.Second

// CloseDescriptor closes a descriptor that Accepted, Adopt or AdoptListener brought and nobody opened.
func CloseDescriptor(fd int) { closeDescriptor(int32(fd)) }

// IsExhausted says whether err, as Handler.AcceptFailed has it, means that descriptors or memory are used up.
func IsExhausted(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ENOBUFS) ||
		errors.Is(err, syscall.ENOMEM)
}
