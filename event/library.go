package event

import (
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// libraryEnvelope is the slow path, for messages that the scanner declines: the JSON library decides.
func libraryEnvelope(b []byte, m *members) Fault {
	if fault := libraryFault(b, maxNesting); fault != 0 {
		return fault
	}
	*m = members{}
	for at := firstMember(b); at >= 0; {
		var name, value []byte
		name, value, at = member(b, at)
		switch string(decoded(name)) {
		case "type":
			m.typ = value
		case "id":
			m.id = value
		case "payload":
			m.payload = value
		}
	}
	return 0
}

// libraryFault returns what is wrong with the JSON value b. It checks the depth first, which also bounds the library's
// recursion.
func libraryFault(b []byte, depth int) Fault {
	if nesting(b) > depth {
		return FaultDepth
	}
	if jsontext.Value(b).IsValid() {
		return 0
	}
	if !utf8.Valid(b) {
		return FaultUTF8
	}
	if jsontext.Value(b).IsValid(jsontext.AllowDuplicateNames(true)) {
		return FaultDuplicateName
	}
	return FaultSyntax
}
