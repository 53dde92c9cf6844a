package wsframe

import (
	"encoding/binary"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Close codes (RFC 6455 section 7.4.1 and the registry that it set up).
const (
	CodeNormal   uint16 = 1000
	CodeAway     uint16 = 1001
	CodeProtocol uint16 = 1002
	// CodeNoStatus stands for a close frame without a code. It is never on the wire.
	CodeNoStatus uint16 = 1005
	CodeNotUTF8  uint16 = 1007
	CodePolicy   uint16 = 1008
	CodeTooBig   uint16 = 1009
	CodeInternal uint16 = 1011
	CodeRestart  uint16 = 1012
	CodeTryLater uint16 = 1013
)

// MaxReason is the longest reason of a close frame, in bytes: a control frame's payload less the code.
const MaxReason = MaxControl - 2

// Close is why a connection ends: a code and a reason, which may be empty (RFC 6455 section 5.5.1).
type Close struct {
	// Code is the close code, [CodeNoStatus] if the frame had none.
	Code uint16
	// Reason is UTF-8, at most [MaxReason] bytes.
	Reason string
}

// Error makes a violation usable as an error. Don't store a nil *Close in an error variable: that isn't a nil error.
func (c Close) Error() string {
	text := "websocket close " + strconv.Itoa(int(c.Code))
	if c.Reason != "" {
		text += ": " + c.Reason
	}
	return text
}

// The violations. They are shared values made once, so that a hostile peer costs no allocation. Nobody may change one.
var (
	closeReservedBits      = &Close{CodeProtocol, "reserved bits set"}
	closeReservedOpcode    = &Close{CodeProtocol, "reserved opcode"}
	closeFragmentedControl = &Close{CodeProtocol, "fragmented control frame"}
	closeUnmasked          = &Close{CodeProtocol, "frame not masked"}
	closeLongControl       = &Close{CodeProtocol, "control frame over 125 bytes"}
	closeLongLength        = &Close{CodeProtocol, "length not minimal"}
	closeHugeLength        = &Close{CodeProtocol, "length over 63 bits"}
	closeNothingToContinue = &Close{CodeProtocol, "continuation without a message"}
	closeMessageUnfinished = &Close{CodeProtocol, "new message inside a fragmented one"}
	closeHalfCode          = &Close{CodeProtocol, "close payload of one byte"}
	closeBadCode           = &Close{CodeProtocol, "close code not allowed"}
	closeReasonNotUTF8     = &Close{CodeNotUTF8, "close reason not UTF-8"}
	closeTextNotUTF8       = &Close{CodeNotUTF8, "text not UTF-8"}
	closeTooBig            = &Close{CodeTooBig, "message too big"}
)

// CodeAllowed reports whether a close code may be on the wire, in either direction: 1000-1003, 1007-1014 and 3000-4999
// (RFC 6455 section 7.4 and the registry; 1005, 1006 and 1015 are for use inside a program only).
func CodeAllowed(code uint16) bool {
	switch {
	case code >= 3000:
		return code <= 4999
	case code >= 1007:
		return code <= 1014
	}
	return code >= 1000 && code <= 1003
}

// ParseClose reads the payload of a close frame: the peer's code and reason, or [CodeNoStatus] if the payload is empty. The
// reason is a copy. The violation is 1002 for a payload of one byte or a code that isn't allowed, 1007 for a reason that
// isn't UTF-8, else nil. It is always nil for a message that [Parser.Next] has returned.
func ParseClose(payload []byte) (peer Close, violation *Close) {
	if violation := checkClose(payload); violation != nil {
		return Close{}, violation
	}
	if len(payload) == 0 {
		return Close{Code: CodeNoStatus}, nil
	}
	return Close{Code: binary.BigEndian.Uint16(payload), Reason: string(payload[2:])}, nil
}

// checkClose returns what is wrong with the payload of a close frame, nil if nothing is.
func checkClose(payload []byte) *Close {
	switch {
	case len(payload) == 0:
		return nil
	case len(payload) == 1:
		return closeHalfCode
	case !CodeAllowed(binary.BigEndian.Uint16(payload)):
		return closeBadCode
	case !utf8.Valid(payload[2:]):
		return closeReasonNotUTF8
	}
	return nil
}

// AppendClose appends a whole close frame and returns the extended slice. The frame is always legal. A code that isn't allowed
// on the wire, such as [CodeNoStatus], gives a frame without code and reason. Bytes of the reason that aren't UTF-8 are
// replaced. A reason longer than [MaxReason] is cut between two characters.
func AppendClose(dst []byte, code uint16, reason string) []byte {
	if !CodeAllowed(code) {
		return AppendHeader(dst, CloseOp, 0)
	}
	reason = cutReason(strings.ToValidUTF8(reason, "\uFFFD"))
	dst = AppendHeader(dst, CloseOp, 2+len(reason))
	dst = binary.BigEndian.AppendUint16(dst, code)
	return append(dst, reason...)
}

// cutReason shortens a reason to MaxReason bytes, between two characters.
func cutReason(reason string) string {
	if len(reason) <= MaxReason {
		return reason
	}
	end := MaxReason
	for !utf8.RuneStart(reason[end]) {
		end--
	}
	return reason[:end]
}
