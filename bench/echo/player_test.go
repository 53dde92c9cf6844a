package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"testing"
	"time"
	"unicode/utf8"
)

const (
	hangGuard = time.Minute
	noStatus  = 1005

	handshake = "GET / HTTP/1.1\r\nHost: echo\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
	handshakeAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
)

// player plays scenes on a socket with no library's help, so that it can break every rule and sees every byte.
type player struct {
	conn    net.Conn
	in      *bufio.Reader
	encoder encoder
}

func newPlayer(t *testing.T, address string) *player {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	p := &player{conn: conn, in: bufio.NewReader(conn), encoder: encoder{random: rand.New(rand.NewPCG(6, 455))}}
	if err := conn.SetDeadline(time.Now().Add(hangGuard)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, handshake); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(p.in, nil)
	if err != nil {
		t.Fatal(err)
	}
	if accept := response.Header.Get("Sec-WebSocket-Accept"); response.StatusCode != http.StatusSwitchingProtocols || accept != handshakeAccept {
		t.Fatalf("handshake: got %s with %q, want 101 with %q", response.Status, accept, handshakeAccept)
	}
	return p
}

// play tells what the server did wrong. With held, what follows the end is sent only once the server's close and the end
// of its stream have arrived: so the server can't have waited for it.
func (p *player) play(s scene, held bool) error {
	for i, r := range s.rounds {
		sent := r.sent
		if !held && i == len(s.rounds)-1 {
			sent = slices.Concat(sent, s.after)
		}
		written := p.write(sent, s.cut)
		if err := p.readBack(r.back); err != nil {
			return fmt.Errorf("round %d: %w", i+1, err)
		}
		if s.code != 0 && i == len(s.rounds)-1 {
			if err := p.readEnd(s.code); err != nil {
				return err
			}
		}
		if err := <-written; err != nil {
			return fmt.Errorf("round %d: write: %w", i+1, err)
		}
	}
	switch {
	case s.code == 0:
		if err := <-p.write([]frame{hangUp(1000, "")}, together); err != nil {
			return fmt.Errorf("write of the close: %w", err)
		}
		return p.readEnd(1000)
	case held:
		if err := <-p.write(s.after, s.cut); err != nil {
			return fmt.Errorf("write after the end: %w", err)
		}
	}
	return nil
}

func (p *player) write(frames []frame, cut int) <-chan error {
	written := make(chan error, 1)
	go func() { written <- p.writeAll(frames, cut) }()
	return written
}

func (p *player) writeAll(frames []frame, cut int) error {
	var buf []byte
	for _, f := range frames {
		buf = p.encoder.encode(buf, f)
		if cut == frameByFrame {
			if _, err := p.conn.Write(buf); err != nil {
				return err
			}
			buf = buf[:0]
		}
	}
	if cut <= 0 {
		cut = max(len(buf), 1)
	}
	for piece := range slices.Chunk(buf, cut) {
		if _, err := p.conn.Write(piece); err != nil {
			return err
		}
	}
	return nil
}

func (p *player) readBack(want []frame) error {
	for i, w := range want {
		got, err := readFrame(p.in)
		if err != nil {
			return fmt.Errorf("frame %d: got %w, want %v", i+1, err, w)
		}
		if got != w {
			return fmt.Errorf("frame %d: got %v, want %v", i+1, got, w)
		}
	}
	return nil
}

// readEnd wants a close with code, a legal reason or none, and then the end of the stream: no byte more, no reset.
func (p *player) readEnd(code uint16) error {
	f, err := readFrame(p.in)
	if err != nil {
		return fmt.Errorf("got %w, want a close with %d", err, code)
	}
	got := uint16(noStatus)
	if len(f.payload) >= 2 {
		got = binary.BigEndian.Uint16([]byte(f.payload))
	}
	switch {
	case f.first != fin|closing || got != code:
		return fmt.Errorf("got %v, want a close with %d", f, code)
	case len(f.payload) == 1 || len(f.payload) > 125 || got != noStatus && !utf8.ValidString(f.payload[2:]):
		return fmt.Errorf("got a malformed close %v", f)
	}
	if f, err = readFrame(p.in); !errors.Is(err, io.EOF) {
		return fmt.Errorf("behind the close: got %v, error %v, want the end of the stream", f, err)
	}
	return nil
}
