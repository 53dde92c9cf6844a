package event

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

var topicCases = []struct {
	name  string
	topic string
	fault Fault
	typ   string
	id    string
}{
	{"takes a type", "order.created", 0, "order.created", ""},
	{"takes a type and an id", "price:EURUSD", 0, "price", "EURUSD"},
	{"splits at the first colon", "a:b:c", 0, "a", "b:c"},
	{"takes an id that is a colon", "a::", 0, "a", ":"},
	{"takes an id that begins with underscores", "a:__b", 0, "a", "__b"},
	{"takes one underscore", "_", 0, "_", ""},
	{"takes text beyond ASCII", "заказ:漢", 0, "заказ", "漢"},
	{"takes 513 bytes", strings.Repeat("t", 256) + ":" + strings.Repeat("i", 256), 0, strings.Repeat("t", 256), strings.Repeat("i", 256)},
	{"refuses nothing at all", "", FaultTypeLength, "", ""},
	{"refuses an empty type", ":a", FaultTypeLength, "", ""},
	{"refuses a colon alone", ":", FaultTypeLength, "", ""},
	{"refuses an empty id", "a:", FaultIDEmpty, "", ""},
	{"refuses a type of 257 bytes", strings.Repeat("t", 257), FaultTypeLength, "", ""},
	{"refuses an id of 257 bytes", "t:" + strings.Repeat("i", 257), FaultIDLength, "", ""},
	{"refuses a reserved type", "__subscribe", FaultTypeReserved, "", ""},
	{"refuses a reserved type with an id", "__ack:1", FaultTypeReserved, "", ""},
	{"refuses a control character in the type", "a\x1f", FaultTypeControl, "", ""},
	{"refuses DEL in the id", "a:\x7f", FaultIDControl, "", ""},
	{"refuses a C1 control character in the id", "a:\u009f", FaultIDControl, "", ""},
	{"refuses what isn't UTF-8", "a:\xff", FaultUTF8, "", ""},
}

func TestTopic(t *testing.T) {
	for _, c := range topicCases {
		t.Run(c.name, func(t *testing.T) {
			typ, id, err := SplitTopic(c.topic)
			if c.fault == 0 && err != nil || c.fault != 0 && err != c.fault {
				t.Errorf("SplitTopic: got %v, want %v", err, c.fault)
			}
			if typ != c.typ || id != c.id {
				t.Errorf("SplitTopic: got %q %q, want %q %q", typ, id, c.typ, c.id)
			}
			checkTopic(t, c.topic)
		})
	}
}

// checkTopic compares ValidTopic and SplitTopic with the rules of protocol.md.
func checkTopic(t *testing.T, topic string) {
	t.Helper()
	typ, id, hasID := strings.Cut(topic, ":")
	want := utf8.ValidString(topic) && len(topic) <= 513 && !strings.ContainsFunc(topic, unicode.IsControl) &&
		1 <= len(typ) && len(typ) <= 256 && len(id) <= 256 && !strings.HasPrefix(typ, "__") && hasID == (id != "")
	if got := ValidTopic([]byte(topic)); got != want {
		t.Fatalf("ValidTopic(%q): got %v, want %v", topic, got, want)
	}
	gotTyp, gotID, err := SplitTopic(topic)
	if (err == nil) != want {
		t.Fatalf("SplitTopic(%q): got %v, want valid %v", topic, err, want)
	}
	if want && (gotTyp != typ || gotID != id) {
		t.Fatalf("SplitTopic(%q): got %q %q, want %q %q", topic, gotTyp, gotID, typ, id)
	}
	if want {
		event := Event{Type: typ, ID: id}
		if err := event.Validate(); err != nil {
			t.Fatalf("topic %q: no event can match: %v", topic, err)
		}
	}
}
