package event

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
)

var validateCases = []struct {
	name  string
	event Event
	fault Fault
}{
	{"takes type alone", Event{Type: "t"}, 0},
	{"takes all members", Event{Type: "order.created", ID: "42", Payload: []byte(`{"a":1}`)}, 0},
	{"takes an empty payload as null", Event{Type: "t", Payload: []byte{}}, 0},
	{"takes white space around the payload", Event{Type: "t", Payload: []byte(" 1\n")}, 0},
	{"takes a type and an id of 256 bytes", Event{Type: strings.Repeat("t", 256), ID: strings.Repeat("i", 256)}, 0},
	{"takes quotes and backslashes", Event{Type: `a"\`, ID: `"\"`}, 0},
	{"takes a payload with escaped names", Event{Type: "t", Payload: []byte(`{"\n":1}`)}, 0},
	{"takes a payload of depth 511", Event{Type: "t", Payload: []byte(strings.Repeat("[", 511) + strings.Repeat("]", 511))}, 0},
	{"refuses an empty type", Event{}, FaultTypeLength},
	{"refuses a type of 257 bytes", Event{Type: strings.Repeat("t", 257)}, FaultTypeLength},
	{"refuses a colon in the type", Event{Type: "a:b"}, FaultTypeColon},
	{"refuses a control character in the type", Event{Type: "a\n"}, FaultTypeControl},
	{"refuses a C1 control character in the type", Event{Type: "\u0085"}, FaultTypeControl},
	{"refuses a reserved type", Event{Type: "__subscribe"}, FaultTypeReserved},
	{"refuses a type of two underscores", Event{Type: "__"}, FaultTypeReserved},
	{"refuses a type that isn't UTF-8", Event{Type: "\xff"}, FaultUTF8},
	{"refuses an id of 257 bytes", Event{Type: "t", ID: strings.Repeat("i", 257)}, FaultIDLength},
	{"refuses a control character in the id", Event{Type: "t", ID: "\x00"}, FaultIDControl},
	{"refuses an id that isn't UTF-8", Event{Type: "t", ID: "a\xc2"}, FaultUTF8},
	{"refuses a payload of white space", Event{Type: "t", Payload: []byte(" ")}, FaultSyntax},
	{"refuses a payload that isn't JSON", Event{Type: "t", Payload: []byte("hello")}, FaultSyntax},
	{"refuses a payload of two values", Event{Type: "t", Payload: []byte("1 2")}, FaultSyntax},
	{"refuses a payload that ends the envelope", Event{Type: "t", Payload: []byte(`1},{"x":1`)}, FaultSyntax},
	{"refuses a payload that adds a member", Event{Type: "t", Payload: []byte(`1,"id":"x"`)}, FaultSyntax},
	{"refuses a payload with a name twice", Event{Type: "t", Payload: []byte(`{"a":1,"a":1}`)}, FaultDuplicateName},
	{"refuses a payload that isn't UTF-8", Event{Type: "t", Payload: []byte("\"\xff\"")}, FaultUTF8},
	{"refuses a payload of depth 512", Event{Type: "t", Payload: []byte(strings.Repeat("[", 512) + strings.Repeat("]", 512))}, FaultDepth},
}

func TestValidate(t *testing.T) {
	for _, c := range validateCases {
		t.Run(c.name, func(t *testing.T) {
			err := c.event.Validate()
			if c.fault == 0 {
				if err != nil {
					t.Fatalf("got %v, want none", err)
				}
				again, err := Parse(Append(nil, c.event))
				if err != nil {
					t.Fatalf("appended and parsed: %v", err)
				}
				payload := strings.TrimSpace(string(c.event.Payload))
				if payload == "" {
					payload = "null"
				}
				if again.Type != c.event.Type || again.ID != c.event.ID || string(again.Payload) != payload {
					t.Fatalf("appended and parsed: got %+v, want %+v", again, c.event)
				}
				return
			}
			if !errors.Is(err, c.fault) {
				t.Errorf("got %v, want %v", err, c.fault)
			}
			if fault, ok := errors.AsType[Fault](err); !ok || fault != c.fault {
				t.Errorf("as a Fault: got %v %v, want %v", fault, ok, c.fault)
			}
		})
	}
}

func TestAppendWritesTheCanonicalForm(t *testing.T) {
	cases := []struct {
		name  string
		event Event
		want  string
	}{
		{"with all members", Event{Type: "t", ID: "i", Payload: []byte(`{"a": 1.0}`)}, `{"type":"t","id":"i","payload":{"a": 1.0}}`},
		{"with null for no payload", Event{Type: "t"}, `{"type":"t","id":"","payload":null}`},
		{"with quotes and backslashes escaped and nothing else", Event{Type: `a"b\c/é<&>`, ID: `"`}, `{"type":"a\"b\\c/é<&>","id":"\"","payload":null}`},
		{"of a control event", Event{Type: "__subscribe", ID: "1", Payload: []byte(`{"topic":"t"}`)}, `{"type":"__subscribe","id":"1","payload":{"topic":"t"}}`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := Append([]byte("before "), c.event); string(got) != "before "+c.want {
				t.Errorf("got %s, want before %s", got, c.want)
			}
		})
	}
}

func TestParseRefusesControlEvents(t *testing.T) {
	if got, err := Parse([]byte(`{"type":"__subscribe","payload":{"topic":"t"}}`)); err != FaultTypeReserved {
		t.Errorf("got %v %v, want %v", got, err, FaultTypeReserved)
	}
}

func TestCloneSharesNoPayload(t *testing.T) {
	e := Event{Type: "t", ID: "i", Payload: []byte("123"), Offset: 7}
	clone := e.Clone()
	e.Payload[0] = '9'
	if clone.Type != "t" || clone.ID != "i" || string(clone.Payload) != "123" || clone.Offset != 7 {
		t.Errorf("got %+v", clone)
	}
	if none := (Event{Type: "t"}).Clone(); none.Payload != nil {
		t.Errorf("clone of no payload: got %q, want nil", none.Payload)
	}
}

func TestEveryFaultHasItsOwnText(t *testing.T) {
	seen := map[string]Fault{}
	for fault := FaultSyntax; fault <= FaultAnswer; fault++ {
		text := fault.Error()
		if other, found := seen[text]; found || text == "" {
			t.Errorf("faults %d and %d: both %q", fault, other, text)
		}
		seen[text] = fault
	}
	if Fault(0).Error() != Fault(255).Error() {
		t.Errorf("got %q and %q for faults that don't exist", Fault(0), Fault(255))
	}
}

func TestParseAndValidateMayBeCalledByManyGoroutines(t *testing.T) {
	var all sync.WaitGroup
	for worker := range 4 * len(spareViews) {
		all.Go(func() {
			for round := range 50 {
				id := fmt.Sprintf("%d-%d", worker, round)
				names := manyNames(1 + round)
				e, err := Parse([]byte(`{"type":"\u0074","id":"` + id + `","payload":` + names + `}`))
				if err != nil || e.Type != "t" || e.ID != id || string(e.Payload) != names {
					t.Errorf("got %+v %v, want id %s", e, err, id)
				}
				if err := e.Validate(); err != nil {
					t.Errorf("got %v, want none", err)
				}
			}
		})
	}
	all.Wait()
}

func TestNoSpareViewIsLargeOrHoldsAMessage(t *testing.T) {
	for range 2 * len(spareViews) {
		if err := (Event{Type: "t", Payload: []byte(manyNames(9999))}).Validate(); err != nil {
			t.Fatalf("got %v, want none", err)
		}
		if _, err := Parse([]byte(`{"type":"t","payload":` + manyNames(9999) + `}`)); err != nil {
			t.Fatalf("got %v, want none", err)
		}
	}
	for i := range spareViews {
		if v := spareViews[i].view.Load(); v != nil && (v.held() > keptView || v.Payload != nil) {
			t.Errorf("got a spare view of %d bytes with payload %v, want %d at most and none", v.held(), v.Payload != nil, keptView)
		}
	}
}
