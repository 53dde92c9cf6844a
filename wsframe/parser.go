package wsframe

import (
	"encoding/binary"
	"unicode/utf8"
)

// Parser reads the frames of one client, in whatever pieces they arrive (RFC 6455 sections 5 and 8.1). The zero value is
// ready. It isn't safe for concurrent use, never blocks, knows no socket, and starts nothing.
//
// The natural loop is the right one:
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
// I1: a Parser is one pointer wide; between two reads it holds memory only while a frame or a message is partial, that is
// once Next has returned ok false.
//
// I2: any split of the input gives the same messages and the same violation.
//
// I3: memory grows with the bytes that arrived, never with a length that was declared.
//
// I4: no payload byte of a message over the limit is buffered: the sum is checked at each header.
//
// I5: a control frame between fragments touches neither the message nor its state.
//
// I6: after a close frame or a violation nothing is parsed any more: input is consumed and discarded.
type Parser struct {
	assembly *assembly
}

// Next consumes input until a message or a control frame is whole, unmasking in place. With ok true, m is that message and
// n what was consumed: call again with input[n:], also when it is empty, since m's buffer is given back by then. With ok
// false and no violation, all of input was consumed and more is needed. A violation is what to close the connection with:
// 1002, 1007 or 1009; all of input counts as consumed then.
//
// max bounds the payload of a message, all of its fragments together, in bytes. Next owns input during the call and
// overwrites it; m.Payload is a view of it wherever the frame was whole, and costs no copy and no allocation then. Control
// frames are never held back behind an unfinished message. Close payloads are checked, so a [CloseOp] message is legal.
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

// Done reports whether a close frame or a violation was seen: whatever else comes from the peer is discarded (RFC 6455
// section 5.5.1).
func (p *Parser) Done() bool {
	return p.assembly != nil && (p.assembly == done || p.assembly.delivered == deliveredClose)
}

// Buffered returns how many bytes of an unfinished frame or message the parser holds back: payload, and the header of a
// frame that isn't finished.
func (p *Parser) Buffered() int {
	if p.assembly == nil {
		return 0
	}
	return p.assembly.buffered()
}

// Release gives the parser's memory back and makes it a fresh one. The payload of the last message is invalid then. Call it
// when the connection ends; without it the memory is left to the collector.
func (p *Parser) Release() {
	if p.assembly != nil && p.assembly != done {
		p.assembly.free()
	}
	p.assembly = nil
}

// Unread appends to dst client bytes which put a fresh parser into the present state, and releases. They are the original
// bytes of an unfinished frame; finished fragments of an unfinished message become one masked fragment. Ahead of the input
// not yet given to Next, they are what a new owner of the connection must read first. A message that Next has returned is
// not part of them, and after a close frame or a violation there are none.
func (p *Parser) Unread(dst []byte) []byte {
	if p.assembly != nil {
		dst = p.assembly.appendUnread(dst)
	}
	p.Release()
	return dst
}

// fail ends parsing for good: see I6.
func (p *Parser) fail(input []byte, violation *Close) (Message, int, bool, *Close) {
	p.Release()
	p.assembly = done
	return Message{}, len(input), false, violation
}
