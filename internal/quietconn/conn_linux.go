package quietconn

import (
	"io"
	"net"
	"os"
	"syscall"
	"unsafe"
)

// conn is a connection whose socket is read and written with raw calls. One reads and one writes at a time, or more, as with any net.Conn.
type conn struct {
	net.Conn
	raw syscall.RawConn
}

// Wrap returns a connection that reads and writes the socket of another one, which belongs to it from then on. What is no TCP socket it returns
// as it is. Deadlines, Close and addresses are those of the other one. Any goroutine may call it; it does not block.
func Wrap(c net.Conn) net.Conn {
	socket, isSocket := c.(*net.TCPConn)
	if !isSocket {
		return c
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return c
	}
	return &conn{Conn: c, raw: raw}
}

// Read reads what there is, and waits if there is nothing. Errors are those of any net.Conn.
func (c *conn) Read(into []byte) (n int, err error) {
	if len(into) == 0 {
		return 0, nil
	}
	var errno syscall.Errno
	err = c.raw.Read(func(fd uintptr) bool {
		n, errno = call(syscall.SYS_READ, fd, into)
		return errno != syscall.EAGAIN
	})
	switch {
	case err != nil:
		return 0, err
	case errno != 0:
		return 0, c.failed("read", errno)
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}

// Write writes all, and waits while the socket is full. Errors are those of any net.Conn.
func (c *conn) Write(view []byte) (written int, err error) {
	var errno syscall.Errno
	err = c.raw.Write(func(fd uintptr) bool {
		for written < len(view) {
			var n int
			if n, errno = call(syscall.SYS_WRITE, fd, view[written:]); errno != 0 {
				return errno != syscall.EAGAIN
			}
			written += n
		}
		return true
	})
	switch {
	case err != nil:
		return written, err
	case errno != 0:
		return written, c.failed("write", errno)
	}
	return written, nil
}

// call reads or writes, again if a signal has come in between.
func call(number, fd uintptr, bytes []byte) (int, syscall.Errno) {
	for {
		n, _, errno := syscall.RawSyscall(number, fd, uintptr(unsafe.Pointer(unsafe.SliceData(bytes))), uintptr(len(bytes)))
		switch errno {
		case syscall.EINTR:
		case 0:
			return int(n), 0
		default:
			return 0, errno
		}
	}
}

func (c *conn) failed(name string, errno syscall.Errno) error {
	return &net.OpError{Op: name, Net: c.LocalAddr().Network(), Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: os.NewSyscallError(name, errno)}
}
