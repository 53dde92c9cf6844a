package wsframe

import (
	"bufio"
	"bytes"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/gobwas/ws"
)

const fuzzMax = 4096

// randomCuts returns sorted positions at which to cut n bytes, the same ones for the same seed.
func randomCuts(n int, seed uint64) (cuts []int) {
	random := rand.New(rand.NewPCG(seed, 1))
	for range seed % 8 {
		cuts = append(cuts, random.IntN(n+1))
	}
	slices.Sort(cuts)
	return cuts
}

// FuzzParser compares splits of the input, and hand-overs to a fresh parser, with the whole input.
func FuzzParser(f *testing.F) {
	for i, c := range frameCases() {
		if len(c.input) <= fuzzMax {
			f.Add(c.input, uint64(i), uint16(c.max()))
		}
	}
	f.Fuzz(func(t *testing.T, input []byte, seed uint64, limit uint16) {
		max := int(limit)
		want := readWhole(input, max)
		if got := readBytewise(input, max); !got.equal(want) {
			t.Fatalf("a byte at a time: got %v\nwant %v", got, want)
		}
		cuts := randomCuts(len(input), seed)
		if got := readCut(input, max, cuts...); !got.equal(want) {
			t.Fatalf("cuts %v: got %v\nwant %v", cuts, got, want)
		}
		for _, cut := range cuts {
			var first, second Parser
			var got outcome
			got.read(&first, max, input[:cut])
			if first.Done() {
				continue
			}
			got.read(&second, max, first.Unread(nil), input[cut:])
			second.Release()
			if !got.equal(want) {
				t.Fatalf("handed over at %d: got %v\nwant %v", cut, got, want)
			}
		}
		checkOutcome(t, want, max)
	})
}

// checkOutcome checks what a Parser promises for every message.
func checkOutcome(t *testing.T, o outcome, max int) {
	t.Helper()
	for i, message := range o.messages {
		kind, payload, _ := strings.Cut(message, " ")
		switch {
		case kind == "text" && strings.ToValidUTF8(payload, "") != payload:
			t.Errorf("text that isn't UTF-8: %q", payload)
		case kind == "text" || kind == "binary":
			if len(payload) > max {
				t.Errorf("%d bytes over the limit %d", len(payload), max)
			}
		case len(payload) > MaxControl:
			t.Errorf("control frame with %d bytes", len(payload))
		case kind == "close" && i < len(o.messages)-1:
			t.Errorf("%q after a close", o.messages[i+1:])
		}
	}
	if o.violation != nil && !slices.Contains([]uint16{CodeProtocol, CodeNotUTF8, CodeTooBig}, o.violation.Code) {
		t.Errorf("violation %v", o.violation)
	}
}

// FuzzServerFrames writes frames and reads them back: with gobwas/ws, and masked with our own parser.
func FuzzServerFrames(f *testing.F) {
	for _, times := range []uint32{0, 1, 125, 126, 65535, 65536} {
		f.Add("x", times, uint16(1000))
	}
	f.Add("a\xFFb", uint32(1), uint16(1006))
	f.Fuzz(func(t *testing.T, unit string, times uint32, code uint16) {
		payload := strings.Repeat(unit, min(int(times), 70000/max(1, len(unit))))
		written := AppendFrame(nil, Binary, []byte(payload))
		read, err := ws.ReadFrame(bytes.NewReader(written))
		if err != nil || string(read.Payload) != payload || read.Header.OpCode != ws.OpBinary || !read.Header.Fin || read.Header.Masked {
			t.Fatalf("got %+v, %v", read.Header, err)
		}
		got := readWhole(clientFrame(fin|byte(Binary), payload), len(payload))
		if want := (outcome{messages: []string{"binary " + payload}}); !got.equal(want) {
			t.Fatalf("got %v\nwant %v", got, want)
		}
		closing, err := ws.ReadFrame(bytes.NewReader(AppendClose(nil, code, payload)))
		if err != nil {
			t.Fatal(err)
		}
		peer, violation := ParseClose(closing.Payload)
		if violation != nil || CodeAllowed(code) != (peer.Code == code && code != CodeNoStatus) {
			t.Errorf("close: got %v, %v for %d", peer, violation, code)
		}
	})
}

// FuzzHandshakeHead compares splits of a head with the whole head, and what we upgrade with net/http and gobwas/ws. Both may
// accept more than we do. Of what we upgrade they reject two things: net/http also parses the target as a URL and rejects
// broken percent escapes and the like, which we leave to whoever decodes the path; gobwas/ws rejects lists in Upgrade.
func FuzzHandshakeHead(f *testing.F) {
	for _, c := range handshakeCases() {
		f.Add(c.head, uint8(1))
	}
	for i, c := range headCases() {
		f.Add([]byte(c.input), uint8(i))
	}
	policy := compile(f, PolicyConfig{Origins: []string{"*"}, Subprotocols: []string{"v1.spoke"}})
	f.Fuzz(func(t *testing.T, input []byte, step uint8) {
		start, end, refusal := policy.FindHead(input, 0)
		if e, r := headEndStepwise(policy, input, int(step)+1); e != end || r != refusal {
			t.Fatalf("%d bytes at a time: got %d and %v, want %d and %v", int(step)+1, e, r, end, refusal)
		}
		if end == 0 {
			return
		}
		view := input[start:end]
		if end > DefaultMaxHead || !bytes.HasSuffix(view, []byte("\r\n\r\n")) || bytes.Count(view, []byte("\r\n\r\n")) != 1 {
			t.Fatalf("start %d and end %d of %q", start, end, input)
		}
		if len(bytes.Trim(input[:start], "\r\n")) > 0 {
			t.Fatalf("start %d of %q skips a part of the request", start, input)
		}
		request, refusal := ParseRequest(view)
		if refusal != nil {
			return
		}
		std, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(view)))
		if err == nil {
			checkSameRequest(t, request, std)
		}
		response, subprotocol, refusal := policy.Upgrade(&request, nil)
		if refusal != nil {
			return
		}
		checkSameAccept(t, view, response, subprotocol)
		if _, isURL := url.ParseRequestURI(string(request.Target)); err != nil && isURL == nil {
			t.Errorf("net/http refuses what we upgrade: %v", err)
		}
	})
}

func checkSameRequest(t *testing.T, ours Request, std *http.Request) {
	t.Helper()
	if string(ours.Method) != std.Method || string(ours.Target) != std.RequestURI {
		t.Errorf("got %s %s, net/http has %s %s", ours.Method, ours.Target, std.Method, std.RequestURI)
	}
	if string(ours.Host) != std.Host && std.URL.Host == "" {
		t.Errorf("Host: got %q, net/http has %q", ours.Host, std.Host)
	}
	if got, want := string(ours.Origin), std.Header.Get("Origin"); got != want {
		t.Errorf("Origin: got %q, net/http has %q", got, want)
	}
}

func checkSameAccept(t *testing.T, view, response []byte, subprotocol string) {
	t.Helper()
	ours, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(response)), nil)
	if err != nil {
		t.Fatalf("%q: %v", response, err)
	}
	wire := &memoryWire{Reader: bytes.NewReader(view)}
	upgrader := ws.Upgrader{Protocol: func(name []byte) bool { return string(name) == "v1.spoke" }}
	handshake, err := upgrader.Upgrade(wire)
	if err != nil {
		return
	}
	theirs, err := http.ReadResponse(bufio.NewReader(&wire.written), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := ours.Header.Get("Sec-WebSocket-Accept"), theirs.Header.Get("Sec-WebSocket-Accept"); got != want {
		t.Errorf("Sec-WebSocket-Accept: got %q, gobwas/ws has %q", got, want)
	}
	if subprotocol != handshake.Protocol {
		t.Errorf("subprotocol: got %q, gobwas/ws has %q", subprotocol, handshake.Protocol)
	}
}

// memoryWire is the two directions of a connection in memory.
type memoryWire struct {
	io.Reader
	written bytes.Buffer
}

func (w *memoryWire) Write(p []byte) (int, error) { return w.written.Write(p) }
