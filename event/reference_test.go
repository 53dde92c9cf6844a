package event

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// libraryAccepts reports whether b is one JSON value nested no deeper than depth. The library decides, except that it takes
// halves of surrogate pairs, and that names are compared here, by their UTF-16 units.
func libraryAccepts(b []byte, depth int) bool {
	if !utf8.Valid(b) {
		return false
	}
	decoder := jsontext.NewDecoder(bytes.NewReader(b), looseUTF8, jsontext.AllowDuplicateNames(true))
	var names []map[string]bool
	for {
		if kind, length := decoder.StackIndex(decoder.StackDepth()); kind == '{' && length%2 == 0 && decoder.PeekKind() == '"' {
			raw, err := decoder.ReadValue()
			if err != nil {
				return false
			}
			name := fmt.Sprint(referenceUnits(raw))
			if names[len(names)-1][name] {
				return false
			}
			names[len(names)-1][name] = true
			continue
		}
		token, err := decoder.ReadToken()
		if err != nil {
			return false
		}
		switch token.Kind() {
		case '{', '[':
			names = append(names, map[string]bool{})
		case '}', ']':
			names = names[:len(names)-1]
		}
		if len(names) > depth {
			return false
		}
		if len(names) == 0 {
			break
		}
	}
	_, err := decoder.ReadToken()
	return err == io.EOF
}

// looseUTF8 makes the library take halves of surrogate pairs, which it reads as U+FFFD.
var looseUTF8 = jsontext.AllowInvalidUTF8(true)

// referenceUnits returns the UTF-16 units of the valid JSON string raw.
func referenceUnits(raw []byte) []uint16 {
	var units []uint16
	text := []rune(string(raw[1 : len(raw)-1]))
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			units = utf16.AppendRune(units, text[i])
			continue
		}
		i++
		switch at := strings.IndexRune("bfnrt", text[i]); {
		case text[i] == 'u':
			unit, err := strconv.ParseUint(string(text[i+1:i+5]), 16, 16)
			if err != nil {
				panic(err)
			}
			units = append(units, uint16(unit))
			i += 4
		case at >= 0:
			units = append(units, uint16("\b\f\n\r\t"[at]))
		default:
			units = append(units, uint16(text[i]))
		}
	}
	return units
}

// referenceText returns the text of the valid JSON string raw, where half of a surrogate pair has three bytes.
func referenceText(raw []byte) string {
	var text []byte
	units := referenceUnits(raw)
	for i := 0; i < len(units); i++ {
		unit := rune(units[i])
		switch {
		case !utf16.IsSurrogate(unit):
			text = utf8.AppendRune(text, unit)
		case i+1 < len(units) && utf16.DecodeRune(unit, rune(units[i+1])) != utf8.RuneError:
			text = utf8.AppendRune(text, utf16.DecodeRune(unit, rune(units[i+1])))
			i++
		default:
			text = append(text, 0xed, byte(0x80+unit>>6&0x3f), byte(0x80+unit&0x3f))
		}
	}
	return string(text)
}

// referenceEnvelope reads message with nothing but the library and the rules of protocol.md.
func referenceEnvelope(message []byte) (typ, id string, payload []byte, offset uint64, ok bool) {
	if !libraryAccepts(message, 512) {
		return "", "", nil, 0, false
	}
	var all map[string]jsontext.Value
	if err := json.Unmarshal(message, &all, looseUTF8, jsontext.AllowDuplicateNames(true)); err != nil || all == nil {
		return "", "", nil, 0, false
	}
	raw, found := all["type"]
	if !found || raw.Kind() != '"' || json.Unmarshal(raw, &typ) != nil {
		return "", "", nil, 0, false
	}
	if raw, found = all["id"]; found && (raw.Kind() != '"' || json.Unmarshal(raw, &id) != nil) {
		return "", "", nil, 0, false
	}
	if typ == "" || len(typ) > 256 || len(id) > 256 || strings.Contains(typ, ":") {
		return "", "", nil, 0, false
	}
	if strings.ContainsFunc(typ, unicode.IsControl) || strings.ContainsFunc(id, unicode.IsControl) {
		return "", "", nil, 0, false
	}
	payload, found = all["payload"]
	if !found {
		payload = []byte("null")
	}
	if n, err := strconv.ParseUint(string(all["offset"]), 10, 64); err == nil && n <= MaxOffset {
		offset = n
	}
	return typ, id, payload, offset, true
}

// checkEnvelope compares everything that this package does with message with the library.
func checkEnvelope(t *testing.T, message []byte) {
	t.Helper()
	message = append(make([]byte, 0, len(message)), message...)
	message = message[:len(message):len(message)]
	before := bytes.Clone(message)
	typ, id, payload, offset, ok := referenceEnvelope(message)
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
	if string(view.Type) != typ || string(view.ID) != id || !bytes.Equal(view.Payload, payload) || view.Offset != offset {
		t.Fatalf("%q: got %q %q %q %d, library %q %q %q %d", message, view.Type, view.ID, view.Payload, view.Offset, typ, id, payload, offset)
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
	if parsed.Offset != offset {
		t.Fatalf("%q: function Parse got the offset %d, want %d", message, parsed.Offset, offset)
	}
	if err := parsed.Validate(); err != nil {
		t.Fatalf("%q: parsed event is invalid: %v", message, err)
	}
	if appended := Append(nil, parsed); !bytes.Equal(appended, canonical) {
		t.Fatalf("%q: function Append got %q, want %q", message, appended, canonical)
	}
}
