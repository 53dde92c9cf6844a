package wsframe

import "bytes"

const (
	// MaxHead is the length of the longest request head that is accepted, in bytes, with the blank line.
	MaxHead = 8 << 10
	// MaxHeadLines is how many lines a request head may have, with the request line, without the blank line.
	MaxHeadLines = 100
)

// HeadEnd looks for the end of a request head in buf, which begins with the request. It returns the length of the head with
// its blank line, or 0 if more bytes are needed. What follows the head in buf is the client's first frames. scanned is how
// many bytes of buf the last call has seen, so that a head which arrives byte by byte isn't searched again and again.
//
// A head over [MaxHead] or [MaxHeadLines] is refused with 431. A head with a bare LF, a bare CR, or a first byte that can't
// begin a request is refused with 400 (RFC 9112 sections 2.2 and 3). The first fault decides, however the head is split.
// HeadEnd changes nothing and allocates nothing.
func HeadEnd(buf []byte, scanned int) (end int, refusal *Refusal) {
	if len(buf) == 0 {
		return 0, nil
	}
	if !tokenChars[buf[0]] {
		return 0, refusalRequestLine
	}
	window := buf[:min(len(buf), MaxHead)]
	at := min(scanned, len(window))
	lines := bytes.Count(window[:at], lineFeed)
	unchecked := max(at-1, 0)
	for {
		next := bytes.IndexByte(window[at:], '\n')
		if next < 0 {
			break
		}
		next += at
		if next == 0 || window[next-1] != '\r' || hasReturn(window, unchecked, next-1) {
			return 0, refusalBareNewline
		}
		at = next + 1
		unchecked = at
		if next > 1 && window[next-2] == '\n' {
			return at, nil
		}
		if lines++; lines > MaxHeadLines {
			return 0, refusalHeadLines
		}
	}
	if hasReturn(window, unchecked, len(window)-1) {
		return 0, refusalBareNewline
	}
	if len(buf) >= MaxHead {
		return 0, refusalHeadLength
	}
	return 0, nil
}

var lineFeed = []byte{'\n'}

// hasReturn reports whether there is a CR in view[from:to].
func hasReturn(view []byte, from, to int) bool {
	return from < to && bytes.IndexByte(view[from:to], '\r') >= 0
}
