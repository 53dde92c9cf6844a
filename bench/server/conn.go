//go:build linux

package server

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/gobwas/ws"

	"github.com/spokehub/spokehub/bench/swarm"
)

const (
	dialTimeout  = 15 * time.Second
	longestFrame = 32 << 20
)

// Conn is a client's connection to a Server, bare TCP or TLS, for one goroutine, with the pieces of WebSocket that its caller puts together, rightly
// or wrongly. Reading frames needs ReadUpgrade first.
type Conn struct {
	*net.TCPConn
	// secure is nil without TLS.
	secure *tls.Conn
	in     *bufio.Reader
}

// scratches are where payloads go that nobody wants.
var scratches = sync.Pool{New: func() any { return new([64 << 10]byte) }}

// Dial connects, over TLS if the server speaks it, from the source address that belongs to a number, so that ports don't run out. Reads and
// writes have a deadline of 15 seconds until the caller sets another.
func (s *Server) Dial(number int) (*Conn, error) {
	c, err := s.DialTCP(number)
	if err != nil || s.Certificate == "" {
		return c, err
	}
	config, err := s.TLSConfig()
	if err == nil {
		err = c.StartTLS(config)
	}
	if err != nil {
		c.Reset()
		return nil, err
	}
	return c, nil
}

// TLSConfig is what a client needs to trust the server, and free to be changed.
func (s *Server) TLSConfig() (*tls.Config, error) {
	return swarm.Server{Certificate: s.Certificate}.TLSConfig()
}

// DialTCP is Dial for who shakes hands by TLS later, by StartTLS, or not at all.
func (s *Server) DialTCP(number int) (*Conn, error) {
	source := swarm.SourceAddress(number)
	dialer := net.Dialer{Timeout: dialTimeout, LocalAddr: &net.TCPAddr{IP: source[:]}, KeepAlive: -1}
	conn, err := dialer.Dial("tcp", s.Address)
	if err != nil {
		return nil, err
	}
	conn.SetDeadline(time.Now().Add(dialTimeout))
	return &Conn{TCPConn: conn.(*net.TCPConn)}, nil
}

// StartTLS shakes hands. What is read and written from then on is encrypted.
func (c *Conn) StartTLS(config *tls.Config) error {
	c.secure = tls.Client(c.TCPConn, config)
	if err := c.secure.Handshake(); err != nil {
		return fmt.Errorf("shake hands by TLS: %w", err)
	}
	return nil
}

// Read implements io.Reader.
func (c *Conn) Read(buffer []byte) (int, error) {
	if c.secure != nil {
		return c.secure.Read(buffer)
	}
	return c.TCPConn.Read(buffer)
}

// Write implements io.Writer.
func (c *Conn) Write(view []byte) (int, error) {
	if c.secure != nil {
		return c.secure.Write(view)
	}
	return c.TCPConn.Write(view)
}

// Request is the handshake of a client.
func (s *Server) Request() []byte { return swarm.Handshake(s.Path, s.Address) }

// ReadUpgrade reads the answer to the handshake.
func (c *Conn) ReadUpgrade() error {
	c.in = bufio.NewReaderSize(struct{ io.Reader }{c}, 1024)
	response, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return fmt.Errorf("read the answer to the handshake: %w", err)
	}
	if response.StatusCode != http.StatusSwitchingProtocols {
		return fmt.Errorf("the handshake was answered with %s", response.Status)
	}
	return nil
}

// ReadFrame reads one frame and appends its payload to what the caller has.
func (c *Conn) ReadFrame(payload *[]byte) (ws.Header, error) {
	header, err := ws.ReadHeader(c.in)
	if err != nil {
		return header, err
	}
	if header.Length > longestFrame {
		return header, fmt.Errorf("a frame of %d bytes, want at most %d", header.Length, longestFrame)
	}
	start := len(*payload)
	*payload = slices.Grow(*payload, int(header.Length))[:start+int(header.Length)]
	_, err = io.ReadFull(c.in, (*payload)[start:])
	return header, err
}

// SkipFrame reads one frame and throws its payload away, unless it is a control frame: then it returns the payload.
func (c *Conn) SkipFrame() (header ws.Header, payload []byte, err error) {
	if header, err = ws.ReadHeader(c.in); err != nil {
		return header, nil, err
	}
	if header.OpCode.IsControl() {
		payload = make([]byte, header.Length)
		_, err = io.ReadFull(c.in, payload)
		return header, payload, err
	}
	scratch := scratches.Get().(*[64 << 10]byte)
	defer scratches.Put(scratch)
	for left := header.Length; left > 0 && err == nil; {
		var n int
		n, err = c.in.Read(scratch[:min(left, int64(len(scratch)))])
		left -= int64(n)
	}
	return header, nil, err
}

// ReadText reads the next text message, and answers pings on the way.
func (c *Conn) ReadText() ([]byte, error) {
	for {
		var payload []byte
		header, err := c.ReadFrame(&payload)
		if err != nil {
			return nil, fmt.Errorf("read a frame: %w", err)
		}
		switch header.OpCode {
		case ws.OpText:
			return payload, nil
		case ws.OpPing:
			c.Write(Frame(ws.NewPongFrame(payload)))
		}
	}
}

// ReadClose reads to the end and returns the code of the first close frame: 1005 if it has none, 0 if no such frame came.
func (c *Conn) ReadClose() (code ws.StatusCode) {
	for {
		var payload []byte
		header, err := c.ReadFrame(&payload)
		if err != nil {
			return code
		}
		if header.OpCode == ws.OpClose && code == 0 {
			code, _ = ws.ParseCloseFrameData(payload)
			if len(payload) == 0 {
				code = ws.StatusNoStatusRcvd
			}
		}
	}
}

// Reset closes the connection with a TCP reset.
func (c *Conn) Reset() {
	c.SetLinger(0)
	c.Close()
}

// Subscribe is a control event that asks for an answer.
func Subscribe(topic string) []byte {
	return Text(fmt.Sprintf(`{"type":"__subscribe","id":"a","payload":{"topic":%q}}`, topic))
}

// Text is a client's text frame.
func Text(message string) []byte { return Frame(ws.NewTextFrame([]byte(message))) }

// Frame masks a frame and returns its bytes.
func Frame(f ws.Frame) []byte { return ws.MustCompileFrame(ws.MaskFrameInPlace(f)) }
