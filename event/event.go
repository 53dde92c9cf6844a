package event

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// Event is one envelope that owns its bytes. Copies of an Event share Payload, which nobody may write to.
type Event struct {
	// Type says what happened: 1 to 256 bytes of UTF-8 without control characters and colons, not beginning with "__".
	Type string
	// ID says to what it happened: up to 256 bytes of UTF-8 without control characters, empty for none.
	ID string
	// Payload is one JSON value as it stands in the envelope; nil and empty mean null.
	Payload []byte
}

// Validate returns nil for an event that may be dispatched, else an error that is a Fault or wraps one and names the member.
// White space around the payload is allowed and belongs to the envelope. It doesn't block, and allocates only for an error
// or for a payload that takes the library's path.
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

// Clone returns an event that shares no writable byte with e.
func (e Event) Clone() Event {
	e.Payload = bytes.Clone(e.Payload)
	return e
}

// Append appends e to dst in the canonical form {"type":T,"id":I,"payload":P}: all three members in this order, no white
// space of its own, the payload's bytes unchanged. It checks nothing: what an event that Validate refuses turns into is
// not defined, except that a type of two underscores is written as it is, so that a client can build a control event.
func Append(dst []byte, e Event) []byte {
	return appendEnvelope(dst, e.Type, e.ID, e.Payload)
}

// Parse returns the event in message, with bytes of its own: for publishers, tests and tools. A missing payload becomes
// null. The error is a Fault; FaultTypeReserved for a control event, which only View reads. What it returns is valid.
func Parse(message []byte) (Event, error) {
	var view View
	if err := view.Parse(message); err != nil {
		return Event{}, err
	}
	if isReserved(view.Type) {
		return Event{}, FaultTypeReserved
	}
	return view.Event(), nil
}

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

func appendText[T text](dst []byte, s T) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' {
			dst, _ = jsontext.AppendQuote(dst, []byte(s))
			return dst
		}
	}
	dst = append(dst, '"')
	dst = append(dst, s...)
	return append(dst, '"')
}

func payloadFault(payload []byte) Fault {
	if len(payload) == 0 {
		return 0
	}
	var own scanner
	end := own.document(payload)
	if end >= 0 {
		return 0
	}
	if end != declined {
		return faultOf(end)
	}
	return libraryFault(payload, maxNesting-1)
}
