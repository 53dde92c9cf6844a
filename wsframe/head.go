package wsframe

import (
	"bytes"
	"strconv"
)

const (
	// DefaultMaxHead is PolicyConfig.MaxHead where it is 0.
	DefaultMaxHead = 16 << 10
	// minMaxHead and maxMaxHead bound PolicyConfig.MaxHead.
	minMaxHead = 1 << 10
	maxMaxHead = 1 << 20
	// minHeadLines is how many lines a head may have under a small limit, bytesPerLine what each further one needs of it.
	minHeadLines = 100
	bytesPerLine = 256
	// maxEmptyLines is how many empty lines may come ahead of a request. Old clients send one behind the body of a POST.
	maxEmptyLines = 4
)

// headLimits bound request heads. They never change.
type headLimits struct {
	// bytes is the length of the longest head, with its blank line and the empty lines ahead of it.
	bytes int
	// lines is how many lines a head may have, with the request line, without the blank line.
	lines int
	// tooLong and tooMany refuse a head over bytes and one over lines.
	tooLong *Refusal
	tooMany *Refusal
}

var defaultHeadLimits = newHeadLimits(DefaultMaxHead)

func newHeadLimits(size int) *headLimits {
	const advice = "; the operator can raise that with --max-handshake, an embedder with Config.MaxHandshake"
	lines := max(minHeadLines, size/bytesPerLine)
	return &headLimits{
		bytes:   size,
		lines:   lines,
		tooLong: &Refusal{Status: 431, Reason: "the request head (target, cookies and other fields) exceeds the limit of " + strconv.Itoa(size) + " bytes" + advice},
		tooMany: &Refusal{Status: 431, Reason: "the request head exceeds the limit of " + strconv.Itoa(lines) + " lines" + advice},
	}
}

func (p *Policy) headLimits() *headLimits {
	if p.heads == nil {
		return defaultHeadLimits
	}
	return p.heads
}

// FindHead looks for a request head at the beginning of buf. It returns where the head begins, behind at most four empty
// lines, and where it ends, behind its blank line; end is 0 if more bytes are needed. What follows in buf is the client's first
// frames. scanned is how many bytes of buf the last call has seen, so that a head which arrives byte by byte isn't searched
// again and again: only where a line ends, the lines before it are counted once more.
//
// A head that exceeds PolicyConfig.MaxHead, or has too many lines, is refused with 431. A head with a bare LF, a bare CR, or a
// first byte that can't begin a request is refused with 400 (RFC 9112 sections 2.2 and 3). The first fault decides, however
// the head is split. FindHead changes nothing and allocates nothing.
func (p *Policy) FindHead(buf []byte, scanned int) (start, end int, refusal *Refusal) {
	limits := p.headLimits()
	start, refusal = skipEmptyLines(buf)
	if refusal != nil || start == len(buf) || buf[start] == '\r' {
		return start, 0, refusal
	}
	window := buf[:min(len(buf), limits.bytes)]
	at := min(max(scanned, start), len(window))
	lines := -1
	unchecked := max(at-1, start)
	for {
		next := bytes.IndexByte(window[at:], '\n')
		if next < 0 {
			break
		}
		next += at
		if lines < 0 {
			lines = bytes.Count(window[start:at], lineFeed)
		}
		if window[next-1] != '\r' || hasReturn(window, unchecked, next-1) {
			return start, 0, refusalBareNewline
		}
		at = next + 1
		unchecked = at
		if window[next-2] == '\n' {
			return start, at, nil
		}
		if lines++; lines > limits.lines {
			return start, 0, limits.tooMany
		}
	}
	if hasReturn(window, unchecked, len(window)-1) {
		return start, 0, refusalBareNewline
	}
	if len(buf) >= limits.bytes {
		return start, 0, limits.tooLong
	}
	return start, 0, nil
}

// skipEmptyLines returns where the request begins in buf: at its end, or at the CR of an unfinished empty line, if it hasn't
// arrived yet.
func skipEmptyLines(buf []byte) (start int, refusal *Refusal) {
	for range maxEmptyLines {
		if len(buf) < start+2 || buf[start] != '\r' {
			break
		}
		if buf[start+1] != '\n' {
			return start, refusalBareNewline
		}
		start += 2
	}
	if len(buf) > start && !tokenChars[buf[start]] && (buf[start] != '\r' || start == 2*maxEmptyLines) {
		return start, refusalOfByte(buf[start], start)
	}
	return start, nil
}

// refusalOfByte says what a first byte that begins no request looks like, behind so many bytes of empty lines.
func refusalOfByte(first byte, start int) *Refusal {
	switch {
	case first == 0x16 && start == 0:
		return refusalTLS
	case first == 0 && start == 4:
		return refusalProxyLine
	}
	return refusalRequestLine
}

var lineFeed = []byte{'\n'}

// hasReturn reports whether there is a CR in view[from:to].
func hasReturn(view []byte, from, to int) bool {
	return from < to && bytes.IndexByte(view[from:to], '\r') >= 0
}
