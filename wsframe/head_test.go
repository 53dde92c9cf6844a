package wsframe

import (
	"slices"
	"strings"
	"testing"
)

// headCase is a row of the table for HeadEnd.
type headCase struct {
	name  string
	input string
	end   int
	want  *Refusal
}

func headCases() []headCase {
	good := string(head(headLines))
	lines := func(n int) string {
		return string(head(append([]string{"GET / HTTP/1.1"}, slices.Repeat([]string{"X-A: b"}, n-1)...)))
	}
	bytes := func(n int) string {
		frame := "GET / HTTP/1.1\r\nX-A: \r\n\r\n"
		return strings.Replace(frame, "X-A: ", "X-A: "+strings.Repeat("x", n-len(frame)), 1)
	}
	return []headCase{
		{"ends at the blank line", good, len(good), nil},
		{"leaves what comes behind", good + "\x81\x80\n\n\r\r\n\r\n", len(good), nil},
		{"leaves a large rest", good + strings.Repeat("\x81\x80abcd\n", 20000), len(good), nil},
		{"waits for the blank line", good[:len(good)-2], 0, nil},
		{"waits for the last byte", good[:len(good)-1], 0, nil},
		{"waits for the first line", "GET /ws", 0, nil},
		{"waits for a byte", "", 0, nil},
		{"takes 100 lines", lines(100), len(lines(100)), nil},
		{"refuses 101 lines", lines(101), 0, refusalHeadLines},
		{"refuses 101 lines before their end", lines(101)[:len(lines(101))-2], 0, refusalHeadLines},
		{"takes 8192 bytes", bytes(8192), 8192, nil},
		{"refuses 8193 bytes", bytes(8193), 0, refusalHeadLength},
		{"refuses 8192 bytes without an end", bytes(9000)[:8192], 0, refusalHeadLength},
		{"waits at 8191 bytes", bytes(9000)[:8191], 0, nil},
		{"refuses a bare LF", "GET / HTTP/1.1\nHost: x\r\n\r\n", 0, refusalBareNewline},
		{"refuses a bare LF in the end", "GET / HTTP/1.1\r\nHost: x\r\n\n", 0, refusalBareNewline},
		{"refuses two bare LF", "GET / HTTP/1.1\r\nHost: x\n\n", 0, refusalBareNewline},
		{"refuses a bare CR", "GET / HTTP/1.1\r\nX: a\rb\r\n\r\n", 0, refusalBareNewline},
		{"refuses a bare CR in an unfinished line", "GET /\rws", 0, refusalBareNewline},
		{"refuses a CR twice", "GET / HTTP/1.1\r\r\n\r\n", 0, refusalBareNewline},
		{"refuses a blank line first", "\r\nGET / HTTP/1.1\r\n\r\n", 0, refusalRequestLine},
		{"refuses an LF first", "\n", 0, refusalRequestLine},
		{"refuses a TLS hello at its first byte", "\x16", 0, refusalRequestLine},
		{"refuses a frame at its first byte", "\x81", 0, refusalRequestLine},
	}
}

func TestHeadEnd(t *testing.T) {
	for _, c := range headCases() {
		t.Run(c.name, func(t *testing.T) {
			if end, refusal := HeadEnd([]byte(c.input), 0); end != c.end || refusal != c.want {
				t.Errorf("whole: got %d and %v, want %d and %v", end, refusal, c.end, c.want)
			}
			if end, refusal := headEndStepwise([]byte(c.input), 1); end != c.end || refusal != c.want {
				t.Errorf("a byte at a time: got %d and %v, want %d and %v", end, refusal, c.end, c.want)
			}
			for cut := range min(len(c.input), 300) {
				if end, refusal := headEndStepwise([]byte(c.input), cut+1); end != c.end || refusal != c.want {
					t.Fatalf("%d bytes at a time: got %d and %v, want %d and %v", cut+1, end, refusal, c.end, c.want)
				}
			}
		})
	}
}

// headEndStepwise lets input grow by step bytes a call, as it does in a connection's buffer.
func headEndStepwise(input []byte, step int) (end int, refusal *Refusal) {
	scanned := 0
	for end == 0 && refusal == nil && scanned < len(input) {
		arrived := min(scanned+step, len(input))
		end, refusal = HeadEnd(input[:arrived], scanned)
		scanned = arrived
	}
	return end, refusal
}
