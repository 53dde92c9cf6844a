package event

import (
	"bytes"
	"unicode/utf8"
)

// maxEscaped is how many bytes of a JSON string can decode to maxPart bytes: an escape is six bytes at most.
const maxEscaped = 6 * maxPart

var null = []byte("null")

// View reads envelopes in place. Its zero value is ready. Reuse it, since it grows scratch, and from then on allocates nothing.
// It isn't safe for concurrent use.
//
// I1: Type, ID and Payload point into the message, or into the View's scratch if a string had an escape, or to a shared
// null. They are valid until the message's bytes change or until the next Parse. Nobody may write to them.
//
// I2: the payload's bytes are those of the message.
//
// I3: after an error all three are nil, and Offset is 0.
type View struct {
	// Type is the decoded type, 1 to 256 bytes.
	Type []byte
	// ID is the decoded id, empty if there is none.
	ID []byte
	// Payload is the raw JSON value without the white space around it, null if there is none.
	Payload []byte
	// Offset is that of the event in its stream, 0 if there is none: no member offset, or one that isn't an integer from 1 to MaxOffset,
	// written in digits alone.
	Offset uint64

	// scratch has the decoded strings of the message.
	scratch []byte
	// names is how many bytes of scratch Type and ID use. Topics uses the rest.
	names   int
	scanner scanner
}

// Parse reads the envelope of an ordinary or a control event; message must be nothing else. The error is a Fault. The view
// borrows message until the next Parse. Parse doesn't block. It allocates only if it needs more scratch than the messages
// before it, or more than a View keeps (see Bytes).
func (v *View) Parse(message []byte) error {
	v.trim()
	var m members
	fault := v.findMembers(message, &m)
	if fault == 0 {
		fault = v.setMembers(&m)
	}
	if fault != 0 {
		v.Type, v.ID, v.Payload, v.Offset = nil, nil, nil, 0
		return fault
	}
	return nil
}

// Event returns a copy of the view that owns its bytes. It allocates twice at most.
func (v *View) Event() Event {
	var both [2 * maxPart]byte
	n := copy(both[:], v.Type)
	names := string(both[:n+copy(both[n:], v.ID)])
	return Event{Type: names[:n], ID: names[n:], Payload: bytes.Clone(v.Payload), Offset: v.Offset}
}

// Append appends the envelope to dst in the canonical form of the function Append, without an offset. The payload's bytes are unchanged.
func (v *View) Append(dst []byte) []byte {
	return appendEnvelope(dst, v.Type, v.ID, v.Payload)
}

// findMembers checks the JSON of message and finds the members of the envelope.
func (v *View) findMembers(message []byte, m *members) Fault {
	if code := v.scanner.envelope(message, m); code < 0 {
		return faultOf(code)
	}
	return 0
}

// setMembers checks the members by the rules of the envelope and sets the view to them.
func (v *View) setMembers(m *members) Fault {
	v.scratch = v.scratch[:0]
	v.names = 0
	typ, id := m.typ, m.id
	if typ == nil {
		return FaultTypeMissing
	}
	if typ[0] != '"' {
		return FaultTypeKind
	}
	if len(typ) > maxEscaped+2 {
		return FaultTypeLength
	}
	typ, ok := v.decodeWhole(typ)
	if !ok {
		return FaultUTF8
	}
	if fault := typeFault(typ); fault != 0 {
		return fault
	}
	if id != nil {
		if id[0] != '"' {
			return FaultIDKind
		}
		if len(id) > maxEscaped+2 {
			return FaultIDLength
		}
		if id, ok = v.decodeWhole(id); !ok {
			return FaultUTF8
		}
		if fault := idFault(id); fault != 0 {
			return fault
		}
	}
	v.names = len(v.scratch)
	v.Type, v.ID, v.Payload = typ, id, m.payload
	if m.payload == nil {
		v.Payload = null
	}
	v.Offset = 0
	if m.offset != nil {
		v.Offset, _ = parseOffset(m.offset)
	}
	return 0
}

// decodeWhole is decode for a string that may not have half of a surrogate pair; it reports false for one.
func (v *View) decodeWhole(raw []byte) (text []byte, ok bool) {
	if !hasEscape(raw) {
		return unquoted(raw), true
	}
	text = v.decode(raw)
	return text, utf8.Valid(text)
}

// decode returns the text of the valid JSON string raw, in the message or in scratch.
func (v *View) decode(raw []byte) []byte {
	if !hasEscape(raw) {
		return unquoted(raw)
	}
	start := len(v.scratch)
	v.scratch = appendDecoded(v.scratch, raw)
	return v.scratch[start:]
}
