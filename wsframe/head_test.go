package wsframe

import (
	"slices"
	"strings"
	"testing"
)

// headCase is a row of the table for FindHead, with the default limits.
type headCase struct {
	name  string
	input string
	end   int
	want  *Refusal
}

// manyLines is a head of n lines, and longHead one of n bytes.
func manyLines(n int) string {
	return string(head(append([]string{"GET / HTTP/1.1"}, slices.Repeat([]string{"X-A: b"}, n-1)...)))
}

func longHead(n int) string {
	frame := "GET / HTTP/1.1\r\nX-A: \r\n\r\n"
	return strings.Replace(frame, "X-A: ", "X-A: "+strings.Repeat("x", n-len(frame)), 1)
}

func headCases() []headCase {
	good := string(head(headLines))
	const limit = 16384
	lines, size := defaultHeadLimits.tooMany, defaultHeadLimits.tooLong
	return []headCase{
		{"ends at the blank line", good, len(good), nil},
		{"leaves what comes behind", good + "\x81\x80\n\n\r\r\n\r\n", len(good), nil},
		{"leaves a large rest", good + strings.Repeat("\x81\x80abcd\n", 20000), len(good), nil},
		{"waits for the blank line", good[:len(good)-2], 0, nil},
		{"waits for the last byte", good[:len(good)-1], 0, nil},
		{"waits for the first line", "GET /ws", 0, nil},
		{"waits for a byte", "", 0, nil},
		{"takes 100 lines", manyLines(100), len(manyLines(100)), nil},
		{"refuses 101 lines", manyLines(101), 0, lines},
		{"refuses 101 lines before their end", manyLines(101)[:len(manyLines(101))-2], 0, lines},
		{"takes 16384 bytes", longHead(limit), limit, nil},
		{"refuses 16385 bytes", longHead(limit + 1), 0, size},
		{"refuses 16384 bytes without an end", longHead(limit + 800)[:limit], 0, size},
		{"waits at 16383 bytes", longHead(limit + 800)[:limit-1], 0, nil},
		{"skips an empty line ahead of the request", "\r\n" + good, 2 + len(good), nil},
		{"skips four empty lines", "\r\n\r\n\r\n\r\n" + good, 8 + len(good), nil},
		{"refuses five empty lines", "\r\n\r\n\r\n\r\n\r\n" + good, 0, refusalRequestLine},
		{"waits behind an empty line", "\r\n", 0, nil},
		{"waits in an empty line", "\r", 0, nil},
		{"takes no blank line before the request for its end", "\r\n\r\n", 0, nil},
		{"counts empty lines against the limit", "\r\n" + longHead(limit), 0, size},
		{"refuses a bare LF", "GET / HTTP/1.1\nHost: x\r\n\r\n", 0, refusalBareNewline},
		{"refuses a bare LF in the end", "GET / HTTP/1.1\r\nHost: x\r\n\n", 0, refusalBareNewline},
		{"refuses two bare LF", "GET / HTTP/1.1\r\nHost: x\n\n", 0, refusalBareNewline},
		{"refuses a bare CR", "GET / HTTP/1.1\r\nX: a\rb\r\n\r\n", 0, refusalBareNewline},
		{"refuses a bare CR in an unfinished line", "GET /\rws", 0, refusalBareNewline},
		{"refuses a bare CR first", "\rGET / HTTP/1.1\r\n\r\n", 0, refusalBareNewline},
		{"refuses a CR twice", "GET / HTTP/1.1\r\r\n\r\n", 0, refusalBareNewline},
		{"refuses an LF first", "\n", 0, refusalRequestLine},
		{"refuses an LF behind an empty line", "\r\n\nGET / HTTP/1.1\r\n\r\n", 0, refusalRequestLine},
		{"refuses a blank first", " GET / HTTP/1.1\r\n\r\n", 0, refusalRequestLine},
		{"refuses a TLS hello at its first byte", "\x16", 0, refusalTLS},
		{"refuses a frame at its first byte", "\x81", 0, refusalRequestLine},
		{"refuses the binary PROXY protocol", "\r\n\r\n\x00\r\nQUIT\n", 0, refusalProxyLine},
	}
}

func TestFindHead(t *testing.T) {
	policy := compile(t, PolicyConfig{})
	for _, c := range headCases() {
		t.Run(c.name, func(t *testing.T) {
			if _, end, refusal := policy.FindHead([]byte(c.input), 0); end != c.end || refusal != c.want {
				t.Errorf("whole: got %d and %v, want %d and %v", end, refusal, c.end, c.want)
			}
			if end, refusal := headEndStepwise(policy, []byte(c.input), 1); end != c.end || refusal != c.want {
				t.Errorf("a byte at a time: got %d and %v, want %d and %v", end, refusal, c.end, c.want)
			}
			for cut := range min(len(c.input), 300) {
				if end, refusal := headEndStepwise(policy, []byte(c.input), cut+1); end != c.end || refusal != c.want {
					t.Fatalf("%d bytes at a time: got %d and %v, want %d and %v", cut+1, end, refusal, c.end, c.want)
				}
			}
		})
	}
}

func TestMaxHeadBoundsBytesAndLines(t *testing.T) {
	for _, c := range []struct {
		name   string
		limit  int
		input  string
		status int
		says   string
	}{
		{"takes 1024 bytes at the least", 1024, longHead(1024), 0, ""},
		{"refuses a byte more", 1024, longHead(1025), 431, "1024 bytes"},
		{"leaves 100 lines to a small limit", 1024, manyLines(100), 0, ""},
		{"takes 256 KiB", 256 << 10, longHead(256 << 10), 0, ""},
		{"takes 1024 lines with 256 KiB", 256 << 10, manyLines(1024), 0, ""},
		{"refuses 1025 lines with 256 KiB", 256 << 10, manyLines(1025), 431, "1024 lines"},
		{"names the default", 0, longHead(20000), 431, "16384 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			policy := compile(t, PolicyConfig{MaxHead: c.limit})
			_, end, refusal := policy.FindHead([]byte(c.input), 0)
			if c.status == 0 {
				if end != len(c.input) || refusal != nil {
					t.Errorf("got %d and %v, want %d", end, refusal, len(c.input))
				}
				return
			}
			if refusal == nil || refusal.Status != c.status || !strings.Contains(refusal.Reason, c.says) {
				t.Errorf("got %d and %v, want %d that says %q", end, refusal, c.status, c.says)
			}
		})
	}
}

func TestZeroPolicyHasTheDefaultLimits(t *testing.T) {
	var policy Policy
	if _, _, refusal := policy.FindHead([]byte(longHead(DefaultMaxHead+1)), 0); refusal == nil || refusal.Status != 431 {
		t.Errorf("got %v, want 431", refusal)
	}
}

// headEndStepwise lets input grow by step bytes a call, as it does in a connection's buffer.
func headEndStepwise(policy *Policy, input []byte, step int) (end int, refusal *Refusal) {
	scanned := 0
	for end == 0 && refusal == nil && scanned < len(input) {
		arrived := min(scanned+step, len(input))
		_, end, refusal = policy.FindHead(input[:arrived], scanned)
		scanned = arrived
	}
	return end, refusal
}
