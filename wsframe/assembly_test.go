package wsframe

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestI3BufferIsAtMostTwiceWhatArrivedUntilAQuarterHas(t *testing.T) {
	fragment := func(op byte, n int) []byte { return clientFrame(op, strings.Repeat("x", n)) }
	for _, c := range []struct {
		name  string
		input []byte
	}{
		{"a short frame", fragment(fin|2, 700)},
		{"a frame of a little over a power of two", fragment(fin|2, 1<<16+1)},
		{"a long frame", fragment(fin|2, 1<<20)},
		{"a frame of a little under a power of two", fragment(fin|2, 1<<18-1)},
		{"many fragments", concat(fragment(2, 1), bytes.Repeat(fragment(0, 300), 1000), fragment(fin|0, 1))},
		{"a long fragment behind a short one", concat(fragment(2, 10), fragment(fin|0, 1<<18))},
		{"pings between fragments", concat(fragment(2, 1), bytes.Repeat(concat(fragment(0, 500), fragment(fin|9, 125)), 200))},
	} {
		t.Run(c.name, func(t *testing.T) {
			random := rand.New(rand.NewPCG(3, 4))
			var p Parser
			arrived, allowed := 0, 0
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
					most := max(2*arrived, minBuffer)
					if h := p.assembly.frame.header; h.fin && !h.op.IsControl() && 4*arrived >= int(h.length) {
						allowed = minBuffer << bufferClass(max(p.assembly.message.finished+int(h.length), minBuffer))
					}
					if got, most := cap(p.assembly.buf), max(most, allowed); got > most {
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
	if most := size / 2; moved > most {
		t.Errorf("moved %d bytes of a message of %d, want at most %d", moved, size, most)
	}
}

func TestHalfAControlFrameReservesNothingMore(t *testing.T) {
	const half = 1 << 10
	var p Parser
	p.Next(clientFrame(2, strings.Repeat("x", half)), testMax)
	before := p.Held()
	ping := clientFrame(fin|9, strings.Repeat("p", 125))
	p.Next(slices.Clone(ping[:100]), testMax)
	if got := p.Held(); got != before {
		t.Errorf("holds %d bytes with half a ping, want %d as without", got, before)
	}
	if m, _, ok, _ := p.Next(slices.Clone(ping[100:]), testMax); !ok || m.Op != Ping || len(m.Payload) != 125 {
		t.Errorf("got %v of %d bytes, %v, want the ping", m.Op, len(m.Payload), ok)
	}
}

func TestHeldIsWhatIsUnfinished(t *testing.T) {
	const header = 6
	long := clientFrame(fin|2, strings.Repeat("x", 3000))
	for _, c := range []struct {
		name        string
		input       []byte
		least, most int
	}{
		{"nothing before the first byte", nil, 0, 0},
		{"nothing behind a whole message", clientFrame(fin|2, "x"), 0, 0},
		{"no buffer for half a header", long[:1], 1, 300},
		{"no buffer for half a ping", clientFrame(fin|9, "ping")[:header+2], 1, 300},
		{"the smallest buffer for a byte", long[:header+3], minBuffer, minBuffer + 300},
		{"at most twice what has come before a quarter has", long[:header+600], 1024, 1024 + 300},
		{"all of the message from there on", long[:header+1000], 4096, 4096 + 300},
		{"a finished fragment", clientFrame(2, strings.Repeat("x", 512)), 512, 512 + 300},
		{"nothing behind a close frame", clientFrame(fin|8, ""), 0, 0},
		{"nothing behind a violation", clientFrame(fin|0, ""), 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var p Parser
			for input, ok := slices.Clone(c.input), true; ok; {
				var n int
				_, n, ok, _ = p.Next(input, testMax)
				input = input[n:]
			}
			if got := p.Held(); got < c.least || got > c.most {
				t.Errorf("got %d bytes, want %d to %d", got, c.least, c.most)
			}
			if p.Release(); p.Held() != 0 {
				t.Errorf("got %d bytes once released, want none", p.Held())
			}
		})
	}
}

func TestAgeIsThatOfWhatIsUnfinished(t *testing.T) {
	var p Parser
	next := func(input []byte) {
		for ok := true; ok; {
			var n int
			_, n, ok, _ = p.Next(input, testMax)
			input = input[n:]
		}
	}
	check := func(when string, now, want time.Duration) {
		t.Helper()
		if got := p.Age(now); got != want {
			t.Errorf("%s: got %v, want %v", when, got, want)
		}
	}
	check("before anything", 5, 0)
	message := clientFrame(2, "first")
	next(message[:1])
	check("with the first byte", 10, 0)
	next(message[1:])
	check("with a fragment", 13, 3)
	next(clientFrame(fin|9, "ping"))
	check("behind a ping inside", 15, 5)
	next(concat(clientFrame(fin|0, "last"), clientFrame(2, "another")))
	check("in the next message", 20, 0)
	check("later in it", 27, 7)
	p.Restart(30)
	check("once restarted", 31, 1)
	next(clientFrame(fin|0, ""))
	check("behind its end", 40, 0)
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
		want := a.message.finished
		switch {
		case a.delivered == deliveredMessage:
			want = len(m.Payload)
		case !a.frame.header.op.IsControl():
			want += a.frame.received
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
