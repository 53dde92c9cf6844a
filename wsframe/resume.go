package wsframe

import "unicode/utf8"

// resume is Next for all that isn't one whole data frame at the start of input of an idle parser.
func (p *Parser) resume(input []byte, max int) (m Message, n int, ok bool, violation *Close) {
	if p.partial == ended {
		return Message{}, len(input), false, nil
	}
	if p.partial != nil && p.partial.state != deliveredNothing {
		p.takeBack()
		return p.Next(input, max)
	}
	for n < len(input) {
		if p.partial == nil || !p.partial.inFrame {
			h, size, violation := p.readHeader(input[n:])
			if violation == nil && size > 0 {
				violation = p.admit(h, max)
			}
			if violation != nil {
				return p.fail(input, violation)
			}
			if size == 0 {
				return Message{}, len(input), false, nil
			}
			if p.isWhole(h, input[n+size:]) {
				return p.deliverInPlace(h, input, n+size)
			}
			p.beginFrame(h, input[n:n+size])
			n += size
		}
		taken, violation := p.partial.readBody(input[n:])
		if violation != nil {
			return p.fail(input, violation)
		}
		n += taken
		if m, ok := p.partial.deliver(); ok {
			return m, n, true, nil
		}
	}
	return Message{}, n, false, nil
}

// takeBack ends the caller's view of the last message that lay in the buffer.
func (p *Parser) takeBack() {
	q := p.partial
	switch {
	case q.state == deliveredClose:
		p.Release()
		p.partial = ended
	case q.state == deliveredMessage || !q.open:
		p.Release()
	default:
		q.buf = q.buf[:q.finished]
		q.state = deliveredNothing
	}
}

// readHeader returns the next frame's header and how many bytes of input end it, or stashes input and returns size 0.
func (p *Parser) readHeader(input []byte) (h header, size int, violation *Close) {
	if p.partial == nil || p.partial.rawLen == 0 {
		h, size, violation = parseHeader(input)
		if size == 0 && violation == nil {
			q := p.hold()
			q.rawLen = uint8(copy(q.raw[:], input))
		}
		return h, size, violation
	}
	q := p.partial
	before := int(q.rawLen)
	after := before + copy(q.raw[before:], input)
	h, size, violation = parseHeader(q.raw[:after])
	if size == 0 || violation != nil {
		q.rawLen = uint8(after)
		return h, 0, violation
	}
	return h, size - before, nil
}

// admit checks a header against the frames before it (RFC 6455 section 5.4) and the message against its bound.
func (p *Parser) admit(h header, max int) *Close {
	open, finished := p.partial != nil && p.partial.open, 0
	if open {
		finished = p.partial.finished
	}
	switch {
	case h.op.IsControl():
		return nil
	case h.op == Continuation && !open:
		return closeNothingToContinue
	case h.op != Continuation && open:
		return closeMessageUnfinished
	case h.length > int64(max)-int64(finished):
		return closeTooBig
	}
	return nil
}

// isWhole reports whether a frame is a message by itself, and all of its payload is in rest.
func (p *Parser) isWhole(h header, rest []byte) bool {
	return (h.op.IsControl() || h.fin && h.op != Continuation) && h.length <= int64(len(rest))
}

// deliverInPlace returns a frame whose payload starts at input[at], without a copy. Only its header may have been stashed.
func (p *Parser) deliverInPlace(h header, input []byte, at int) (Message, int, bool, *Close) {
	end := at + int(h.length)
	payload := input[at:end:end]
	ascii := unmask(payload, h.mask)
	if h.op == Text && !ascii && !utf8.Valid(payload) {
		return p.fail(input, closeTextNotUTF8)
	}
	if h.op == CloseOp {
		if violation := checkClose(payload); violation != nil {
			return p.fail(input, violation)
		}
		p.Release()
		p.partial = ended
		return Message{Op: CloseOp, Payload: payload}, end, true, nil
	}
	if p.partial != nil {
		p.partial.rawLen = 0
		if !p.partial.open {
			p.Release()
		}
	}
	return Message{Op: h.op, Payload: payload}, end, true, nil
}

// beginFrame takes note of a frame whose body will go through the buffer. raw is the part of the header not yet stashed.
func (p *Parser) beginFrame(h header, raw []byte) {
	q := p.hold()
	q.rawLen += uint8(copy(q.raw[q.rawLen:], raw))
	q.header, q.inFrame = h, true
	if !h.op.IsControl() && !q.open {
		q.op = h.op
	}
}

func (p *Parser) hold() *partial {
	if p.partial == nil {
		p.partial = partials.Get().(*partial)
	}
	return p.partial
}
