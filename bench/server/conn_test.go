//go:build linux

package server

import (
	"bytes"
	"net"
	"testing"

	"github.com/gobwas/ws"
)

func TestSkippedFramesLeaveTheNextOneInPlace(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		conn.Write([]byte("HTTP/1.1 101 Switching Protocols\r\n\r\n"))
		for _, f := range []ws.Frame{
			ws.NewBinaryFrame(bytes.Repeat([]byte("x"), 200<<10)), ws.NewPingFrame([]byte("are you there")), ws.NewTextFrame(nil), ws.NewCloseFrame(ws.NewCloseFrameBody(1013, "")),
		} {
			ws.WriteFrame(conn, f)
		}
	}()
	c, err := (&Server{Address: listener.Addr().String()}).Dial(0)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.ReadUpgrade(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []struct {
		code    ws.OpCode
		payload string
	}{{ws.OpBinary, ""}, {ws.OpPing, "are you there"}, {ws.OpText, ""}, {ws.OpClose, "\x03\xf5"}} {
		header, payload, err := c.SkipFrame()
		if err != nil || header.OpCode != want.code || string(payload) != want.payload {
			t.Errorf("got opcode %d with %q and %v, want %d with %q", header.OpCode, payload, err, want.code, want.payload)
		}
	}
	if header, _, err := c.SkipFrame(); err == nil {
		t.Errorf("got the frame %+v behind the last, want an error", header)
	}
}
