//go:build linux

package swarm

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"iter"
	"net"
	"os"
)

// TLSConfig is what clients offer: TLS 1.3 with X25519 and no session to resume, so that every server does the same work. It is nil
// for a server without TLS, and the caller's.
func (s Server) TLSConfig() (*tls.Config, error) {
	if s.Certificate == "" {
		return nil, nil
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(s.Certificate)) {
		return nil, errors.New("the server's certificate is not in PEM")
	}
	return &tls.Config{
		RootCAs: roots, ServerName: tlsName, MinVersion: tls.VersionTLS13, CurvePreferences: []tls.CurveID{tls.X25519},
		NextProtos: []string{"http/1.1"}, DynamicRecordSizingDisabled: true,
	}, nil
}

// tlsSuite is the cipher that a server has to choose: figures of different ones would not compare.
const tlsSuite = tls.TLS_AES_128_GCM_SHA256

// secure is the TLS of one connection, over a wire in memory. The process moves the bytes between the wire and the socket.
type secure struct {
	conn *tls.Conn
	wire *wire
	// next resumes the handshake until it needs more from the server, and reports whether it goes on; stop ends it. failed is what has
	// become of it.
	next   func() (struct{}, bool)
	stop   func()
	failed error
}

// wire is both directions of a connection beneath its TLS.
type wire struct {
	// Conn is nil: what TLS needs of one is below.
	net.Conn
	// in is what has come and TLS has not read.
	in []byte
	// out is what TLS has written.
	out writer
	// pause leaves the handshake until more has come; false means that it never will. It is nil after the handshake.
	pause func() bool
}

// errDry is a temporary error of the network to crypto/tls: it keeps the part of a record that it has, and can read again.
var errDry net.Error = dry{}

type dry struct{}

func (dry) Error() string   { return "swarm: nothing more has come" }
func (dry) Timeout() bool   { return true }
func (dry) Temporary() bool { return true }

// Read implements io.Reader.
func (w *wire) Read(buffer []byte) (int, error) {
	for len(w.in) == 0 {
		if w.pause == nil {
			return 0, errDry
		}
		if !w.pause() {
			return 0, os.ErrClosed
		}
	}
	n := copy(buffer, w.in)
	w.in = w.in[n:]
	return n, nil
}

// Write implements io.Writer.
func (w *wire) Write(view []byte) (int, error) {
	w.out.buffer = append(w.out.buffer, view...)
	return len(view), nil
}

// newSecure is the TLS of a connection whose handshake has not begun.
func newSecure(fd int32, config *tls.Config) *secure {
	s := &secure{wire: &wire{out: writer{fd: fd}}}
	s.conn = tls.Client(s.wire, config)
	s.next, s.stop = iter.Pull(func(yield func(struct{}) bool) {
		s.wire.pause = func() bool { return yield(struct{}{}) }
		s.failed = s.conn.Handshake()
		s.wire.pause = nil
	})
	return s
}

// shake goes on with the handshake, and writes what that makes. over means that it has succeeded or failed.
func (s *secure) shake() (over bool, err error) {
	_, more := s.next()
	s.wire.out.flush()
	if more {
		return false, nil
	}
	s.next, s.stop = nil, nil
	if s.failed != nil {
		return true, fmt.Errorf("TLS handshake: %w", s.failed)
	}
	if suite := s.conn.ConnectionState().CipherSuite; suite != tlsSuite {
		return true, fmt.Errorf("the server chose %s, want %s", tls.CipherSuiteName(suite), tls.CipherSuiteName(tlsSuite))
	}
	return true, nil
}

// open decrypts into a buffer what the wire has, as far as it fits. ended is true at the close notify or a broken record.
func (s *secure) open(buffer []byte) (n int, ended bool) {
	for n < len(buffer) {
		read, err := s.conn.Read(buffer[n:])
		n += read
		if err != nil {
			return n, !errors.Is(err, errDry)
		}
	}
	return n, false
}

// seal encrypts bytes and writes what the socket takes.
func (s *secure) seal(view []byte) {
	if len(view) > 0 {
		s.conn.Write(view)
	}
	s.wire.out.flush()
}

// close ends a handshake that has not.
func (s *secure) close() {
	if s.stop != nil {
		s.stop()
	}
	s.wire.out.dead = true
}

// readSecure reads everything that the socket has, as read does.
func (p *process) readSecure(s *spoke, ending bool) {
	for s.state != stateClosed {
		n := p.readSocket(s, p.buffers.sealed)
		if n == 0 {
			return
		}
		s.secure.wire.in = p.buffers.sealed[:n]
		p.receiveSecure(s)
		if n < len(p.buffers.sealed) && !ending {
			return
		}
	}
}

// receiveSecure handles all that the wire has: first the handshake.
func (p *process) receiveSecure(s *spoke) {
	if s.state == stateSecuring {
		p.shake(s)
	}
	for s.state > stateSecuring && s.state != stateClosed {
		partial := copy(p.buffers.plain, s.partial)
		if partial == len(p.buffers.plain) {
			p.lose(s, tooLarge)
			return
		}
		n, ended := s.secure.open(p.buffers.plain[partial:])
		if n > 0 {
			s.partial = s.partial[:0]
			p.receive(s, p.buffers.plain[:partial+n])
		}
		if ended && s.state != stateClosed {
			p.ended(s, 0)
		}
		if partial+n < len(p.buffers.plain) {
			return
		}
	}
}

// shake goes on with the TLS handshake of a connection; the request follows it.
func (p *process) shake(s *spoke) {
	switch over, err := s.secure.shake(); {
	case err != nil:
		p.lose(s, err.Error())
	case over:
		s.state = stateUpgrading
		p.send(s, p.connector.nextRequest())
	}
}
