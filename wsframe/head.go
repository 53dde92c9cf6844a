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
// can't begin a request (RFC 9112 sections 2.2 and 3). It changes nothing and allocates nothing.
func HeadEnd(buf []byte, scanned int) (end int, refusal *Refusal) {
	if len(buf) == 0 {
		return 0, nil
	}
	if !tokenChars[buf[0]] {
		return 0, refuseRequestLine
	}
	window := buf[:min(len(buf), MaxHead)]
	from := min(scanned, len(window))
	seenLine := false
	for at := from; end == 0; {
		next := bytes.IndexByte(window[at:], '\n')
		if next < 0 {
			break
		}
		at += next + 1
		line := window[:at-1]
		if len(line) == 0 || line[len(line)-1] != '\r' {
			return 0, refuseBareNewline
		}
		seenLine = true
		if len(line) > 1 && line[len(line)-2] == '\n' {
			end = at
		}
	}
	if end > 0 {
		window = window[:end]
	}
	switch {
	case hasBareReturn(window, from):
		return 0, refuseBareNewline
	case seenLine && bytes.Count(window, lineFeed)-min(end, 1) > MaxHeadLines:
		return 0, refuseHeadLines
	case end == 0 && len(buf) >= MaxHead:
		return 0, refuseHeadLength
	}
	return end, nil
}

var (
	lineFeed       = []byte{'\n'}
	carriageReturn = []byte{'\r'}
)

// hasBareReturn reports whether a CR in view[from-1:] is followed by anything but LF; a CR at the end may still get one.
// Each LF is known to follow a CR, so counting both tells.
func hasBareReturn(view []byte, from int) bool {
	if from > 0 && view[from-1] == '\r' {
		from--
	}
	fresh := view[from:]
	returns := bytes.Count(fresh, carriageReturn)
	if len(fresh) > 0 && fresh[len(fresh)-1] == '\r' {
		returns--
	}
	return returns != bytes.Count(fresh, lineFeed)
}
