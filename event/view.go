package event

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"
)

// keptScratch bounds the scratch, in bytes, that a View keeps from one message to the next.
const keptScratch = 64 << 10

// maxEscaped is how many bytes between the quotes can decode to maxPart bytes: an escape is six at most for one.
const maxEscaped = 6 * maxPart

var null = []byte("null")

// View reads envelopes in place. Its zero value is ready; reuse it, since it is about 700 bytes. One goroutine at a time.
// I1: Type, ID and Payload point into the message, or into the View's scratch where a string held an escape, or to a
// shared null; they are good until the message's bytes change or the next Parse, and nobody may write to them.
// I2: the payload's bytes are those of the message.
// I3: after an error all three are nil.
type View struct {
	// Type is the decoded type, 1 to 256 bytes.
	Type []byte
	// ID is the decoded id, empty if it is missing.
	ID []byte
	// Payload is the raw JSON value without the white space around it, null if it is missing.
	Payload []byte

	scratch []byte
	names   int
	own     scanner
}

// Parse reads the envelope that is all of message, of an ordinary or a control event. The error is a Fault. It borrows
// message until the View is used no more, and doesn't block. It allocates nothing, unless the message takes the library's
// path (see the package comment) or needs more scratch than any before it.
func (v *View) Parse(message []byte) error {
	var m members
	fault := v.read(message, &m)
	if fault == 0 {
		fault = v.take(&m)
	}
	if fault != 0 {
		v.Type, v.ID, v.Payload = nil, nil, nil
		return fault
	}
	return nil
}

// Event returns a copy of the view that owns its bytes. It takes two allocations at most.
func (v *View) Event() Event {
	var both [2 * maxPart]byte
	n := copy(both[:], v.Type)
	names := string(both[:n+copy(both[n:], v.ID)])
	return Event{Type: names[:n], ID: names[n:], Payload: bytes.Clone(v.Payload)}
}

// Append appends the envelope to dst in the canonical form of the function Append, payload bytes as they came.
func (v *View) Append(dst []byte) []byte {
	return appendEnvelope(dst, v.Type, v.ID, v.Payload)
}

func (v *View) read(message []byte, m *members) Fault {
	code := v.own.envelope(message, m)
	if code >= 0 {
		return 0
	}
	if code != declined {
		return faultOf(code)
	}
	return libraryEnvelope(message, m)
}

func (v *View) take(m *members) Fault {
	if cap(v.scratch) > keptScratch {
		v.scratch = nil
	}
	v.scratch = v.scratch[:0]
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
	typ = v.decode(typ)
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
		id = v.decode(id)
		if fault := idFault(id); fault != 0 {
			return fault
		}
	}
	v.names = len(v.scratch)
	v.Type, v.ID, v.Payload = typ, id, m.payload
	if m.payload == nil {
		v.Payload = null
	}
	return 0
}

// decode returns what the valid JSON string raw stands for.
func (v *View) decode(raw []byte) []byte {
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw[1 : len(raw)-1]
	}
	start := len(v.scratch)
	v.scratch, _ = jsontext.AppendUnquote(v.scratch, raw)
	return v.scratch[start:]
}
