package event

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// Event is an envelope that owns its bytes. Copies of an Event share Payload, which nobody may write to. As JSON it is its
// envelope, by itself and inside other values.
type Event struct {
	// Type says what happened: 1 to 256 bytes of UTF-8 without control characters and colons, not beginning with "__".
	Type string
	// ID says what it happened to: up to 256 bytes of UTF-8 without control characters, empty for none.
	ID string
	// Payload is one JSON value, as it is in the envelope. Nil and empty mean null. Its strings may have halves of surrogate
	// pairs as escapes, and its numbers any size.
	Payload []byte
	// Offset is that of the event in its stream, 0 for none. The hub gives it: whoever receives the event finds it, and whoever sends one
	// has no say in it. Append, Validate and the JSON of an event leave it out.
	Offset uint64
}

// Validate returns nil if the event may be dispatched. Otherwise it returns a Fault, or an error that wraps one and names the
// member. White space around the payload is allowed; it belongs to the envelope. Validate doesn't block. It allocates for an
// error, and scratch for a payload with thousands of names.
func (e Event) Validate() error {
	if !utf8.ValidString(e.Type) {
		return fmt.Errorf("type: %w", FaultUTF8)
	}
	if fault := typeFault(e.Type); fault != 0 {
		return fault
	}
	if isReserved(e.Type) {
		return FaultTypeReserved
	}
	if !utf8.ValidString(e.ID) {
		return fmt.Errorf("id: %w", FaultUTF8)
	}
	if fault := idFault(e.ID); fault != 0 {
		return fault
	}
	if fault := payloadFault(e.Payload); fault != 0 {
		return fmt.Errorf("payload: %w", fault)
	}
	return nil
}

// Clone returns a copy of e with a payload of its own.
func (e Event) Clone() Event {
	e.Payload = bytes.Clone(e.Payload)
	return e
}

// Append appends e to dst in the canonical form {"type":T,"id":I,"payload":P}: always all three members, in this order,
// without white space between them, the payload's bytes unchanged. AppendOffset adds an offset. It checks nothing. What it writes for an event that
// Validate rejects is undefined, with one exception: it writes a type of two underscores as it is, so that a client can
// build a control event.
func Append(dst []byte, e Event) []byte {
	return appendEnvelope(dst, e.Type, e.ID, e.Payload)
}

// Parse returns the event in message, with bytes of its own. It is for publishers, tests and tools. A missing payload becomes
// null. The error is a Fault; for a control event, which only View reads, it is FaultTypeReserved. The event is valid.
func Parse(message []byte) (Event, error) {
	view, spare := borrowView()
	defer spare.takeBack(view)
	if err := view.Parse(message); err != nil {
		return Event{}, err
	}
	if isReserved(view.Type) {
		return Event{}, FaultTypeReserved
	}
	return view.Event(), nil
}

// appendEnvelope writes the canonical form. An empty payload becomes null.
func appendEnvelope[T text](dst []byte, typ, id T, payload []byte) []byte {
	dst = append(dst, `{"type":`...)
	dst = appendText(dst, typ)
	dst = append(dst, `,"id":`...)
	dst = appendText(dst, id)
	dst = append(dst, `,"payload":`...)
	if len(payload) == 0 {
		payload = null
	}
	dst = append(dst, payload...)
	return append(dst, '}')
}

// appendText writes s as a JSON string. The library does so if s needs an escape.
func appendText[T text](dst []byte, s T) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' {
			dst, _ = jsontext.AppendQuote(dst, s)
			return dst
		}
	}
	dst = append(dst, '"')
	dst = append(dst, s...)
	return append(dst, '"')
}

// payloadFault checks the JSON of a payload.
func payloadFault(payload []byte) Fault {
	if len(payload) == 0 {
		return 0
	}
	view, spare := borrowView()
	end := view.scanner.document(payload)
	spare.takeBack(view)
	if end < 0 {
		return faultOf(end)
	}
	return 0
}
