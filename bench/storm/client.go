//go:build linux

package storm

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/gobwas/ws"
)

const dialTimeout = 15 * time.Second

// client is a WebSocket connection in the rough, made to misbehave.
type client struct {
	*net.TCPConn
	in *bufio.Reader
}

// dial connects from an address of its own within 127.0.0.0/8, so that ports don't run out.
func (h *Hub) dial(ctx context.Context, number uint64) (*client, error) {
	source := net.IPv4(127, byte(1+number/62500%250), byte(number/250%250), byte(1+number%250))
	dialer := net.Dialer{Timeout: dialTimeout, LocalAddr: &net.TCPAddr{IP: source}, KeepAlive: -1}
	conn, err := dialer.DialContext(ctx, "tcp", h.Address)
	if err != nil {
		return nil, fmt.Errorf("storm: %w", err)
	}
	return &client{TCPConn: conn.(*net.TCPConn)}, nil
}

// request is the handshake.
func (h *Hub) request() []byte {
	return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Key: c3Bva2VodWIgc3Rvcm0hIQ==\r\nSec-WebSocket-Version: 13\r\n\r\n", h.Path, h.Address)
}

// upgraded reads the answer to the handshake.
func (c *client) upgraded() error {
	c.in = bufio.NewReaderSize(c.TCPConn, 1024)
	response, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return fmt.Errorf("storm: read the answer to the handshake: %w", err)
	}
	if response.StatusCode != http.StatusSwitchingProtocols {
		return fmt.Errorf("storm: the handshake was answered with %s", response.Status)
	}
	return nil
}

// message reads the next text message, and answers pings on the way.
func (c *client) message() ([]byte, error) {
	for {
		op, payload, err := c.frame()
		if err != nil {
			return nil, fmt.Errorf("storm: read a frame: %w", err)
		}
		switch op {
		case ws.OpText:
			return payload, nil
		case ws.OpPing:
			c.Write(ws.MustCompileFrame(ws.MaskFrameInPlace(ws.NewPongFrame(payload))))
		}
	}
}

const longestFrame = 1 << 20

// frame reads one frame of the hub's, which does not mask.
func (c *client) frame() (ws.OpCode, []byte, error) {
	header, err := ws.ReadHeader(c.in)
	if err != nil {
		return 0, nil, err
	}
	if header.Length > longestFrame {
		return 0, nil, fmt.Errorf("a frame of %d bytes, want at most %d", header.Length, longestFrame)
	}
	payload := make([]byte, header.Length)
	_, err = io.ReadFull(c.in, payload)
	return header.OpCode, payload, err
}

// drained reads to the end, and gives the code of the close frame on the way: 1005 if it bore none, 0 if none came.
func (c *client) drained() (code ws.StatusCode) {
	for {
		op, payload, err := c.frame()
		if err != nil {
			return code
		}
		if op == ws.OpClose && code == 0 {
			code, _ = ws.ParseCloseFrameData(payload)
			if len(payload) == 0 {
				code = ws.StatusNoStatusRcvd
			}
		}
	}
}

// reset closes without ceremony: the peer gets RST.
func (c *client) reset() {
	c.SetLinger(0)
	c.Close()
}

// text is a client's text frame.
func text(format string, arguments ...any) []byte {
	return ws.MustCompileFrame(ws.MaskFrameInPlace(ws.NewTextFrame(fmt.Appendf(nil, format, arguments...))))
}

// subscribe is a control event that asks for an answer.
func subscribe(topic string) []byte {
	return text(`{"type":"__subscribe","id":"a","payload":{"topic":%q}}`, topic)
}
