//go:build faults && linux

package simulation

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	rolls "math/rand/v2"
	"net"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/spokehub/spokehub/fanout"
)

// secureEnd is a client's end of TLS: a connection of crypto/tls over what its socket has received and what that is to send.
//
// Owners: a goroutine of its own while it shakes hands, up to the message on shaken; the driver afterwards.
type secureEnd struct {
	conn *tls.Conn
	fd   int
	// isShaking: Read and Write wait for the socket.
	isShaking bool
	shaken    chan error
	// in is what has come and crypto/tls has not read, out what it has written and is not sent.
	in, out []byte
}

// certificate is the hub's. Clients do not look at it.
var certificate = sync.OnceValue(func() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
})

func serverTLS() *tls.Config { return &tls.Config{Certificates: []tls.Certificate{certificate()}} }

// shakeTimeout bounds a client's handshake.
const shakeTimeout = time.Minute

// beginTLS begins a client's handshake on a socket.
func (k *socket) beginTLS(s *sim, r *rolls.Rand) {
	e := &secureEnd{fd: k.fd, isShaking: true, shaken: make(chan error, 1)}
	e.conn = tls.Client(e, &tls.Config{InsecureSkipVerify: true, MaxVersion: pick(r, uint16(tls.VersionTLS12), uint16(tls.VersionTLS13))})
	k.secure = e
	go func() {
		e.shaken <- e.conn.Handshake()
		s.recorder.wake()
	}()
}

// isShaken reports whether the handshake has come to its end. A failure ends the stream.
func (k *socket) isShaken() bool {
	select {
	case err := <-k.secure.shaken:
		k.secure.isShaking = false
		if err != nil {
			k.ended, k.failed = true, err
		}
		return true
	default:
		return false
	}
}

// reached connects to the hub's plain port, or to the one that speaks TLS, and shakes hands there.
func (s *sim) reached(way string, r *rolls.Rand) *socket {
	if way != "tls" {
		return s.dialed(s.port, r)
	}
	k := s.dialed(s.securePort, r)
	k.beginTLS(s, r)
	s.awaitAccepted("a TLS handshake", k.isShaken)
	if k.failed != nil && s.traits.plan.Reset == 0 {
		s.fail("TLS handshake: %v", k.failed)
	}
	return k
}

// overTLS makes both ends of a connection speak a TLS that is none of the hub's.
func (s *sim) overTLS(k *socket, conn net.Conn, r *rolls.Rand) net.Conn {
	server := tls.Server(conn, serverTLS())
	shaken := make(chan error, 1)
	go func() { shaken <- server.Handshake() }()
	k.beginTLS(s, r)
	s.await("a TLS handshake", k.isShaken)
	if err := errors.Join(k.failed, <-shaken); err != nil {
		s.fail("TLS handshake: %v", err)
	}
	return server
}

// flushSecure is flush within TLS. It sends half of what there is, so that records come in pieces.
func (k *socket) flushSecure() bool {
	e := k.secure
	if view := k.out[:min(len(k.out), k.allowed)]; len(view) > 0 && len(e.out) == 0 {
		if _, err := e.conn.Write(view); err != nil {
			k.out = nil
			return false
		}
		k.out = k.out[len(view):]
		if k.allowed < unlimited {
			k.allowed -= len(view)
		}
	}
	if len(e.out) == 0 {
		return false
	}
	n, err := unix.SendmsgN(k.fd, e.out[:(len(e.out)+1)/2], nil, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	if err != nil || n <= 0 {
		if err != unix.EAGAIN && err != unix.EINTR {
			k.out, e.out = nil, nil
		}
		return false
	}
	e.out = e.out[n:]
	return true
}

// open takes what has come within TLS. The stream ends with the hub's close_notify.
func (k *socket) open(view []byte) {
	k.secure.in = append(k.secure.in, view...)
	var buffer [16 << 10]byte
	for {
		n, err := k.secure.conn.Read(buffer[:])
		k.in = append(k.in, buffer[:n]...)
		switch {
		case err == nil:
		case errors.Is(err, errNotYet):
			return
		default:
			k.ended = true
			if !errors.Is(err, io.EOF) {
				k.failed = err
			}
			return
		}
	}
}

// endOfWire notes the end of what comes: within TLS it must have been told before.
func (k *socket) endOfWire() {
	k.ended = true
	if k.secure != nil {
		k.failed = io.ErrUnexpectedEOF
	}
}

// Read gives crypto/tls what has come.
func (e *secureEnd) Read(p []byte) (int, error) {
	for deadline := time.Now().Add(shakeTimeout); e.isShaking; {
		n, _, err := unix.Recvfrom(e.fd, p, unix.MSG_DONTWAIT)
		switch {
		case n > 0:
			return n, nil
		case err == nil:
			return 0, io.EOF
		case err != unix.EAGAIN && err != unix.EINTR:
			return 0, err
		case time.Now().After(deadline):
			return 0, fmt.Errorf("nothing in %v", shakeTimeout)
		}
		_, _ = unix.Poll([]unix.PollFd{{Fd: int32(e.fd), Events: unix.POLLIN}}, 10)
	}
	if len(e.in) == 0 {
		return 0, errNotYet
	}
	n := copy(p, e.in)
	e.in = e.in[n:]
	return n, nil
}

// Write takes what crypto/tls has made, and sends it in two pieces while it shakes hands.
func (e *secureEnd) Write(p []byte) (int, error) {
	if !e.isShaking {
		e.out = append(e.out, p...)
		return len(p), nil
	}
	for _, piece := range [][]byte{p[:len(p)/2], p[len(p)/2:]} {
		for len(piece) > 0 {
			n, err := unix.SendmsgN(e.fd, piece, nil, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
			switch {
			case err == nil:
				piece = piece[n:]
			case err == unix.EAGAIN || err == unix.EINTR:
				_, _ = unix.Poll([]unix.PollFd{{Fd: int32(e.fd), Events: unix.POLLOUT}}, 10)
			default:
				return 0, err
			}
		}
	}
	return len(p), nil
}

// notYet says that nothing more has come: crypto/tls goes on later.
type notYet struct{}

var errNotYet net.Error = notYet{}

func (notYet) Error() string   { return "nothing more has come" }
func (notYet) Timeout() bool   { return false }
func (notYet) Temporary() bool { return true }

// Close does nothing: the socket is closed by its owner.
func (e *secureEnd) Close() error { return nil }

// LocalAddr is nobody's business here, nor is RemoteAddr.
func (e *secureEnd) LocalAddr() net.Addr  { return &net.TCPAddr{} }
func (e *secureEnd) RemoteAddr() net.Addr { return &net.TCPAddr{} }

// SetDeadline does nothing, nor do the other two: nothing waits behind the handshake, which has a bound of its own.
func (e *secureEnd) SetDeadline(time.Time) error      { return nil }
func (e *secureEnd) SetReadDeadline(time.Time) error  { return nil }
func (e *secureEnd) SetWriteDeadline(time.Time) error { return nil }

// giveBack adds a removed connection again, for a new client on the same socket. The old owner may have read the beginning of what
// that has sent.
func (s *sim) giveBack(c *client, live net.Conn, r *rolls.Rand) {
	s.came[givenBack]++
	k := c.socket
	c.socket = &socket{fd: -1}
	next := s.newClient(c.way, k, r.Uint32())
	for slot := range s.slots {
		if s.slots[slot] == c {
			s.slots[slot] = next
		}
	}
	who := s.someClaim(r)
	s.logf("%v: is client %d, given back as %+v", next, c.id, who)
	next.become(who, 0)
	_ = live.SetReadDeadline(time.Time{})
	var unread []byte
	if s.traits.plan.Reset == 0 && oneIn(r, 2) {
		next.control("__subscribe", "ahead", []string{pick(r, types...)}, nil)
		unread = s.readOne(next, live)
	}
	s.join(next, live, who, fanout.AddOptions{Identity: who.entry(), Unread: unread})
}

// readOne reads a byte of what the client has sent.
func (s *sim) readOne(c *client, live net.Conn) []byte {
	one, read := make([]byte, 1), make(chan error, 1)
	go func() {
		_, err := io.ReadFull(live, one)
		read <- err
		s.recorder.wake()
	}()
	s.await("a byte on a removed connection", func() bool {
		c.flush()
		return len(read) > 0
	})
	if err := <-read; err != nil {
		c.fail("read a byte on a removed connection: %v", err)
	}
	return one
}
