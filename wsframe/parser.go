package wsframe

import (
	"encoding/binary"
	"time"
	"unicode/utf8"
)

// Parser reads the frames of one client, in whatever pieces they arrive (RFC 6455 sections 5 and 8.1). The zero value is
// ready. A Parser isn't safe for concurrent use. It never blocks.
//
// Call it in a loop:
//
//	for {
//		m, n, ok, violation := parser.Next(input, max)
//		input = input[n:]
//		if violation != nil { ... }
//		if !ok { break }
//		...
//	}
//
// Invariants:
//
// I1: a Parser is one pointer wide. Between two reads, once Next has returned ok false, it holds memory only if a frame or a
// message is unfinished.
//
// I2: any split of the input gives the same messages and the same violation.
//
// I3: the buffer of an unfinished message has at most 512 bytes, or at most twice as many as have arrived since the message
// began. Only once a quarter of it has come, and its last frame's header is there, does it have room for all of it (the next
// power of two). A declared length alone reserves nothing, and control frames reserve nothing.
//
// I4: no payload byte of a message over the limit is buffered: the sum is checked at each header.
//
// I5: a control frame between fragments changes neither the message nor its state.
//
// I6: after a close frame or a violation nothing is parsed any more. Input is discarded.
type Parser struct {
	// assembly is nil while nothing is unfinished, done after a close frame or a violation.
	assembly *assembly
}

// Next consumes input until a message or a control frame is whole, and unmasks it in place.
//
// If ok is true, m is that message and n is how many bytes were consumed. Call Next again with input[n:], even if that is
// empty: only then is the buffer of m freed. If ok is false and violation is nil, all of input was consumed and more is
// needed. A violation is what to close the connection with: 1002, 1007 or 1009. All of input is consumed then.
//
// max is the limit on the payload of a message, all its fragments together, in bytes. Next owns input during the call and
// overwrites it. Where the whole frame was in input, m.Payload is a part of it, without a copy or an allocation. A control
// frame inside an unfinished message is returned at once. The payload of a [CloseOp] message has been checked.
func (p *Parser) Next(input []byte, max int) (m Message, n int, ok bool, violation *Close) {
	if p.assembly != nil || len(input) < minClientHeader {
		return p.assemble(input, max)
	}
	op, length, at := Opcode(input[0]-finBit), int(input[1])-maskBit, minClientHeader
	if length >= length16 {
		if length > length16 || len(input) < minClientHeader+2 {
			return p.assemble(input, max)
		}
		length, at = int(binary.BigEndian.Uint16(input[2:])), minClientHeader+2
		if length < length16 {
			return p.assemble(input, max)
		}
	}
	end := at + length
	if op-Text > Binary-Text || length < 0 || length > max || end > len(input) {
		return p.assemble(input, max)
	}
	payload := input[at:end:end]
	if !unmask(payload, [4]byte(input[at-4:])) && op == Text && !utf8.Valid(payload) {
		return p.fail(input, closeTextNotUTF8)
	}
	return Message{Op: op, Payload: payload}, end, true, nil
}

// Done reports whether a close frame or a violation was seen. Whatever else the peer sends is discarded (RFC 6455 section
// 5.5.1).
func (p *Parser) Done() bool {
	return p.assembly != nil && (p.assembly == done || p.assembly.delivered == deliveredClose)
}

// Buffered returns how many bytes of an unfinished frame or message the parser has: payload, and the header of a frame that
// isn't finished.
func (p *Parser) Buffered() int {
	if p.assembly == nil {
		return 0
	}
	return p.assembly.buffered()
}

// Held returns how many bytes of memory the parser holds for an unfinished frame or message, the unused part of its buffer
// included. It is 0 if nothing is unfinished.
func (p *Parser) Held() int {
	if p.assembly == nil || p.assembly == done {
		return 0
	}
	return p.assembly.memory()
}

// Age returns how long the present frame or message has been unfinished at the time now, on a clock of the caller's: since
// the first call of Age for it, which returns 0. It is 0 if nothing is unfinished.
func (p *Parser) Age(now time.Duration) time.Duration {
	if p.assembly == nil || p.assembly == done {
		return 0
	}
	now = max(now, 1)
	if p.assembly.began == 0 {
		p.assembly.began = now
	}
	return now - p.assembly.began
}

// Restart makes what is unfinished as old as if it had begun now: for a caller that didn't read meanwhile.
func (p *Parser) Restart(now time.Duration) {
	if p.Held() > 0 {
		p.assembly.began = max(now, 1)
	}
}

// TakeFragments returns how many frames Next has read of unfinished messages, each a fragment that did not end one, and starts to
// count anew. Next returns nothing for them, so a caller that limits frames asks after each call, whatever that returned.
func (p *Parser) TakeFragments() int {
	if p.assembly == nil || p.assembly == done {
		return 0
	}
	n := p.assembly.message.fragments
	p.assembly.message.fragments = 0
	return n
}

// Release frees the parser's memory and makes it a fresh parser. The payload of the last message is invalid from then on.
// Call it when the connection ends; otherwise the memory isn't reused but left to the collector.
func (p *Parser) Release() {
	if p.assembly != nil && p.assembly != done {
		p.assembly.free()
	}
	p.assembly = nil
}

// Unread appends to dst the bytes that bring a fresh parser into the present state, and releases. A connection's next owner
// must read them first, ahead of the input that Next hasn't seen. They are the original bytes of an unfinished frame;
// finished fragments of an unfinished message become one masked fragment. A message that Next has returned isn't among
// them. After a close frame or a violation there are none.
func (p *Parser) Unread(dst []byte) []byte {
	if p.assembly != nil {
		dst = p.assembly.appendUnread(dst)
	}
	p.Release()
	return dst
}
