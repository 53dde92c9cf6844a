package wsframe

import (
	"sync"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// partial is what a Parser holds while a frame or a message is unfinished. Its Parser owns it.
//
// buf has the payload of the message's finished fragments, then what has arrived of the frame being read, all unmasked.
// A control frame between fragments uses the end of buf and is cut off again.
//
// P1: len(buf) == finished + received, but for a control frame just delivered.
//
// P2: in a text message buf[:checked] is valid UTF-8 and ends with a whole sequence, and at most three bytes that may yet
// become one follow.
//
// P3: raw[:rawLen] is the frame's header as it came; inFrame says that it is whole and parsed into header.
type partial struct {
	buf      []byte
	finished int
	checked  int
	received int
	header   header
	raw      [maxClientHeader]byte
	rawLen   uint8
	inFrame  bool
	open     bool
	op       Opcode
	state    delivery
}

// delivery says what of a partial the caller is looking at, until its next call.
type delivery uint8

const (
	deliveredNothing delivery = iota
	deliveredMessage
	deliveredControl
	deliveredClose
)

// ended is the partial of every Parser that has seen a close frame or a violation. It is never written.
var ended = new(partial)

var partials = sync.Pool{New: func() any { return new(partial) }}

// readBody takes what input has of the frame's payload into buf and checks what can be checked already.
func (q *partial) readBody(input []byte) (taken int, violation *Close) {
	taken = min(len(input), int(q.header.length)-q.received)
	chunk := input[:taken]
	ws.Cipher(chunk, q.header.mask, q.received)
	q.append(chunk)
	q.received += taken
	whole := q.received == int(q.header.length)
	switch {
	case q.header.op == CloseOp && whole:
		return taken, checkClose(q.buf[q.finished:])
	case q.header.op.IsControl() || q.op != Text:
		return taken, nil
	case !q.checkText(whole && q.header.fin):
		return taken, closeTextNotUTF8
	}
	return taken, nil
}

// append doubles a buffer that is full, and stops at the message's end only where that is known: else a message in many
// fragments would be copied once for each of them.
func (q *partial) append(chunk []byte) {
	if need := len(q.buf) + len(chunk); need > cap(q.buf) {
		roomy := 2 * cap(q.buf)
		if q.header.fin && !q.header.op.IsControl() {
			roomy = min(roomy, q.finished+int(q.header.length))
		}
		larger := append(takeBuffer(max(need, roomy)), q.buf...)
		giveBuffer(q.buf)
		q.buf = larger
	}
	q.buf = append(q.buf, chunk...)
}

// checkText validates what wasn't checked yet, except for a sequence cut off at the end unless this is the end.
func (q *partial) checkText(end bool) bool {
	fresh := q.buf[q.checked:]
	cut := incompleteTail(fresh)
	if end && cut > 0 || !utf8.Valid(fresh[:len(fresh)-cut]) {
		return false
	}
	q.checked += len(fresh) - cut
	return true
}

// deliver returns the message or control frame that the frame being read has completed, if so.
func (q *partial) deliver() (m Message, ok bool) {
	if q.received < int(q.header.length) {
		return Message{}, false
	}
	q.rawLen, q.received, q.inFrame = 0, 0, false
	switch {
	case q.header.op == CloseOp:
		q.state = deliveredClose
		return Message{Op: CloseOp, Payload: q.buf[q.finished:]}, true
	case q.header.op.IsControl():
		q.state = deliveredControl
		return Message{Op: q.header.op, Payload: q.buf[q.finished:]}, true
	case q.header.fin:
		q.state = deliveredMessage
		return Message{Op: q.op, Payload: q.buf}, true
	}
	q.open, q.finished = true, len(q.buf)
	return Message{}, false
}

func (q *partial) held() int {
	switch q.state {
	case deliveredNothing:
		return int(q.rawLen) + len(q.buf)
	case deliveredControl:
		return q.finished
	}
	return 0
}

func (q *partial) appendUnread(dst []byte) []byte {
	if q.state == deliveredMessage || q.state == deliveredClose {
		return dst
	}
	if q.open {
		dst = appendHeader(dst, byte(q.op), maskBit, q.finished)
		dst = append(dst, 0, 0, 0, 0)
		dst = append(dst, q.buf[:q.finished]...)
	}
	if q.state == deliveredControl {
		return dst
	}
	dst = append(dst, q.raw[:q.rawLen]...)
	body := len(dst)
	dst = append(dst, q.buf[q.finished:]...)
	ws.Cipher(dst[body:], q.header.mask, 0)
	return dst
}

func (q *partial) free() {
	giveBuffer(q.buf)
	*q = partial{}
	partials.Put(q)
}
