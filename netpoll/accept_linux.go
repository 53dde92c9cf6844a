package netpoll

import (
	"fmt"
	"net/netip"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// maxAccepts is how many connections a listener accepts before others get their turn; when the slice of time for reading
	// is over, it stops at minAccepts.
	maxAccepts = 128
	minAccepts = 8
	// acceptPause is how many ticks accepting pauses unless a descriptor comes free earlier.
	acceptPause = 10
	// acceptWork is what accepting costs, as spend counts it.
	acceptWork = 8 * callWork
)

// listeners is what a reactor knows of its listening sockets. It belongs to the reactor.
type listeners struct {
	open int
	// paused are those that wait for a descriptor to come free, or for their deadline.
	paused []uint32
	pauses uint64
	// peer is scratch for the address of who connects.
	peer unix.RawSockaddrAny
}

func (l *listeners) forget(n uint32) {
	l.open--
	for i, p := range l.paused {
		if p == n {
			l.paused = append(l.paused[:i], l.paused[i+1:]...)
			return
		}
	}
}

// Listen accepts from the listening, non-blocking socket fd, which it takes over. Connections come to Handler.Accepted.
func (r *Reactor) Listen(fd int) (uint32, error) {
	n, err := r.Open(fd)
	if err != nil {
		return NoSlot, fmt.Errorf("listen: %w", err)
	}
	r.conns.table.At(n).state |= listening
	r.listen.open++
	return n, nil
}

// accept takes connections from a listener until the slice of time for reading is over. What waits behind is reported again.
func (r *Reactor) accept(n uint32) {
	token := r.Conn(n)
	for i := range maxAccepts {
		if !r.Holds(token) || r.turns.stint.over && i >= minAccepts {
			return
		}
		fd, errno := sysAccept(r.conns.table.At(n).fd, &r.listen.peer)
		switch errno {
		case 0:
			r.notifyAccepted(n, Accepted{FD: fd, Peer: address(&r.listen.peer)})
			r.spend(acceptWork)
		case syscall.EAGAIN:
			return
		case syscall.EINTR, syscall.ECONNABORTED, syscall.EPROTO, syscall.ENETDOWN, syscall.ENOPROTOOPT, syscall.EHOSTDOWN,
			syscall.ENONET, syscall.EHOSTUNREACH, syscall.EOPNOTSUPP, syscall.ENETUNREACH, syscall.EPERM:
		default:
			r.pauseAccept(n, errno)
			return
		}
	}
}

func (r *Reactor) pauseAccept(n uint32, errno syscall.Errno) {
	r.listen.pauses++
	r.Pause(n)
	r.SetDeadline(n, acceptPause*Tick)
	r.listen.paused = append(r.listen.paused, n)
	r.notifyAccepting(n, fmt.Errorf("accept: %w", errno))
}

// RetryAccept has paused listeners tried again, if there are any: for a descriptor that another reactor has closed.
func (r *Reactor) RetryAccept() {
	r.owner.assert()
	r.retryAccept()
}

// retryAccept tries the paused listeners again: something has just been closed.
func (r *Reactor) retryAccept() {
	for len(r.listen.paused) > 0 {
		r.resumeAccept(r.listen.paused[0])
	}
}

func (r *Reactor) resumeAccept(n uint32) {
	for i, p := range r.listen.paused {
		if p == n {
			r.listen.paused = append(r.listen.paused[:i], r.listen.paused[i+1:]...)
			r.notifyAccepting(n, nil)
			r.Resume(n)
			return
		}
	}
}

func networkOrder(port uint16) uint16 { return port>>8 | port<<8 }

func address(a *unix.RawSockaddrAny) netip.AddrPort {
	switch a.Addr.Family {
	case unix.AF_INET:
		in := (*unix.RawSockaddrInet4)(unsafe.Pointer(a))
		return netip.AddrPortFrom(netip.AddrFrom4(in.Addr), networkOrder(in.Port))
	case unix.AF_INET6:
		in := (*unix.RawSockaddrInet6)(unsafe.Pointer(a))
		return netip.AddrPortFrom(netip.AddrFrom16(in.Addr).Unmap(), networkOrder(in.Port))
	}
	return netip.AddrPort{}
}
