package event

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"unicode"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// libraryDepth returns how deep the JSON in b nests up to its first error, as the library's decoder counts.
func libraryDepth(b []byte) int {
	deepest := 0
	decoder := jsontext.NewDecoder(bytes.NewReader(b))
	for {
		if _, err := decoder.ReadToken(); err != nil {
			return deepest
		}
		deepest = max(deepest, decoder.StackDepth())
		if deepest > maxNesting+1 {
			return deepest
		}
	}
}

// libraryAccepts reports whether b is one JSON value nested no deeper than depth.
func libraryAccepts(b []byte, depth int) bool {
	if libraryDepth(b) > depth {
		return false
	}
	decoder := jsontext.NewDecoder(bytes.NewReader(b))
	if _, err := decoder.ReadValue(); err != nil {
		return false
	}
	_, err := decoder.ReadToken()
	return err == io.EOF
}

// referenceEnvelope reads message with nothing but the library and the rules of protocol.md.
func referenceEnvelope(message []byte) (typ, id string, payload []byte, ok bool) {
	if !libraryAccepts(message, 512) {
		return "", "", nil, false
	}
	var all map[string]jsontext.Value
	if err := json.Unmarshal(message, &all); err != nil || all == nil {
		return "", "", nil, false
	}
	raw, found := all["type"]
	if !found || raw.Kind() != '"' || json.Unmarshal(raw, &typ) != nil {
		return "", "", nil, false
	}
	if raw, found = all["id"]; found && (raw.Kind() != '"' || json.Unmarshal(raw, &id) != nil) {
		return "", "", nil, false
	}
	if typ == "" || len(typ) > 256 || len(id) > 256 || strings.Contains(typ, ":") {
		return "", "", nil, false
	}
	if strings.ContainsFunc(typ, unicode.IsControl) || strings.ContainsFunc(id, unicode.IsControl) {
		return "", "", nil, false
	}
	payload, found = all["payload"]
	if !found {
		payload = []byte("null")
	}
	return typ, id, payload, true
}

// checkEnvelope compares everything that this package does with message with the library.
func checkEnvelope(t *testing.T, message []byte) {
	t.Helper()
	before := bytes.Clone(message)
	typ, id, payload, ok := referenceEnvelope(message)
	checkScanner(t, message)
	var view View
	err := view.Parse(message)
	if (err == nil) != ok {
		t.Fatalf("%q: got error %v, library accepts %v", message, err, ok)
	}
	parsed, parseErr := Parse(message)
	valid := Event{Type: "t", Payload: message}.Validate() == nil
	if want := len(message) == 0 || libraryAccepts(message, 511); valid != want {
		t.Fatalf("payload %q: got valid %v, library says %v", message, valid, want)
	}
	if !bytes.Equal(message, before) {
		t.Fatalf("message changed: got %q, want %q", message, before)
	}
	if err != nil {
		if view.Type != nil || view.ID != nil || view.Payload != nil {
			t.Fatalf("%q: after an error got %q %q %q, want nil", message, view.Type, view.ID, view.Payload)
		}
		if parseErr != err {
			t.Fatalf("%q: function Parse got %v, want %v", message, parseErr, err)
		}
		return
	}
	if string(view.Type) != typ || string(view.ID) != id || !bytes.Equal(view.Payload, payload) {
		t.Fatalf("%q: got %q %q %q, library %q %q %q", message, view.Type, view.ID, view.Payload, typ, id, payload)
	}
	canonical := view.Append(nil)
	var again View
	if err := again.Parse(canonical); err != nil {
		t.Fatalf("%q: appended %q: %v", message, canonical, err)
	}
	if string(again.Type) != typ || string(again.ID) != id || !bytes.Equal(again.Payload, payload) {
		t.Fatalf("%q: appended and parsed %q %q %q, want %q %q %q", message, again.Type, again.ID, again.Payload, typ, id, payload)
	}
	if twice := again.Append(nil); !bytes.Equal(twice, canonical) {
		t.Fatalf("%q: appended twice %q, once %q", message, twice, canonical)
	}
	if strings.HasPrefix(typ, "__") {
		if parseErr != FaultTypeReserved {
			t.Fatalf("%q: function Parse got %v, want %v", message, parseErr, FaultTypeReserved)
		}
		return
	}
	if parseErr != nil {
		t.Fatalf("%q: function Parse got %v, want none", message, parseErr)
	}
	if err := parsed.Validate(); err != nil {
		t.Fatalf("%q: parsed event is invalid: %v", message, err)
	}
	if appended := Append(nil, parsed); !bytes.Equal(appended, canonical) {
		t.Fatalf("%q: function Append got %q, want %q", message, appended, canonical)
	}
}

// checkScanner compares the scanner alone with the library.
func checkScanner(t *testing.T, message []byte) {
	t.Helper()
	var own scanner
	var got, want members
	code := own.envelope(message, &got)
	if code == declined {
		return
	}
	fault := libraryEnvelopeOrNotObject(message, &want)
	if (code < 0) != (fault != 0) {
		t.Fatalf("%q: scanner says %d, library %v", message, code, fault)
	}
	if code < 0 {
		return
	}
	if code != len(message) {
		t.Fatalf("%q: scanner ends at %d, want %d", message, code, len(message))
	}
	if !sameBytes(got.typ, want.typ) || !sameBytes(got.id, want.id) || !sameBytes(got.payload, want.payload) {
		t.Fatalf("%q: scanner found %q, library %q", message, got, want)
	}
}

func libraryEnvelopeOrNotObject(message []byte, m *members) Fault {
	if at := space(message, 0); at == len(message) || message[at] != '{' {
		return FaultNotObject
	}
	return libraryEnvelope(message, m)
}

func sameBytes(a, b []byte) bool {
	if len(a) != len(b) || (a == nil) != (b == nil) {
		return false
	}
	return len(a) == 0 || &a[0] == &b[0]
}
