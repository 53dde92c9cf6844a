package wsframe

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/gobwas/ws"
	"github.com/gorilla/websocket"
)

// gorillaConn is a connection in memory that gorilla/websocket can hijack and read.
type gorillaConn struct {
	net.Conn
	memoryWire
	header http.Header
}

func (c *gorillaConn) Header() http.Header                { return c.header }
func (c *gorillaConn) WriteHeader(int)                    {}
func (c *gorillaConn) Read(p []byte) (int, error)         { return c.memoryWire.Reader.Read(p) }
func (c *gorillaConn) Write(p []byte) (int, error)        { return c.memoryWire.Write(p) }
func (c *gorillaConn) Close() error                       { return nil }
func (c *gorillaConn) SetDeadline(t time.Time) error      { return nil }
func (c *gorillaConn) SetWriteDeadline(t time.Time) error { return nil }

func (c *gorillaConn) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return c, bufio.NewReadWriter(bufio.NewReader(c), bufio.NewWriter(c)), nil
}

// newGorilla returns a gorilla/websocket connection whose handshake is done and which reads frames from source.
func newGorilla(tb testing.TB, source io.Reader) (*websocket.Conn, *gorillaConn) {
	tb.Helper()
	request, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(head(headLines))))
	if err != nil {
		tb.Fatal(err)
	}
	wire := &gorillaConn{memoryWire: memoryWire{Reader: bytes.NewReader(nil)}, header: http.Header{}}
	conn, err := new(websocket.Upgrader).Upgrade(wire, request, nil)
	if err != nil {
		tb.Fatal(err)
	}
	wire.memoryWire = memoryWire{Reader: source}
	return conn, wire
}

// gorillaOutcome is what gorilla/websocket read from the input. code is that of the close frame it sent, 0 if it sent none.
type gorillaOutcome struct {
	messages []string
	code     uint16
}

func readGorilla(t *testing.T, input []byte, max int) (o gorillaOutcome) {
	t.Helper()
	conn, wire := newGorilla(t, bytes.NewReader(input))
	note := func(kind, payload string) { o.messages = append(o.messages, kind+" "+payload) }
	conn.SetReadLimit(int64(max))
	conn.SetPingHandler(func(payload string) error { note("ping", payload); return nil })
	conn.SetPongHandler(func(payload string) error { note("pong", payload); return nil })
	conn.SetCloseHandler(func(code int, reason string) error {
		if code == websocket.CloseNoStatusReceived {
			note("close", "")
		} else {
			note("close", closePayload(uint16(code), reason))
		}
		return nil
	})
	for {
		kind, payload, err := conn.ReadMessage()
		if err != nil {
			break
		}
		note(map[int]string{websocket.TextMessage: "text", websocket.BinaryMessage: "binary"}[kind], string(payload))
	}
	if sent, err := ws.ReadFrame(&wire.written); err == nil && sent.Header.OpCode == ws.OpClose {
		o.code = binary.BigEndian.Uint16(sent.Payload)
	}
	return o
}

// divergences are the violations that gorilla/websocket v1.5.3 doesn't find, or answers differently. It leaves UTF-8 to its
// caller, accepts lengths that aren't minimal and a close payload of one byte, ends on a length or a sum of lengths over 63
// bits without a close frame, answers a close reason that isn't UTF-8 with 1002, and doesn't know close code 1014.
var divergences = []*Close{closeTextNotUTF8, closeLongLength, closeHugeLength, closeHalfCode, closeReasonNotUTF8}

// checkAgainstGorilla compares up to the first divergence. There are two more, for input that ends inside a header: we check
// the first byte at once and the order of frames when the header is whole, gorilla checks both when it has two bytes.
func checkAgainstGorilla(t *testing.T, input []byte, max int) {
	t.Helper()
	ours, theirs := readWhole(input, max), readGorilla(t, input, max)
	if isCode1014 := slices.ContainsFunc(ours.messages, func(m string) bool { return strings.HasPrefix(m, "close "+closePayload(1014, "")) }); isCode1014 {
		ours.messages = ours.messages[:len(ours.messages)-1]
		ours.violation = closeBadCode
	}
	if slices.Contains(divergences, ours.violation) {
		if len(theirs.messages) < len(ours.messages) || !slices.Equal(ours.messages, theirs.messages[:len(ours.messages)]) {
			t.Fatalf("before the divergence: got %v\ngorilla has %q", ours, theirs.messages)
		}
		next, isText := "", false
		for _, message := range theirs.messages[len(ours.messages):] {
			if next, isText = strings.CutPrefix(message, "text "); isText {
				break
			}
		}
		if ours.violation == closeTextNotUTF8 && isText && utf8.ValidString(next) {
			t.Fatalf("1007 for valid text %q", next)
		}
		return
	}
	if !slices.Equal(ours.messages, theirs.messages) {
		t.Fatalf("got %v\ngorilla has %q and %d", ours, theirs.messages, theirs.code)
	}
	code := uint16(0)
	if ours.violation != nil {
		code = ours.violation.Code
	}
	isSumOver63Bits := ours.violation == closeTooBig && theirs.code == 0
	if code != theirs.code && !isSumOver63Bits && !endsInsideHeader(input, max) {
		t.Fatalf("got %v\ngorilla has %d after %q", ours, theirs.code, theirs.messages)
	}
}

// endsInsideHeader reports whether the result depends on the very last byte of the input: the input ends inside a header, or
// it would without that byte.
func endsInsideHeader(input []byte, max int) bool {
	for _, view := range [][]byte{input, input[:len(input)-1]} {
		var p Parser
		var got outcome
		got.read(&p, max, view)
		if a := p.assembly; a != nil && a != done && a.frame.rawLen > 0 && !a.frame.inPayload {
			return true
		}
		if len(view) < len(input) && !p.Done() {
			return true
		}
	}
	return false
}

func TestParserAgreesWithGorilla(t *testing.T) {
	for _, c := range frameCases() {
		t.Run(c.name, func(t *testing.T) {
			if c.max() > 0 {
				checkAgainstGorilla(t, c.input, c.max())
			}
		})
	}
}

// FuzzParserAgainstGorilla compares the parser with an independent implementation. The limit is at least 1, because 0 means
// no limit to gorilla.
func FuzzParserAgainstGorilla(f *testing.F) {
	for _, c := range frameCases() {
		if len(c.input) <= fuzzMax {
			f.Add(c.input, uint16(c.max()))
		}
	}
	f.Fuzz(func(t *testing.T, input []byte, limit uint16) {
		checkAgainstGorilla(t, input, max(1, int(limit)))
	})
}
