package event

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	jsonv2 "github.com/go-json-experiment/json"
)

// jsonLibraries are those in which an event must look the same.
var jsonLibraries = map[string]struct {
	marshal   func(any) ([]byte, error)
	unmarshal func([]byte, any) error
}{
	"encoding/json":      {json.Marshal, json.Unmarshal},
	"go-json-experiment": {func(v any) ([]byte, error) { return jsonv2.Marshal(v) }, func(b []byte, v any) error { return jsonv2.Unmarshal(b, v) }},
}

func TestAnEventIsItsEnvelopeInJSON(t *testing.T) {
	type order struct {
		Event  Event   `json:"event"`
		Events []Event `json:"events"`
		Next   *Event  `json:"next"`
	}
	e := Event{Type: "order", ID: `a"b`, Payload: []byte(`{"n":12345678901234567890,"list":[1,null,"é"]}`)}
	bare := Event{Type: "t"}
	for name, lib := range jsonLibraries {
		for form, c := range map[string]struct {
			value any
			want  string
		}{
			"alone":                 {e, `{"type":"order","id":"a\"b","payload":{"n":12345678901234567890,"list":[1,null,"é"]}}`},
			"by pointer":            {&bare, `{"type":"t","id":"","payload":null}`},
			"inside other values":   {order{Event: bare, Events: []Event{bare}}, `{"event":{"type":"t","id":"","payload":null},"events":[{"type":"t","id":"","payload":null}],"next":null}`},
			"as a value of a map":   {map[string]Event{"a": bare}, `{"a":{"type":"t","id":"","payload":null}}`},
			"in an interface":       {[]any{bare}, `[{"type":"t","id":"","payload":null}]`},
			"with an empty payload": {Event{Type: "t", Payload: []byte{}}, `{"type":"t","id":"","payload":null}`},
		} {
			t.Run(name+"/"+form, func(t *testing.T) {
				if got, err := lib.marshal(c.value); err != nil || string(got) != c.want {
					t.Errorf("got %s and %v, want %s", got, err, c.want)
				}
			})
		}
		t.Run(name+"/both ways", func(t *testing.T) {
			in := order{Event: e, Events: []Event{e, {Type: "t", Payload: []byte("null")}}, Next: &e}
			text, err := lib.marshal(in)
			var out order
			if err != nil || lib.unmarshal(text, &out) != nil {
				t.Fatalf("got %s and %v, want it read again", text, err)
			}
			for i, got := range []Event{out.Event, out.Events[0], out.Events[1], *out.Next} {
				want := []Event{in.Event, in.Events[0], in.Events[1], *in.Next}[i]
				if got.Type != want.Type || got.ID != want.ID || !bytes.Equal(got.Payload, want.Payload) {
					t.Errorf("got %s, want %s", Append(nil, got), Append(nil, want))
				}
			}
		})
	}
}

func TestJSONOfAnEventKeepsTheRulesOfTheEnvelope(t *testing.T) {
	for name, lib := range jsonLibraries {
		for form, e := range map[string]Event{
			"no type":         {},
			"a control event": {Type: TypeAck},
			"a colon":         {Type: "a:b"},
			"a broken id":     {Type: "t", ID: "\xff"},
			"no JSON":         {Type: "t", Payload: []byte("{")},
			"two values":      {Type: "t", Payload: []byte("1 2")},
		} {
			t.Run(name+"/writes not "+form, func(t *testing.T) {
				want := faultIn(e.Validate())
				if got, err := lib.marshal(e); faultIn(err) != want || want == 0 {
					t.Errorf("got %s and %v, want %v", got, err, want)
				}
			})
		}
		for form, c := range map[string]struct {
			text string
			want Fault
		}{
			"null":            {`null`, FaultNotObject},
			"another value":   {`"t"`, FaultNotObject},
			"no type":         {`{"id":"1"}`, FaultTypeMissing},
			"an id of null":   {`{"type":"t","id":null}`, FaultIDKind},
			"a control event": {`{"type":"__ack"}`, FaultTypeReserved},
			"another case":    {`{"Type":"t"}`, FaultTypeMissing},
		} {
			t.Run(name+"/reads not "+form, func(t *testing.T) {
				e := Event{Type: "before"}
				if err := lib.unmarshal([]byte(c.text), &e); faultIn(err) != c.want || e.Type != "before" {
					t.Errorf("got %v and the event %v, want %v and the event of before", err, e, c.want)
				}
			})
		}
	}
}

func faultIn(err error) Fault {
	fault, _ := errors.AsType[Fault](err)
	return fault
}

func TestAnUnmarshalledEventOwnsItsBytes(t *testing.T) {
	text := []byte(`{"type":"t","id":"1","payload":"abc"}`)
	var e Event
	if err := e.UnmarshalJSON(text); err != nil {
		t.Fatal(err)
	}
	copy(text, strings.Repeat("x", len(text)))
	if e.Type != "t" || e.ID != "1" || string(e.Payload) != `"abc"` {
		t.Errorf("got %s, want it as it was", Append(nil, e))
	}
}

func FuzzEventJSON(f *testing.F) {
	for _, c := range envelopeCases {
		if len(c.message) < 4000 {
			f.Add([]byte(c.message))
		}
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		want, wantErr := Parse(message)
		var got Event
		if err := got.UnmarshalJSON(message); faultIn(err) != faultIn(wantErr) || !equal(got, want) {
			t.Fatalf("got %v and %v of %q, want %v and %v as Parse", got, err, message, want, wantErr)
		}
		if wantErr != nil {
			return
		}
		text, err := json.Marshal(want)
		if err != nil {
			t.Fatalf("got %v for a valid event", err)
		}
		var again Event
		if err := json.Unmarshal(text, &again); err != nil || again.Type != want.Type || again.ID != want.ID {
			t.Fatalf("got %v and %v of %s, want %v", again, err, text, want)
		}
		var compact bytes.Buffer
		if err := json.Compact(&compact, want.Payload); err != nil {
			t.Fatal(err)
		}
		var escaped bytes.Buffer
		json.HTMLEscape(&escaped, compact.Bytes())
		if !bytes.Equal(again.Payload, escaped.Bytes()) {
			t.Fatalf("got the payload %s, want %s", again.Payload, escaped.Bytes())
		}
	})
}

func equal(a, b Event) bool {
	return a.Type == b.Type && a.ID == b.ID && bytes.Equal(a.Payload, b.Payload) && a.Offset == b.Offset
}
