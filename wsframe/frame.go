package wsframe

import "encoding/binary"

// Opcode says what a frame carries (RFC 6455 section 5.2).
type Opcode byte

// The opcodes of RFC 6455. All others are reserved; a client that sends one is closed with 1002. Continuation occurs only
// inside a fragmented message, so no [Message] has it.
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
	// Payload is unmasked and, in a text message, valid UTF-8. It lies in the input or in the parser's buffer. It is valid
	// until the next call on the parser or until the caller reuses the input, whichever comes first.
	Payload []byte
}

const (
	// MaxHeader is the length of the longest header that AppendHeader writes, in bytes.
	MaxHeader = 10
	// MaxControl is the longest payload of a control frame, in bytes (RFC 6455 section 5.5).
	MaxControl = 125
)

// The bits of a header's first two bytes, and the lengths that announce 2 or 8 bytes of length.
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

// AppendHeader appends the header of an unfragmented server frame, that is with FIN and without a mask, for a payload of n bytes,
// and returns the extended slice. The caller appends the payload. For a control frame, n must be [MaxControl] at most. It
// never blocks and allocates only to grow dst. Any goroutine may call it.
func AppendHeader(dst []byte, op Opcode, n int) []byte {
	return appendHeader(dst, finBit|byte(op), 0, n)
}

// AppendFrame appends a whole unfragmented server frame, with a copy of payload, and returns the extended slice. The rules are
// those of [AppendHeader].
func AppendFrame(dst []byte, op Opcode, payload []byte) []byte {
	return append(AppendHeader(dst, op, len(payload)), payload...)
}

// appendHeader writes the shortest form of the length n. masked is maskBit or 0.
func appendHeader(dst []byte, first, masked byte, n int) []byte {
	switch {
	case n < length16:
		return append(dst, first, masked|byte(n))
	case n <= 0xFFFF:
		return binary.BigEndian.AppendUint16(append(dst, first, masked|length16), uint16(n))
	}
	return binary.BigEndian.AppendUint64(append(dst, first, masked|length64), uint64(n))
}
