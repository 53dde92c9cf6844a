package wsframe

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gobwas/ws"
	"github.com/gorilla/websocket"
)

var benchSizes = []int{16, 128, 1024, 65536}

func BenchmarkNext(b *testing.B) {
	for _, content := range []struct {
		name  string
		first byte
		unit  string
	}{{"ascii", fin | 1, "x"}, {"utf8", fin | 1, "ä"}, {"binary", fin | 2, "x"}} {
		for _, size := range benchSizes {
			b.Run(fmt.Sprintf("op=%s/bytes=%d", content.name, size), func(b *testing.B) {
				frame := clientFrame(content.first, strings.Repeat(content.unit, size/len(content.unit)))
				benchmarkFrames(b, frame, 1)
			})
		}
	}
	b.Run("op=ping/bytes=4", func(b *testing.B) { benchmarkFrames(b, clientFrame(fin|9, "ping"), 1) })
	b.Run("op=ascii/bytes=128/frames=16", func(b *testing.B) {
		benchmarkFrames(b, bytes.Repeat(clientFrame(fin|1, strings.Repeat("x", 128)), 16), 16)
	})
	b.Run("op=ascii/bytes=128/fragments=4", func(b *testing.B) {
		part := strings.Repeat("x", 32)
		benchmarkFrames(b, concat(clientFrame(1, part), clientFrame(0, part), clientFrame(0, part), clientFrame(fin|0, part)), 1)
	})
}

// benchmarkFrames unmasks the same frame over and over: a zero mask keeps its bytes as they are, at the same cost.
func benchmarkFrames(b *testing.B, frames []byte, count int) {
	input := unmaskedKey(frames)
	var p Parser
	b.ReportAllocs()
	b.SetBytes(int64(len(input)))
	for b.Loop() {
		messages := 0
		for rest := input; ; {
			_, n, ok, violation := p.Next(rest, testMax)
			if violation != nil {
				b.Fatal(violation)
			}
			if rest = rest[n:]; !ok {
				break
			}
			messages++
		}
		if messages != count {
			b.Fatalf("got %d messages, want %d", messages, count)
		}
	}
}

func unmaskedKey(frames []byte) []byte {
	var out []byte
	for rest := frames; len(rest) > 0; {
		h, size, _ := parseHeader(rest)
		payload := bytes.Clone(rest[size : size+int(h.length)])
		unmask(payload, h.mask)
		out = append(append(append(out, rest[:size-4]...), 0, 0, 0, 0), payload...)
		rest = rest[size+int(h.length):]
	}
	return out
}

func BenchmarkNextCut(b *testing.B) {
	for _, size := range benchSizes {
		b.Run(fmt.Sprintf("op=ascii/bytes=%d/pieces=2", size), func(b *testing.B) {
			input := unmaskedKey(clientFrame(fin|1, strings.Repeat("x", size)))
			var p Parser
			b.ReportAllocs()
			b.SetBytes(int64(len(input)))
			for b.Loop() {
				p.Next(input[:len(input)/2], testMax)
				if _, _, ok, _ := p.Next(input[len(input)/2:], testMax); !ok {
					b.Fatal("no message")
				}
				p.Next(nil, testMax)
			}
		})
	}
}

// readSize is how much a reactor reads at once.
const readSize = 64 << 10

// BenchmarkLargeMessage receives one message in reads of 64 KiB. Each read is a copy out of the stream, as it is one out of
// the kernel. gorilla/websocket leaves the check for UTF-8 to its caller, so it is part of its rows.
func BenchmarkLargeMessage(b *testing.B) {
	for _, content := range []struct {
		name string
		op   Opcode
		unit string
	}{{"binary", Binary, "\xFF"}, {"ascii", Text, "x"}, {"utf8", Text, "ä"}} {
		for _, size := range []int{1 << 20, 16 << 20} {
			for _, fragments := range []int{1, size / readSize} {
				stream := fragmentedStream(content.op, strings.Repeat(content.unit, size/len(content.unit)), fragments)
				name := fmt.Sprintf("op=%s/bytes=%d/fragments=%d", content.name, size, fragments)
				b.Run("impl=wsframe/"+name, func(b *testing.B) { benchmarkLargeParser(b, stream, size) })
				b.Run("impl=gorilla/"+name, func(b *testing.B) { benchmarkLargeGorilla(b, stream, size) })
			}
		}
	}
}

func fragmentedStream(op Opcode, payload string, fragments int) []byte {
	var stream []byte
	for i := range fragments {
		first := byte(0)
		if i == 0 {
			first = byte(op)
		}
		if i == fragments-1 {
			first |= fin
		}
		part := len(payload) / fragments
		stream = append(stream, clientFrame(first, payload[i*part:(i+1)*part])...)
	}
	return stream
}

func benchmarkLargeParser(b *testing.B, stream []byte, size int) {
	var p Parser
	read := make([]byte, readSize)
	b.ReportAllocs()
	b.SetBytes(int64(size))
	for b.Loop() {
		length := 0
		for rest := stream; len(rest) > 0; {
			n := copy(read, rest)
			rest = rest[n:]
			for input := read[:n]; ; {
				m, n, ok, violation := p.Next(input, size)
				if violation != nil {
					b.Fatal(violation)
				}
				if input = input[n:]; !ok {
					break
				}
				length = len(m.Payload)
			}
		}
		if length != size {
			b.Fatalf("got a message of %d bytes, want %d", length, size)
		}
	}
}

func benchmarkLargeGorilla(b *testing.B, stream []byte, size int) {
	source := bytes.NewReader(nil)
	conn, _ := newGorilla(b, limitedReads{source})
	b.ReportAllocs()
	b.SetBytes(int64(size))
	for b.Loop() {
		source.Reset(stream)
		op, reader, err := conn.NextReader()
		if err != nil {
			b.Fatal(err)
		}
		payload, err := io.ReadAll(reader)
		if err != nil || len(payload) != size || op == websocket.TextMessage && !utf8.Valid(payload) {
			b.Fatalf("got %d bytes and %v, want %d", len(payload), err, size)
		}
	}
}

// limitedReads returns at most readSize bytes a read, as a socket does.
type limitedReads struct{ io.Reader }

func (r limitedReads) Read(p []byte) (int, error) { return r.Reader.Read(p[:min(len(p), readSize)]) }

func BenchmarkAppendFrame(b *testing.B) {
	for _, size := range benchSizes {
		b.Run(fmt.Sprintf("bytes=%d", size), func(b *testing.B) {
			payload := make([]byte, size)
			dst := make([]byte, 0, size+MaxHeader)
			b.ReportAllocs()
			for b.Loop() {
				dst = AppendFrame(dst[:0], Text, payload)
			}
		})
	}
}

var browserHead = head(append(with("Origin: https://hub.example.com", "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"),
	"Pragma: no-cache", "Cache-Control: no-cache", "Accept-Encoding: gzip, deflate, br, zstd", "Accept-Language: en-GB,en;q=0.9",
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"))

func BenchmarkHandshake(b *testing.B) {
	for _, client := range []struct {
		name string
		head []byte
	}{{"plain", head(headLines)}, {"browser", browserHead}} {
		b.Run("impl=wsframe/client="+client.name, func(b *testing.B) {
			policy := compile(b, PolicyConfig{Path: "/ws"})
			dst := make([]byte, 0, 512)
			b.ReportAllocs()
			for b.Loop() {
				_, end, _ := policy.FindHead(client.head, 0)
				request, _ := ParseRequest(client.head[:end])
				if _, _, refusal := policy.Upgrade(&request, dst); refusal != nil {
					b.Fatal(refusal)
				}
			}
		})
		b.Run("impl=gobwas/client="+client.name, func(b *testing.B) {
			wire := &memoryWire{}
			reader := bytes.NewReader(nil)
			wire.Reader = reader
			b.ReportAllocs()
			for b.Loop() {
				reader.Reset(client.head)
				wire.written.Reset()
				if _, err := ws.Upgrade(wire); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("impl=http/client="+client.name, func(b *testing.B) {
			policy := compile(b, PolicyConfig{Path: "/ws"})
			request, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(client.head)))
			if err != nil {
				b.Fatal(err)
			}
			dst := make([]byte, 0, 512)
			b.ReportAllocs()
			for b.Loop() {
				if _, _, refusal := policy.UpgradeHTTP(request, dst); refusal != nil {
					b.Fatal(refusal)
				}
			}
		})
	}
}

func BenchmarkHandshakeSteps(b *testing.B) {
	b.Run("step=end", func(b *testing.B) {
		policy := compile(b, PolicyConfig{})
		for b.Loop() {
			policy.FindHead(browserHead, 0)
		}
	})
	b.Run("step=end/bytewise", func(b *testing.B) {
		policy, input := compile(b, PolicyConfig{MaxHead: 256 << 10}), []byte(longHead(256<<10))
		for b.Loop() {
			if end, refusal := headEndStepwise(policy, input, 1); end != len(input) || refusal != nil {
				b.Fatal(end, refusal)
			}
		}
	})
	b.Run("step=parse", func(b *testing.B) {
		for b.Loop() {
			ParseRequest(browserHead)
		}
	})
	b.Run("step=upgrade", func(b *testing.B) {
		policy := compile(b, PolicyConfig{Path: "/ws"})
		dst := make([]byte, 0, 512)
		request, _ := ParseRequest(browserHead)
		for b.Loop() {
			policy.Upgrade(&request, dst)
		}
	})
}
