package wsframe

import (
	"sync"
	"time"
	"unicode/utf8"
	"unsafe"

	"github.com/gobwas/ws"
)

// assembly is what a Parser holds while a frame or a message is unfinished. Its Parser owns all of it.
//
// P1: between two calls len(buf) is message.finished + frame.received, or message.finished alone if the frame is a control frame.
//
// P2: in a text message buf[:message.checked] is valid UTF-8 and ends with a whole character. At most three bytes follow,
// the beginning of another one.
//
// P3: frame.header is what parseHeader reads from frame.raw whenever frame.inPayload is set.
type assembly struct {
	// buf has the payload of the message's finished fragments, then what has arrived of the frame, all unmasked. The frame may
	// be a control frame instead, whose payload is in control.
	buf       []byte
	control   [MaxControl]byte
	message   openMessage
	frame     openFrame
	delivered delivery
	// began is the time of the first call of Age, 0 before it.
	began time.Duration
}

// openMessage is the message whose frames are being read.
type openMessage struct {
	op Opcode
	// isOpen is set from the end of the first fragment until the message is whole.
	isOpen bool
	// finished is how many bytes of buf finished fragments take.
	finished int
	// checked is how many bytes of buf are known to be UTF-8.
	checked int
	// fragments is how many frames have ended without ending the message, since TakeFragments was called last.
	fragments int
}

// openFrame is the frame that is being read.
type openFrame struct {
	// raw[:rawLen] is the header as it came, for Unread.
	raw    [maxClientHeader]byte
	rawLen uint8
	// inPayload is set while header is whole and payload is missing.
	inPayload bool
	header    header
	// received is how many bytes of the payload are in buf or, of a control frame, in control.
	received int
}

// delivery says what of an assembly the last call returned, and so what the caller may look at until the next one.
type delivery uint8

const (
	deliveredNothing delivery = iota
	deliveredMessage
	deliveredControl
	deliveredClose
)

// done is the assembly of every Parser that has seen a close frame or a violation. It is never written.
var done = new(assembly)

var assemblies = sync.Pool{New: func() any { return new(assembly) }}

// beginFrame notes a frame whose payload will go through buf. rest is the part of its header that is not in raw yet.
func (a *assembly) beginFrame(h header, rest []byte) {
	f := &a.frame
	f.rawLen += uint8(copy(f.raw[f.rawLen:], rest))
	f.header, f.inPayload = h, true
	if !h.op.IsControl() && !a.message.isOpen {
		a.message.op = h.op
	}
}

// readPayload moves what input has of the frame's payload into buf and checks what can be checked already.
func (a *assembly) readPayload(input []byte) (n int, violation *Close) {
	f := &a.frame
	n = min(len(input), int(f.header.length)-f.received)
	chunk := input[:n]
	ws.Cipher(chunk, f.header.mask, f.received)
	isControl := f.header.op.IsControl()
	if isControl {
		copy(a.control[f.received:], chunk)
	} else {
		a.append(chunk)
	}
	f.received += n
	isWhole := f.received == int(f.header.length)
	switch {
	case f.header.op == CloseOp && isWhole:
		return n, checkClose(a.control[:f.received])
	case isControl || a.message.op != Text:
		return n, nil
	case !a.checkText(isWhole && f.header.fin):
		return n, closeTextNotUTF8
	}
	return n, nil
}

func (a *assembly) append(chunk []byte) {
	if need := len(a.buf) + len(chunk); need > cap(a.buf) {
		larger := append(getBuffer(a.reserve(need)), a.buf...)
		putBuffer(a.buf)
		a.buf = larger
	}
	a.buf = append(a.buf, chunk...)
}

// reserveFactor is which part of a message must have come before there is a buffer for all of it.
const reserveFactor = 4

// reserve returns for how many bytes to get a buffer when need bytes of the message have arrived: for all of it once a quarter
// has come and its end is known; before that for what has come, but twice the present buffer at the least, so that a message
// isn't copied once for each read.
func (a *assembly) reserve(need int) int {
	h := &a.frame.header
	if size := a.message.finished + int(h.length); h.fin && size/reserveFactor <= need {
		return size
	}
	return max(need, 2*cap(a.buf))
}

// checkText validates what wasn't checked yet. A character cut off at the end of buf is valid unless the message ends there.
func (a *assembly) checkText(isEnd bool) bool {
	unchecked := a.buf[a.message.checked:]
	cut := incompleteTail(unchecked)
	if isEnd && cut > 0 || !utf8.Valid(unchecked[:len(unchecked)-cut]) {
		return false
	}
	a.message.checked += len(unchecked) - cut
	return true
}

// deliver returns the message or control frame that ends with the frame being read, if that is whole.
func (a *assembly) deliver() (m Message, ok bool) {
	h, size := a.frame.header, a.frame.received
	if size < int(h.length) {
		return Message{}, false
	}
	a.frame.rawLen, a.frame.received, a.frame.inPayload = 0, 0, false
	switch {
	case h.op == CloseOp:
		a.delivered = deliveredClose
		return Message{Op: CloseOp, Payload: a.control[:size:size]}, true
	case h.op.IsControl():
		a.delivered = deliveredControl
		return Message{Op: h.op, Payload: a.control[:size:size]}, true
	case h.fin:
		a.delivered = deliveredMessage
		return Message{Op: a.message.op, Payload: a.buf}, true
	}
	a.message.isOpen, a.message.finished = true, len(a.buf)
	a.message.fragments++
	return Message{}, false
}

func (a *assembly) buffered() int {
	switch a.delivered {
	case deliveredNothing:
		return int(a.frame.rawLen) + a.message.finished + a.frame.received
	case deliveredControl:
		return a.message.finished
	}
	return 0
}

func (a *assembly) appendUnread(dst []byte) []byte {
	if a.delivered == deliveredMessage || a.delivered == deliveredClose {
		return dst
	}
	if a.message.isOpen {
		dst = appendHeader(dst, byte(a.message.op), maskBit, a.message.finished)
		dst = append(dst, 0, 0, 0, 0)
		dst = append(dst, a.buf[:a.message.finished]...)
	}
	if a.delivered == deliveredControl {
		return dst
	}
	dst = append(dst, a.frame.raw[:a.frame.rawLen]...)
	payload := len(dst)
	if a.frame.inPayload && a.frame.header.op.IsControl() {
		dst = append(dst, a.control[:a.frame.received]...)
	} else {
		dst = append(dst, a.buf[a.message.finished:]...)
	}
	ws.Cipher(dst[payload:], a.frame.header.mask, 0)
	return dst
}

// memory is how many bytes the assembly takes, with its buffer.
func (a *assembly) memory() int { return int(unsafe.Sizeof(*a)) + cap(a.buf) }

func (a *assembly) free() {
	putBuffer(a.buf)
	a.buf, a.message, a.frame, a.delivered, a.began = nil, openMessage{}, openFrame{}, deliveredNothing, 0
	assemblies.Put(a)
}
