package netpoll

import (
	"fmt"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

func newPoller(r *Reactor) (poller, error) {
	switch r.cfg.Engine {
	case EngineDefault:
		return newDefaultPoller(r)
	case EngineEpoll:
		return newEpollPoller(r)
	case EngineParked:
		return newParkedPoller(r)
	case EngineEasygo:
		return newEasygoPoller(r)
	case EngineGoroutine:
		return newGoroutinePoller(r), nil
	}
	return nil, fmt.Errorf("Config.Engine: %d is none", r.cfg.Engine)
}

// newDefaultPoller parks a reactor that is alone, where the kernel lets it: it may not take one epoll set into another.
func newDefaultPoller(r *Reactor) (poller, error) {
	if r.cfg.Alone {
		if p, err := newParkedPoller(r); err == nil {
			return p, nil
		}
	}
	return newEasygoPoller(r)
}

// HasDescriptors says whether reactors with this engine take sockets by descriptor.
func (e Engine) HasDescriptors() bool { return e != EngineGoroutine }

// Open takes over the non-blocking socket fd and starts reading from it. On error the caller still owns fd. The slot is
// valid until Close or Release.
func (r *Reactor) Open(fd int) (uint32, error) {
	n := r.openSlot()
	s := r.conns.table.At(n)
	s.fd = int32(fd)
	if err := r.poller.add(s.fd, Conn{Slot: n, Gen: s.gen}, false); err != nil {
		r.conns.retire(n)
		return NoSlot, err
	}
	return n, nil
}

// Adopt takes the descriptor out of conn: the returned descriptor is a non-blocking duplicate and conn is closed, so
// that Go's own poller forgets it. ok is false, and conn untouched, for a conn that has no socket of its own, as TLS
// connections and pipes have none.
func Adopt(conn net.Conn) (fd int, ok bool, err error) {
	switch conn.(type) {
	case *net.TCPConn, *net.UnixConn:
	default:
		return -1, false, nil
	}
	fd, err = take(conn.(interface {
		syscall.Conn
		Close() error
	}))
	if err != nil {
		return -1, true, fmt.Errorf("adopt connection: %w", err)
	}
	return fd, true, nil
}

// detach takes a descriptor out of the reactor.
func (r *Reactor) detach(s *slot) { _ = r.poller.del(s.fd) }

// connOf makes a net.Conn of a descriptor, which it consumes.
func connOf(fd int32) (net.Conn, error) {
	file := os.NewFile(uintptr(fd), "released connection")
	conn, err := net.FileConn(file)
	if err != nil {
		return &fileConn{File: file, local: nameOf(unix.Getsockname(int(fd))), remote: nameOf(unix.Getpeername(int(fd)))}, nil
	}
	file.Close()
	return conn, nil
}

// fileConn stands in for what net.FileConn makes where no descriptor is left for its duplicate.
type fileConn struct {
	*os.File
	local, remote net.Addr
}

func (c *fileConn) LocalAddr() net.Addr  { return c.local }
func (c *fileConn) RemoteAddr() net.Addr { return c.remote }

// rejectDescriptor reads what has come, so that closing does not reset the connection under what is sent last.
func rejectDescriptor(fd int32, last []byte) {
	var unread [4096]byte
	_, _ = sysRecv(fd, unread[:])
	_, _ = sysSend(fd, last)
	shutdownWrite(fd)
	closeDescriptor(fd)
}

func closeDescriptor(fd int32) { unix.Close(int(fd)) }

// hasInput says whether a socket has something to be read: bytes, an end or an error.
func hasInput(fd int) bool {
	var first [1]byte
	_, _, err := unix.Recvfrom(fd, first[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
	return err != unix.EAGAIN && err != unix.EINTR
}

func shutdownWrite(fd int32) { _ = unix.Shutdown(int(fd), unix.SHUT_WR) }

// LocalAddr is the address that the connection in slot n was accepted on, nil if it can't be told.
func (r *Reactor) LocalAddr(n uint32) net.Addr {
	r.owner.assert()
	s := r.conns.table.At(n)
	if s.is(linked) {
		return r.links.bySlot[n].conn.LocalAddr()
	}
	return nameOf(unix.Getsockname(int(s.fd)))
}

func nameOf(name unix.Sockaddr, err error) net.Addr {
	if err != nil {
		return nil
	}
	switch a := name.(type) {
	case *unix.SockaddrInet4:
		return &net.TCPAddr{IP: a.Addr[:], Port: a.Port}
	case *unix.SockaddrInet6:
		return &net.TCPAddr{IP: a.Addr[:], Port: a.Port}
	case *unix.SockaddrUnix:
		return &net.UnixAddr{Name: a.Name, Net: "unix"}
	}
	return nil
}
