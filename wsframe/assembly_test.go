package wsframe

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestI3BufferIsAtMostEightTimesWhatArrived(t *testing.T) {
	fragment := func(op byte, n int) []byte { return clientFrame(op, strings.Repeat("x", n)) }
	for _, c := range []struct {
		name  string
		input []byte
	}{
		{"a short frame", fragment(fin|2, 700)},
		{"a frame of a little over a power of two", fragment(fin|2, 1<<16+1)},
		{"a long frame", fragment(fin|2, 1<<20)},
		{"many fragments", concat(fragment(2, 1), bytes.Repeat(fragment(0, 300), 1000), fragment(fin|0, 1))},
		{"a long fragment behind a short one", concat(fragment(2, 10), fragment(fin|0, 1<<18))},
		{"pings between fragments", concat(fragment(2, 1), bytes.Repeat(concat(fragment(0, 500), fragment(fin|9, 125)), 200))},
	} {
		t.Run(c.name, func(t *testing.T) {
			random := rand.New(rand.NewPCG(3, 4))
			var p Parser
			arrived := 0
			for rest := c.input; len(rest) > 0; {
				input := slices.Clone(rest[:min(len(rest), 1+random.IntN(4096))])
				rest = rest[len(input):]
				arrived += len(input)
				for ok := true; ok; {
					var n int
					_, n, ok, _ = p.Next(input, testMax)
					input = input[n:]
					if p.assembly == nil {
						continue
					}
					if got, most := cap(p.assembly.buf), max(8*arrived, minBuffer); got > most {
						t.Fatalf("after %d bytes: got a buffer of %d, want at most %d", arrived, got, most)
					}
				}
			}
		})
	}
}

// TestLongMessagesAreMovedLittle counts what is copied from one buffer to a larger one.
func TestLongMessagesAreMovedLittle(t *testing.T) {
	const size, read = 16 << 20, 64 << 10
	input := clientFrame(fin|2, strings.Repeat("x", size))
	var p Parser
	moved, before := 0, 0
	for chunk := range slices.Chunk(input, read) {
		p.Next(chunk, size)
		if got := cap(p.assembly.buf); got != before {
			moved, before = moved+len(p.assembly.buf)-len(chunk), got
		}
	}
	if most := size / 3; moved > most {
		t.Errorf("moved %d bytes of a message of %d, want at most %d", moved, size, most)
	}
}

// stepThrough calls check after every byte of every case's input.
func stepThrough(t *testing.T, check func(t *testing.T, a *assembly, m Message)) {
	for _, c := range frameCases() {
		if len(c.input) > 4096 {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			var p Parser
			for i := range c.input {
				m, _, _, violation := p.Next(slices.Clone(c.input[i:i+1]), c.max())
				if violation != nil || p.assembly == nil || p.assembly == done {
					continue
				}
				if check(t, p.assembly, m); t.Failed() {
					t.Fatalf("after %d bytes of % x", i+1, c.input)
				}
			}
		})
	}
}

func TestP1BufferHasFinishedFragmentsAndWhatArrivedOfTheFrame(t *testing.T) {
	stepThrough(t, func(t *testing.T, a *assembly, m Message) {
		want := a.message.finished + a.frame.received
		switch a.delivered {
		case deliveredMessage:
			want = len(m.Payload)
		case deliveredControl, deliveredClose:
			want += len(m.Payload)
		}
		if got := len(a.buf); got != want {
			t.Errorf("got %d bytes, want %d", got, want)
		}
	})
}

func TestP2CheckedTextIsUTF8AndEndsWithAWholeCharacter(t *testing.T) {
	stepThrough(t, func(t *testing.T, a *assembly, _ Message) {
		if a.message.op != Text || a.delivered != deliveredNothing || a.frame.header.op.IsControl() {
			return
		}
		if checked := a.buf[:a.message.checked]; !utf8.Valid(checked) {
			t.Errorf("checked %q, which isn't UTF-8", checked)
		}
		if rest := len(a.buf) - a.message.checked; rest > utf8.UTFMax-1 {
			t.Errorf("%d bytes not checked, want at most %d", rest, utf8.UTFMax-1)
		}
	})
}

func TestP3HeaderIsWhatItsBytesSay(t *testing.T) {
	stepThrough(t, func(t *testing.T, a *assembly, _ Message) {
		if !a.frame.inPayload {
			return
		}
		got := a.frame.header
		if want, size, _ := parseHeader(a.frame.raw[:a.frame.rawLen]); got != want || size != int(a.frame.rawLen) {
			t.Errorf("got %+v of %d bytes, want %+v of %d", got, a.frame.rawLen, want, size)
		}
	})
}
