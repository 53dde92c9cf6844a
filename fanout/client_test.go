package fanout_test

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

const patience = time.Minute

const (
	opContinuation = 0x0
	opText         = 0x1
	opBinary       = 0x2
	opClose        = 0x8
	opPing         = 0x9
	opPong         = 0xA
	fin            = 0x80
	masked         = 0x80
)

var maskKey = [4]byte{0x37, 0xfa, 0x21, 0x3d}

// client is the far end of a connection, in full control of every byte that it sends.
type client struct {
	t    testing.TB
	conn net.Conn
	in   *bufio.Reader
}

// frame is one frame that came from the hub.
type frame struct {
	op      byte
	fin     bool
	payload string
}

func newClient(t testing.TB, conn net.Conn) *client {
	t.Helper()
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	return &client{t: t, conn: conn, in: bufio.NewReaderSize(conn, 64<<10)}
}

func dial(t testing.TB, network, address string) *client {
	t.Helper()
	conn, err := net.Dial(network, address)
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	return newClient(t, conn)
}

const handshakeHead = "GET /ws HTTP/1.1\r\nHost: hub.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"

const handshakeRequest = handshakeHead + "\r\n"

func (c *client) handshake() *client {
	c.t.Helper()
	c.write([]byte(handshakeRequest))
	c.accepted()
	return c
}

// accepted reads the answer to a handshake, which must be a 101.
func (c *client) accepted() *http.Response {
	c.t.Helper()
	response := c.response()
	if response.StatusCode != http.StatusSwitchingProtocols {
		c.t.Fatalf("got the handshake answered with %d, want 101", response.StatusCode)
	}
	if got, want := response.Header.Get("Sec-WebSocket-Accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="; got != want {
		c.t.Fatalf("got Sec-WebSocket-Accept %q, want %q", got, want)
	}
	return response
}

func (c *client) response() *http.Response {
	c.t.Helper()
	response, err := http.ReadResponse(c.in, nil)
	if err != nil {
		c.t.Fatalf("read the answer to a handshake: %v", err)
	}
	return response
}

func (c *client) write(chunks ...[]byte) {
	c.t.Helper()
	for _, chunk := range chunks {
		if _, err := c.conn.Write(chunk); err != nil {
			c.t.Fatalf("write %d bytes: %v", len(chunk), err)
		}
	}
}

func (c *client) text(messages ...string) {
	c.t.Helper()
	var all []byte
	for _, m := range messages {
		all = append(all, clientFrame(fin|opText, m)...)
	}
	c.write(all)
}

// clientFrame is a masked frame with the shortest length.
func clientFrame(first byte, payload string) []byte {
	out := []byte{first}
	switch size := len(payload); {
	case size < 126:
		out = append(out, masked|byte(size))
	case size <= 0xFFFF:
		out = binary.BigEndian.AppendUint16(append(out, masked|126), uint16(size))
	default:
		out = binary.BigEndian.AppendUint64(append(out, masked|127), uint64(size))
	}
	return append(append(out, maskKey[:]...), mask(payload)...)
}

func mask(payload string) []byte {
	out := []byte(payload)
	for i := range out {
		out[i] ^= maskKey[i%4]
	}
	return out
}

func closePayload(code uint16, reason string) string {
	return string(binary.BigEndian.AppendUint16(nil, code)) + reason
}

func (c *client) next() (f frame, err error) {
	var head [10]byte
	if _, err := io.ReadFull(c.in, head[:2]); err != nil {
		return f, err
	}
	f.op, f.fin = head[0]&0x0F, head[0]&fin != 0
	size := uint64(head[1])
	switch {
	case head[0]&0x70 != 0:
		return f, fmt.Errorf("reserved bits set in %08b", head[0])
	case head[1]&masked != 0:
		return f, errors.New("a masked frame from a server")
	case size == 126:
		_, err = io.ReadFull(c.in, head[2:4])
		size = uint64(binary.BigEndian.Uint16(head[2:]))
	case size == 127:
		_, err = io.ReadFull(c.in, head[2:10])
		size = binary.BigEndian.Uint64(head[2:])
	}
	if err != nil {
		return f, fmt.Errorf("cut header: %w", err)
	}
	if size > 64<<20 {
		return f, fmt.Errorf("a frame of %d bytes", size)
	}
	payload := make([]byte, size)
	if _, err := io.ReadFull(c.in, payload); err != nil {
		return f, fmt.Errorf("cut frame: %w", err)
	}
	f.payload = string(payload)
	return f, nil
}

func (c *client) frame() frame {
	c.t.Helper()
	f, err := c.next()
	if err != nil {
		c.t.Fatalf("read a frame: %v", err)
	}
	return f
}

// message reads the next data message; pings are skipped.
func (c *client) message() string {
	c.t.Helper()
	for {
		f := c.frame()
		switch f.op {
		case opText, opBinary:
			return f.payload
		case opPing:
		default:
			c.t.Fatalf("got a frame with opcode %d and payload %q, want a message", f.op, f.payload)
		}
	}
}

func (c *client) wants(messages ...string) {
	c.t.Helper()
	for _, want := range messages {
		if got := c.message(); got != want {
			c.t.Fatalf("got the message %.200q, want %.200q", got, want)
		}
	}
}

// closing reads data messages up to a close frame, and its code and reason.
func (c *client) closing() (messages []string, code uint16, reason string) {
	c.t.Helper()
	for {
		f := c.frame()
		switch f.op {
		case opText, opBinary:
			messages = append(messages, f.payload)
		case opClose:
			if len(f.payload) < 2 {
				return messages, 1005, ""
			}
			return messages, binary.BigEndian.Uint16([]byte(f.payload)), f.payload[2:]
		}
	}
}

// closedWith reads up to a close frame with code and the orderly end of the connection behind it.
func (c *client) closedWith(code uint16) (messages []string, reason string) {
	c.t.Helper()
	messages, got, reason := c.closing()
	if got != code {
		c.t.Fatalf("got the close code %d (%s), want %d", got, reason, code)
	}
	c.ended()
	return messages, reason
}

// ended wants the end of the stream, not a reset.
func (c *client) ended() {
	c.t.Helper()
	if f, err := c.next(); !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		c.t.Fatalf("got %+v and the error %v, want the end of the stream", f, err)
	}
}

// cutOff wants the connection to have ended, in whatever way, and returns the bytes that came before.
func (c *client) cutOff() []byte {
	c.t.Helper()
	rest, err := io.ReadAll(c.in)
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		c.t.Fatal("the connection did not end")
	}
	return rest
}

const controlID = "0"

// subscribe subscribes and waits until that is in force.
func (c *client) subscribe(topics ...string) *client {
	c.t.Helper()
	c.control("__subscribe", topics...)
	return c
}

func (c *client) unsubscribe(topics ...string) {
	c.t.Helper()
	c.control("__unsubscribe", topics...)
}

func (c *client) control(kind string, topics ...string) {
	c.t.Helper()
	c.text(envelope(kind, controlID, jsonOf(map[string]any{"topics": topics})))
	c.wants(envelope("__ack", controlID, jsonOf(map[string]any{"topics": topics})))
}

// sync waits until the hub has acted on all that was sent before.
func (c *client) sync() {
	c.t.Helper()
	c.write(clientFrame(fin|opPing, "sync"))
	f := c.frame()
	for f.op == opPing {
		f = c.frame()
	}
	if f.op != opPong || f.payload != "sync" {
		c.t.Fatalf("got %+v, want the pong of sync", f)
	}
}

func envelope(typ, id, payload string) string {
	return fmt.Sprintf(`{"type":%s,"id":%s,"payload":%s}`, jsonOf(typ), jsonOf(id), payload)
}

func jsonOf(v any) string {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		panic(err)
	}
	return strings.TrimSuffix(out.String(), "\n")
}

func randomKey(seed byte) string {
	return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{seed}, 16))
}
