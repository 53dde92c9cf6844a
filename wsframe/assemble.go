package wsframe

import "unicode/utf8"

// assemble is Next for all input but a whole data frame of up to 65,535 bytes that meets an idle parser.
func (p *Parser) assemble(input []byte, max int) (m Message, n int, ok bool, violation *Close) {
	if p.assembly != nil && p.assembly.delivered != deliveredNothing {
		p.endView()
	}
	if p.assembly == done {
		return Message{}, len(input), false, nil
	}
	for n < len(input) {
		if p.assembly == nil || !p.assembly.frame.inPayload {
			h, size, violation := p.readHeader(input[n:])
			if violation == nil && size > 0 {
				violation = p.checkOrder(h, max)
			}
			if violation != nil {
				return p.fail(input, violation)
			}
			if size == 0 {
				return Message{}, len(input), false, nil
			}
			if isWhole(h, input[n+size:]) {
				return p.deliverInPlace(h, input, n+size)
			}
			p.started().beginFrame(h, input[n:n+size])
			n += size
		}
		size, violation := p.assembly.readPayload(input[n:])
		if violation != nil {
			return p.fail(input, violation)
		}
		n += size
		if m, ok := p.assembly.deliver(); ok {
			return m, n, true, nil
		}
	}
	return Message{}, n, false, nil
}

// endView ends the caller's view of what the last call returned from the buffer.
func (p *Parser) endView() {
	a := p.assembly
	switch {
	case a.delivered == deliveredClose:
		p.Release()
		p.assembly = done
	case a.delivered == deliveredMessage || !a.message.isOpen:
		p.Release()
	default:
		a.delivered = deliveredNothing
	}
}

// readHeader returns the next frame's header and how many bytes of input belong to it. If the header is not whole yet, it
// stores input and returns size 0.
func (p *Parser) readHeader(input []byte) (h header, size int, violation *Close) {
	if p.assembly == nil || p.assembly.frame.rawLen == 0 {
		h, size, violation = parseHeader(input)
		if size == 0 && violation == nil {
			f := &p.started().frame
			f.rawLen = uint8(copy(f.raw[:], input))
		}
		return h, size, violation
	}
	f := &p.assembly.frame
	before := int(f.rawLen)
	after := before + copy(f.raw[before:], input)
	h, size, violation = parseHeader(f.raw[:after])
	if size == 0 || violation != nil {
		f.rawLen = uint8(after)
		return h, 0, violation
	}
	return h, size - before, nil
}

// checkOrder checks a header against the frames before it (RFC 6455 section 5.4) and the message against its limit.
func (p *Parser) checkOrder(h header, max int) *Close {
	var message openMessage
	if p.assembly != nil {
		message = p.assembly.message
	}
	switch {
	case h.op.IsControl():
		return nil
	case h.op == Continuation && !message.isOpen:
		return closeNothingToContinue
	case h.op != Continuation && message.isOpen:
		return closeMessageUnfinished
	case h.length > int64(max)-int64(message.finished):
		return closeTooBig
	}
	return nil
}

// isWhole reports whether a frame is a message by itself, and all of its payload is in rest.
func isWhole(h header, rest []byte) bool {
	return (h.op.IsControl() || h.fin && h.op != Continuation) && h.length <= int64(len(rest))
}

// deliverInPlace returns a frame whose payload starts at input[at], without a copy. Its header may have come in pieces.
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
		p.assembly = done
		return Message{Op: CloseOp, Payload: payload}, end, true, nil
	}
	if p.assembly != nil {
		p.assembly.frame.rawLen = 0
		if !p.assembly.message.isOpen {
			p.Release()
		}
	}
	return Message{Op: h.op, Payload: payload}, end, true, nil
}

// fail ends parsing for good (I6).
func (p *Parser) fail(input []byte, violation *Close) (Message, int, bool, *Close) {
	p.Release()
	p.assembly = done
	return Message{}, len(input), false, violation
}

// started returns the parser's assembly, a new one if it has none.
func (p *Parser) started() *assembly {
	if p.assembly == nil {
		p.assembly = assemblies.Get().(*assembly)
	}
	return p.assembly
}
