//go:build faults && linux

package simulation

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// socket is a client's end of a connection: a non-blocking descriptor, so that the driver controls every byte.
type socket struct {
	// fd is the descriptor, -1 once it is closed.
	fd  int
	tcp bool
	// out is what is to be sent, and allowed how many bytes of it may be.
	out     []byte
	allowed int
	// in is what was read and is no whole frame yet.
	in []byte
	// ended is true at the end of the stream; failed is the error there, if any.
	ended  bool
	failed error
	// secure is there if it speaks TLS; out and in are what is within that then.
	secure *secureEnd
}

// unlimited allows a socket to send everything.
const unlimited = 1 << 30

// flush sends what it may and reports whether anything was sent.
func (k *socket) flush() bool {
	if k.secure != nil && k.fd >= 0 && !k.ended {
		return k.flushSecure()
	}
	view := k.out[:min(len(k.out), k.allowed)]
	if k.fd < 0 || len(view) == 0 {
		return false
	}
	n, err := unix.SendmsgN(k.fd, view, nil, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	if err != nil || n <= 0 {
		if err != unix.EAGAIN && err != unix.EINTR {
			k.out = nil
		}
		return false
	}
	k.out = k.out[n:]
	if k.allowed < unlimited {
		k.allowed -= n
	}
	return true
}

func (k *socket) read() bool { return k.readSome(16 << 10) }

// readSome reads so many bytes at most, and reports whether there was anything.
func (k *socket) readSome(most int) bool {
	if k.fd < 0 || k.ended {
		return false
	}
	var buffer [16 << 10]byte
	n, _, err := unix.Recvfrom(k.fd, buffer[:most], unix.MSG_DONTWAIT)
	switch {
	case err == unix.EAGAIN || err == unix.EINTR:
		return false
	case err != nil:
		k.ended, k.failed = true, err
	case n == 0:
		k.endOfWire()
	case k.secure != nil:
		k.open(buffer[:n])
	default:
		k.in = append(k.in, buffer[:n]...)
	}
	return true
}

// kill closes the connection at once, TCP by a reset.
func (k *socket) kill() {
	if k.fd < 0 {
		return
	}
	if k.tcp {
		_ = unix.SetsockoptLinger(k.fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	}
	k.close()
}

func (k *socket) close() {
	if k.fd >= 0 {
		unix.Close(k.fd)
		k.fd = -1
	}
}

const (
	opContinuation = 0x0
	opText         = 0x1
	opBinary       = 0x2
	opClose        = 0x8
	opPing         = 0x9
	opPong         = 0xA
	fin            = 0x80
)

// frame takes one whole frame off what was read.
func (k *socket) frame() (op byte, payload []byte, ok bool, err error) {
	b := k.in
	if len(b) < 2 {
		return 0, nil, false, nil
	}
	size, head := int(b[1]&0x7F), 2
	switch {
	case b[0]&0x70 != 0 || b[0]&fin == 0 || b[1]&0x80 != 0:
		return 0, nil, false, fmt.Errorf("frame that begins with %08b %08b", b[0], b[1])
	case size == 126 && len(b) >= 4:
		size, head = int(binary.BigEndian.Uint16(b[2:])), 4
	case size == 127 && len(b) >= 10:
		size, head = int(binary.BigEndian.Uint64(b[2:])), 10
	case size >= 126:
		return 0, nil, false, nil
	}
	switch b[0] & 0xF {
	case opText, opBinary, opClose, opPing, opPong:
	default:
		return 0, nil, false, fmt.Errorf("a frame with opcode %d", b[0]&0xF)
	}
	if size < 0 || size > 1<<20 {
		return 0, nil, false, fmt.Errorf("a frame of %d bytes", size)
	}
	if len(b) < head+size {
		return 0, nil, false, nil
	}
	k.in = b[head+size:]
	return b[0] & 0xF, b[head : head+size], true, nil
}

func clientFrame(first byte, payload string, key uint32) []byte {
	out := []byte{first}
	switch size := len(payload); {
	case size < 126:
		out = append(out, 0x80|byte(size))
	case size <= 0xFFFF:
		out = binary.BigEndian.AppendUint16(append(out, 0x80|126), uint16(size))
	default:
		out = binary.BigEndian.AppendUint64(append(out, 0x80|127), uint64(size))
	}
	out = binary.BigEndian.AppendUint32(out, key)
	for i := range len(payload) {
		out = append(out, payload[i]^byte(key>>(24-8*(i%4))))
	}
	return out
}

// unmasked takes one whole client frame off b, which a removed connection has handed back.
func unmasked(b []byte) (first byte, payload string, rest []byte, ok bool) {
	if len(b) < 6 {
		return 0, "", b, false
	}
	size, head := int(b[1]&0x7F), 2
	switch {
	case size == 126:
		if len(b) < 8 {
			return 0, "", b, false
		}
		size, head = int(binary.BigEndian.Uint16(b[2:])), 4
	case size == 127:
		if len(b) < 14 {
			return 0, "", b, false
		}
		size, head = int(binary.BigEndian.Uint64(b[2:])), 10
	}
	if size < 0 || len(b)-head-4 < size {
		return 0, "", b, false
	}
	key, body := b[head:head+4], b[head+4:head+4+size]
	plain := make([]byte, size)
	for i := range body {
		plain[i] = body[i] ^ key[i%4]
	}
	return b[0], string(plain), b[head+4+size:], true
}

// pairOf makes both ends of a connection: a socket for the client and a net.Conn for the hub.
func (s *sim) pairOf(kind string, r *rand.Rand) (*socket, net.Conn) {
	if kind == "tcp" {
		k := s.dialed(s.side.Addr().(*net.TCPAddr).Port, r)
		conn, err := s.side.Accept()
		if err != nil {
			s.fail("accept: %v", err)
		}
		return k, conn
	}
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		s.fail("socketpair: %v", err)
	}
	_ = unix.SetsockoptInt(fds[0], unix.SOL_SOCKET, unix.SO_SNDBUF, 4<<10)
	_ = unix.SetsockoptInt(fds[1], unix.SOL_SOCKET, unix.SO_SNDBUF, 4<<10)
	file := os.NewFile(uintptr(fds[1]), "hub's end "+strconv.Itoa(fds[1]))
	defer file.Close()
	conn, err := net.FileConn(file)
	if err != nil {
		s.fail("connection of a socket pair: %v", err)
	}
	k := &socket{fd: fds[0], allowed: unlimited}
	if kind == "link" {
		return k, &shortReader{Conn: conn, dice: rand.New(rand.NewPCG(r.Uint64(), 0))}
	}
	return k, conn
}

// dialed connects to a TCP port of this machine. The receive buffer is small, so that it fills up soon.
func (s *sim) dialed(port int, r *rand.Rand) *socket {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		s.fail("socket: %v", err)
	}
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, pick(r, 8<<10, 32<<10))
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_MAXSEG, 1400)
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	if err := unix.Connect(fd, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		s.fail("connect: %v", err)
	}
	_ = unix.SetNonblock(fd, true)
	return &socket{fd: fd, tcp: true, allowed: unlimited}
}

func (k *socket) port() int {
	if name, err := unix.Getsockname(k.fd); err == nil {
		if in, ok := name.(*unix.SockaddrInet4); ok {
			return in.Port
		}
	}
	return 0
}

// shortReader is a connection that hides its descriptor and often reads little at a time. One goroutine reads.
type shortReader struct {
	net.Conn
	dice *rand.Rand
}

func (c *shortReader) Read(p []byte) (int, error) {
	if len(p) > 1 && c.dice.IntN(2) == 0 {
		p = p[:1+c.dice.IntN(min(len(p)-1, 64))]
	}
	return c.Conn.Read(p)
}

func (c *shortReader) CloseWrite() error { return c.Conn.(*net.UnixConn).CloseWrite() }
