package wsframe

import "encoding/binary"

// Opcode says what a frame carries (RFC 6455 section 5.2).
type Opcode byte

// The opcodes of RFC 6455. All others are reserved, and a client that uses one is closed with 1002. Continuation
// appears only inside a fragmented message: no [Message] has it.
const (
	Continuation Opcode = 0x0
	Text         Opcode = 0x1
	Binary       Opcode = 0x2
	CloseOp      Opcode = 0x8
	Ping         Opcode = 0x9
	Pong         Opcode = 0xA
)

// IsControl reports whether the opcode is one of a control frame: close, ping, pong (RFC 6455 section 5.5).
func (op Opcode) IsControl() bool { return op&0x8 != 0 }

// Message is one whole text or binary message, or one control frame.
type Message struct {
	// Op is Text, Binary, CloseOp, Ping or Pong; never Continuation.
	Op Opcode
	// Payload is unmasked and, in a text message, valid UTF-8. It is a view of the input or of the parser's buffer, valid
	// until the next call on the parser or until the caller reuses the input, whichever comes first.
	Payload []byte
}

const (
	// MaxHeader is the length of the longest header that AppendHeader writes, in bytes.
	MaxHeader = 10
	// MaxControl is the longest payload of a control frame, in bytes (RFC 6455 section 5.5).
	MaxControl = 125
)

const (
	finBit   = 0x80
	rsvBits  = 0x70
	opBits   = 0x0F
	maskBit  = 0x80
	length16 = 126
	length64 = 127
)

// HeaderLen returns the length of the header of a server frame with n bytes of payload: 2, 4 or 10.
func HeaderLen(n int) int {
	switch {
	case n < length16:
		return 2
	case n <= 0xFFFF:
		return 4
	}
	return MaxHeader
}

// AppendHeader appends the header of an unfragmented server frame, that is FIN set and no mask, with n bytes of payload,
// and returns the extended slice. The payload is the caller's to append. A control frame must keep n within [MaxControl].
// It never blocks, allocates only to grow dst, and may be called by anyone.
func AppendHeader(dst []byte, op Opcode, n int) []byte {
	return appendHeader(dst, finBit|byte(op), 0, n)
}

// AppendFrame appends a whole unfragmented server frame, header and payload, and returns the extended slice. The payload
// is copied. Ownership and limits are those of [AppendHeader].
func AppendFrame(dst []byte, op Opcode, payload []byte) []byte {
	return append(AppendHeader(dst, op, len(payload)), payload...)
}

func appendHeader(dst []byte, first, masked byte, n int) []byte {
	switch {
	case n < length16:
		return append(dst, first, masked|byte(n))
	case n <= 0xFFFF:
		return binary.BigEndian.AppendUint16(append(dst, first, masked|length16), uint16(n))
	}
	return binary.BigEndian.AppendUint64(append(dst, first, masked|length64), uint64(n))
}
