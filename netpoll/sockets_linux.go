package netpoll

import (
	"errors"
	"fmt"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

const deferSeconds = 1

// Tune applies options to a connected socket. A socket that doesn't know an option, as Unix sockets don't know TCP's,
// goes without.
func Tune(fd int, s Sockets) {
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	if s.SendBuffer > 0 {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, s.SendBuffer)
	}
	if s.UnsentLimit > 0 {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, s.UnsentLimit)
	}
}

// TuneListener applies options to a listening socket, from which accepted ones inherit them: so they cost no call a
// connection. inherited is false for a Multipath TCP listener, which is what net.Listen makes: those accepted from it that
// speak plain TCP know nothing of its options, so each needs a Tune of its own.
func TuneListener(fd int, s Sockets) (inherited bool) {
	Tune(fd, s)
	if s.DeferAccept > 0 {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT, deferSeconds)
	}
	protocol, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PROTOCOL)
	return err != nil || protocol != unix.IPPROTO_MPTCP
}

// AdoptListener takes the descriptor out of a *net.TCPListener or *net.UnixListener, which is closed, as Adopt does for
// a connection. ok is false, and l untouched, for any other listener.
func AdoptListener(l net.Listener) (fd int, ok bool, err error) {
	switch t := l.(type) {
	case *net.TCPListener:
	case *net.UnixListener:
		t.SetUnlinkOnClose(false)
	default:
		return -1, false, nil
	}
	fd, err = take(l.(interface {
		syscall.Conn
		Close() error
	}))
	if err != nil {
		return -1, true, fmt.Errorf("adopt listener: %w", err)
	}
	return fd, true, nil
}

// take duplicates a descriptor, closes its old owner and makes it non-blocking.
func take(owner interface {
	syscall.Conn
	Close() error
}) (fd int, err error) {
	raw, err := owner.SyscallConn()
	if err != nil {
		return -1, err
	}
	var dupErr error
	err = raw.Control(func(original uintptr) {
		fd, dupErr = unix.FcntlInt(original, unix.F_DUPFD_CLOEXEC, 0)
	})
	if err = errors.Join(err, dupErr); err != nil {
		return -1, err
	}
	if err = errors.Join(owner.Close(), unix.SetNonblock(fd, true)); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// SetUnsentLimit changes Sockets.UnsentLimit for the connection in slot n, if it has a descriptor. 0 is the system's.
func (r *Reactor) SetUnsentLimit(n uint32, limit int) {
	r.owner.assert()
	if s := r.conns.table.At(n); s.fd >= 0 && !s.is(linked) {
		_ = unix.SetsockoptInt(int(s.fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, limit)
	}
}
