package wsframe

import "bytes"

const (
	// MaxHead is the longest request head that is read, in bytes, the blank line included.
	MaxHead = 8 << 10
	// MaxHeadLines bounds the lines of a request head, the request line included, the blank line not.
	MaxHeadLines = 100
)

// HeadEnd looks for the end of a request head in buf, which begins with the request. scanned is how many bytes of buf the
// last call has seen, so that a head which arrives byte by byte isn't searched over and over. It returns the length of the head
// with its blank line, or 0 as long as more is needed; what follows it in buf is the client's first frames. A head over
// [MaxHead] or [MaxHeadLines] is refused with 431, and with 400 one that has a bare LF, a bare CR, or a first byte that
// can't begin a request (RFC 9112 sections 2.2 and 3); whatever the pieces in which it comes, what is wrong first decides. It
// changes nothing and allocates nothing.
func HeadEnd(buf []byte, scanned int) (end int, refusal *Refusal) {
	if len(buf) == 0 {
		return 0, nil
	}
	if !tokenChars[buf[0]] {
		return 0, refuseRequestLine
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
			return 0, refuseBareNewline
		}
		at = next + 1
		unchecked = at
		if next > 1 && window[next-2] == '\n' {
			return at, nil
		}
		if lines++; lines > MaxHeadLines {
			return 0, refuseHeadLines
		}
	}
	if hasReturn(window, unchecked, len(window)-1) {
		return 0, refuseBareNewline
	}
	if len(buf) >= MaxHead {
		return 0, refuseHeadLength
	}
	return 0, nil
}

var lineFeed = []byte{'\n'}

// hasReturn reports whether there is a CR in view[from:to].
func hasReturn(view []byte, from, to int) bool {
	return from < to && bytes.IndexByte(view[from:to], '\r') >= 0
}
