package wsframe

import (
	"bytes"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
	"unsafe"
)

// smallInput is the length of the longest input that is cut at every byte: the work grows with its square.
const smallInput = 300

func TestParserReadsWholeInput(t *testing.T) {
	for _, c := range frameCases() {
		t.Run(c.name, func(t *testing.T) {
			if got := readWhole(c.input, c.max()); !got.equal(c.want) {
				t.Errorf("got %v\nwant %v", got, c.want)
			}
		})
	}
}

func TestI2AnySplitGivesTheSameMessages(t *testing.T) {
	for _, c := range frameCases() {
		t.Run(c.name, func(t *testing.T) {
			if got := readBytewise(c.input, c.max()); !got.equal(c.want) {
				t.Fatalf("a byte at a time: got %v\nwant %v", got, c.want)
			}
			step := 1 + len(c.input)/smallInput
			for cut := 0; cut <= len(c.input); cut += step {
				if got := readCut(c.input, c.max(), cut); !got.equal(c.want) {
					t.Fatalf("cut at %d: got %v\nwant %v", cut, got, c.want)
				}
			}
			if len(c.input) > 64 {
				return
			}
			for first := range len(c.input) {
				for second := first; second < len(c.input); second++ {
					if got := readCut(c.input, c.max(), first, second); !got.equal(c.want) {
						t.Fatalf("cuts at %d and %d: got %v\nwant %v", first, second, got, c.want)
					}
				}
			}
		})
	}
}

func TestI2AnySplitOfManyMessagesGivesTheSameMessages(t *testing.T) {
	var input []byte
	var want outcome
	for _, c := range frameCases() {
		whole := c.want.violation == nil && len(c.want.messages) > 0 && !strings.HasPrefix(c.want.messages[len(c.want.messages)-1], "close")
		if whole && c.limit == 0 {
			input = append(input, c.input...)
			want.messages = append(want.messages, c.want.messages...)
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	for round := range 50 {
		var cuts []int
		for range random.IntN(200) {
			cuts = append(cuts, random.IntN(len(input)))
		}
		slices.Sort(cuts)
		if got := readCut(input, testMax, cuts...); !got.equal(want) {
			t.Fatalf("round %d, cuts %v: got %d messages and %v, want %d", round, cuts, len(got.messages), got.violation, len(want.messages))
		}
	}
}

func TestI1ParserIsOnePointerAndHoldsNothingWhenIdle(t *testing.T) {
	if got, want := unsafe.Sizeof(Parser{}), unsafe.Sizeof(uintptr(0)); got != want {
		t.Errorf("size: got %d, want %d", got, want)
	}
	for _, c := range frameCases() {
		t.Run(c.name, func(t *testing.T) {
			for cut := 0; cut <= len(c.input); cut += 1 + len(c.input)/smallInput {
				var p Parser
				var got outcome
				got.read(&p, c.max(), c.input[:cut], c.input[cut:])
				isIdle := p.assembly == nil || p.assembly == done
				isUnfinished := len(got.messages) == 0 && got.violation == nil
				if isIdle == isUnfinished {
					t.Fatalf("cut at %d: idle %v, holds %d bytes after %v", cut, isIdle, p.Buffered(), got)
				}
			}
		})
	}
}

func TestI3MemoryFollowsWhatArrivedNotWhatWasDeclared(t *testing.T) {
	const declared = 1 << 30
	frame := []byte{fin | 2, 0xFF, 0, 0, 0, 0, declared >> 24, 0, 0, 0, 1, 2, 3, 4}
	var before, after runtime.MemStats
	var p Parser
	runtime.ReadMemStats(&before)
	if _, _, ok, violation := p.Next(frame, declared); ok || violation != nil {
		t.Fatalf("got ok %v and %v, want neither", ok, violation)
	}
	if got, want := cap(p.assembly.buf), 0; got != want {
		t.Errorf("capacity after the header: got %d, want %d", got, want)
	}
	chunk := make([]byte, 1000)
	for sent := len(chunk); sent <= 300*len(chunk); sent += len(chunk) {
		p.Next(chunk, declared)
		if got, most := cap(p.assembly.buf), max(8*sent, minBuffer); got > most {
			t.Fatalf("capacity after %d bytes: got %d, want at most %d", sent, got, most)
		}
	}
	runtime.ReadMemStats(&after)
	if got, most := after.TotalAlloc-before.TotalAlloc, uint64(2<<20); got > most {
		t.Errorf("allocated: got %d bytes, want at most %d", got, most)
	}
	p.Release()
}

func TestI4NothingOfAMessageOverTheLimitIsBuffered(t *testing.T) {
	input := concat(clientFrame(1, "12345678"), clientFrame(fin|0, "9")[:minClientHeader])
	var p Parser
	var got outcome
	got.read(&p, 8, input[:len(input)-1])
	if got.violation != nil || p.Buffered() != 8+minClientHeader-1 {
		t.Fatalf("before the header's end: got %v and %d bytes", got.violation, p.Buffered())
	}
	got.read(&p, 8, input[len(input)-1:])
	if got.violation != closeTooBig || p.Buffered() != 0 {
		t.Errorf("at the header's end: got %v and %d bytes, want %v and none", got.violation, p.Buffered(), closeTooBig)
	}
}

func TestI5ControlFrameBetweenFragmentsTouchesNothing(t *testing.T) {
	var p Parser
	var got outcome
	got.read(&p, testMax, clientFrame(1, "Hello \xE4"))
	before := *p.assembly
	ping := clientFrame(fin|9, "\xFF ping")
	for cut := range ping {
		got.read(&p, testMax, ping[:cut], ping[cut:])
		after := *p.assembly
		if !bytes.Equal(before.buf, after.buf) || before.message != after.message {
			t.Fatalf("cut at %d: got %+v, want %+v", cut, after, before)
		}
	}
	if len(got.messages) != len(ping) {
		t.Errorf("got %d pings, want %d", len(got.messages), len(ping))
	}
}

func TestI6NothingIsParsedAfterCloseOrViolation(t *testing.T) {
	late := clientFrame(fin|1, "late")
	for _, c := range []struct {
		name  string
		input []byte
		done  bool
	}{
		{"a close", clientFrame(fin|8, ""), true},
		{"a violation", clientFrame(fin|0, "a"), true},
		{"a message", clientFrame(fin|1, "a"), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, pieces := range [][][]byte{{c.input}, slices.Collect(slices.Chunk(c.input, 1))} {
				var p Parser
				var got outcome
				got.read(&p, testMax, pieces...)
				if got := p.Done(); got != c.done {
					t.Fatalf("Done: got %v, want %v", got, c.done)
				}
				m, n, ok, violation := p.Next(slices.Clone(late), testMax)
				if ok == c.done || n != len(late) || violation != nil {
					t.Errorf("late frame: got %q, %d, %v, %v", m.Payload, n, ok, violation)
				}
				p.Release()
				if p.Done() || p.Unread(nil) != nil {
					t.Errorf("after Release the parser isn't fresh")
				}
			}
		})
	}
}

func TestTakeFragmentsCountsFramesThatEndNoMessage(t *testing.T) {
	ping := clientFrame(fin|byte(Ping), "")
	for name, c := range map[string]struct {
		input []byte
		want  int
	}{
		"none of a message in one frame": {clientFrame(fin|byte(Text), "a"), 0},
		"none of control frames":         {slices.Concat(ping, ping), 0},
		"all but the last of a message":  {slices.Concat(clientFrame(byte(Text), "a"), clientFrame(0, "b"), clientFrame(fin, "c")), 2},
		"those of an unfinished message": {slices.Concat(clientFrame(byte(Text), ""), clientFrame(0, ""), ping, clientFrame(0, "")), 3},
		"those of two messages": {slices.Concat(clientFrame(byte(Text), "a"), clientFrame(fin, ""), clientFrame(byte(Binary), "b"),
			clientFrame(fin, "")), 2},
	} {
		for _, size := range []int{1, 3, 7, len(c.input)} {
			var p Parser
			got := 0
			for chunk := range slices.Chunk(slices.Clone(c.input), size) {
				for {
					_, n, ok, violation := p.Next(chunk, testMax)
					if violation != nil {
						t.Fatalf("%s: got %v", name, violation)
					}
					got += p.TakeFragments()
					chunk = chunk[n:]
					if !ok {
						break
					}
				}
			}
			if got != c.want || p.TakeFragments() != 0 {
				t.Errorf("%s, %d bytes a read: got %d, want %d", name, size, got, c.want)
			}
		}
	}
}

func TestDoneIsTrueWhileTheCloseIsLookedAt(t *testing.T) {
	frame := clientFrame(fin|8, closePayload(1000, "bye"))
	for cut := range frame {
		var p Parser
		p.Next(slices.Clone(frame[:cut]), testMax)
		m, _, ok, _ := p.Next(slices.Clone(frame[cut:]), testMax)
		if !ok || m.Op != CloseOp || !p.Done() {
			t.Fatalf("cut at %d: got %v, %v, done %v", cut, ok, m.Op, p.Done())
		}
	}
}

func TestTextFailsAtTheFirstBadByte(t *testing.T) {
	for _, c := range []struct {
		name  string
		text  string
		bytes int
	}{
		{"a byte that begins nothing", "abc\xFFdef", 4},
		{"a continuation byte out of place", "abc\x80def", 4},
		{"an overlong form of three bytes", "ab\xE0\x80\x80", 4},
		{"an overlong form of two bytes", "ab\xC1\x81", 3},
		{"a surrogate", "ab\xED\xA0\x80", 4},
		{"a code point over 10FFFF", "ab\xF4\x90\x80\x80", 4},
		{"a lead byte over F4", "ab\xF5\x80\x80\x80", 3},
		{"a character broken off by ASCII", "ab\xE4\xB8c", 5},
	} {
		t.Run(c.name, func(t *testing.T) {
			frame := clientFrame(fin|1, c.text+strings.Repeat("x", 100))
			var p Parser
			var got outcome
			for i := range frame {
				got.read(&p, testMax, frame[i:i+1])
				if got.violation != nil {
					if at := i + 1 - minClientHeader; at != c.bytes || got.violation != closeTextNotUTF8 {
						t.Errorf("got %v after %d bytes of payload, want 1007 after %d", got.violation, at, c.bytes)
					}
					return
				}
			}
			t.Errorf("no violation in %q", c.text)
		})
	}
}

func TestTextAgreesWithUTF8ForAllShortSequences(t *testing.T) {
	edges := []byte{0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF}
	for _, a := range edges {
		for _, b := range edges {
			for _, c := range edges {
				for _, d := range edges {
					text := string([]byte{a, b, c, d})
					frame := clientFrame(fin|1, text)
					want := utf8.ValidString(text)
					for _, got := range []outcome{readWhole(frame, testMax), readBytewise(frame, testMax)} {
						if valid := got.violation == nil; valid != want {
							t.Fatalf("%x: got valid %v, want %v", text, valid, want)
						}
					}
				}
			}
		}
	}
}

func TestUnreadGivesTheStateToAFreshParser(t *testing.T) {
	tail := concat(clientFrame(fin|9, "p"), clientFrame(fin|0, "!"), clientFrame(fin|1, "next"))
	for _, c := range frameCases() {
		t.Run(c.name, func(t *testing.T) {
			input := concat(c.input, tail)
			want := readWhole(input, c.max())
			for cut := 0; cut <= len(c.input); cut += 1 + len(c.input)/smallInput {
				var first, second Parser
				var got outcome
				got.read(&first, c.max(), input[:cut])
				if first.Done() {
					break
				}
				held := first.Buffered()
				unread := first.Unread(nil)
				if len(unread) < held || first.assembly != nil {
					t.Fatalf("cut at %d: %d bytes unread of %d held", cut, len(unread), held)
				}
				got.read(&second, c.max(), unread, input[cut:])
				if !got.equal(want) {
					t.Fatalf("cut at %d: got %v\nwant %v", cut, got, want)
				}
			}
		})
	}
}

func TestUnreadOfAPartialFrameIsTheOriginal(t *testing.T) {
	for _, frame := range [][]byte{clientFrame(fin|1, "Hello, world"), clientFrame(fin|9, "ping"), clientFrame(2, strings.Repeat("x", 70000))} {
		for cut := 0; cut < len(frame); cut += 1 + len(frame)/smallInput {
			var p Parser
			var got outcome
			got.read(&p, testMax, frame[:cut])
			if unread := p.Unread([]byte("kept")); !bytes.Equal(unread, concat([]byte("kept"), frame[:cut])) {
				t.Fatalf("cut at %d: got %x, want %x", cut, unread, frame[:cut])
			}
		}
	}
}

func TestUnreadLeavesOutWhatWasDelivered(t *testing.T) {
	split := func(frame []byte) [][]byte { return [][]byte{frame[:7], frame[7:]} }
	deliver := func(p *Parser, pieces ...[]byte) {
		for _, piece := range pieces {
			for rest := slices.Clone(piece); len(rest) > 0; {
				_, n, _, _ := p.Next(rest, testMax)
				rest = rest[n:]
			}
		}
	}
	for _, c := range []struct {
		name   string
		pieces [][]byte
		want   []byte
	}{
		{"a message", split(clientFrame(fin|1, "abc")), nil},
		{"a ping", split(clientFrame(fin|9, "abc")), nil},
		{"a close", split(clientFrame(fin|8, closePayload(1000, "x"))), nil},
		{"a ping between fragments", append([][]byte{clientFrame(1, "abc")}, split(clientFrame(fin|9, "abc"))...), []byte{1, 0x83, 0, 0, 0, 0, 'a', 'b', 'c'}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var p Parser
			deliver(&p, c.pieces...)
			if got, want := p.Buffered(), max(0, len(c.want)-minClientHeader); got != want {
				t.Errorf("buffered: got %d, want %d", got, want)
			}
			if got := p.Unread(nil); !bytes.Equal(got, c.want) {
				t.Errorf("got %x, want %x", got, c.want)
			}
		})
	}
}
