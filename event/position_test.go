package event

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func TestParsePosition(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want Position
		says string
	}{
		"takes an offset":                 {"x7:42", Position{"x7", 42}, ""},
		"takes the beginning":             {"x7:0", Position{"x7", 0}, ""},
		"takes the greatest offset":       {"x7:9007199254740991", Position{"x7", MaxOffset}, ""},
		"takes every letter of an epoch":  {"Az09-_:1", Position{"Az09-_", 1}, ""},
		"takes the longest epoch":         {strings.Repeat("e", 32) + ":1", Position{strings.Repeat("e", 32), 1}, ""},
		"refuses an epoch alone":          {"x7", Position{}, "colon"},
		"refuses no text":                 {"", Position{}, "colon"},
		"refuses no epoch":                {":42", Position{}, "epoch"},
		"refuses an epoch too long":       {strings.Repeat("e", 33) + ":1", Position{}, "epoch"},
		"refuses a dot in an epoch":       {"x.7:1", Position{}, "epoch"},
		"refuses an epoch beyond ASCII":   {"é:1", Position{}, "epoch"},
		"refuses no offset":               {"x7:", Position{}, "offset"},
		"refuses a sign":                  {"x7:+1", Position{}, "offset"},
		"refuses less than zero":          {"x7:-1", Position{}, "offset"},
		"refuses a zero ahead":            {"x7:01", Position{}, "offset"},
		"refuses a second colon":          {"x7:1:2", Position{}, "offset"},
		"refuses white space":             {"x7: 1", Position{}, "offset"},
		"refuses too great an offset":     {"x7:9007199254740992", Position{}, "offset"},
		"refuses far too great an offset": {"x7:18446744073709551617", Position{}, "offset"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParsePosition(c.text)
			if got != c.want || (err == nil) != (c.says == "") {
				t.Fatalf("got %+v and %v, want %+v and an error of the %s", got, err, c.want, c.says)
			}
			if err != nil && (!strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), fmt.Sprintf("%q", c.text))) {
				t.Errorf("got %q, want it to name %q and its %s", err, c.text, c.says)
			}
			if err == nil && got.String() != c.text {
				t.Errorf("got %q for text, want %q", got, c.text)
			}
		})
	}
}

func TestNoPositionIsNoText(t *testing.T) {
	if got := (Position{}).String(); got != "" {
		t.Errorf("got %q, want none", got)
	}
}

func TestAPositionInJSONIsThatOfSince(t *testing.T) {
	text, err := json.Marshal(map[string]any{"topic": "a", "since": map[string]Position{"a": {"x7", 42}}})
	if err != nil {
		t.Fatal(err)
	}
	view := View{Payload: text}
	if got := sinceTexts(view.Since(nil, allTopics(t, &view))); len(got) != 1 || got[0] != "x7:42" {
		t.Errorf("got %q of %s, want x7:42", got, text)
	}
}

func FuzzPosition(f *testing.F) {
	for _, text := range []string{"x7:42", "x7:0", "x:9007199254740992", ":", "a:01", "é:1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParsePosition(text)
		epoch, digits, _ := strings.Cut(text, ":")
		if got, want := ValidEpoch(epoch), referenceEpoch.MatchString(epoch); got != want {
			t.Fatalf("got the epoch %q valid %v, want %v", epoch, got, want)
		}
		var offset json.Number
		number := json.Unmarshal([]byte(digits), &offset) == nil && string(offset) == digits && referenceOffset.MatchString(digits)
		want := number && ValidEpoch(epoch) && (len(digits) < 16 || len(digits) == 16 && digits <= "9007199254740991")
		if (err == nil) != want || err == nil && p.String() != text || err != nil && p != (Position{}) {
			t.Fatalf("%q: got %v and %v, want it taken %v", text, p, err, want)
		}
	})
}

var offsetCases = []struct {
	name   string
	member string
	want   uint64
}{
	{"has one", `"offset":57`, 57},
	{"has the first", `"offset":1`, 1},
	{"has the greatest", `"offset": 9007199254740991 `, MaxOffset},
	{"has one of an escaped name", `"off\u0073et":57`, 57},
	{"has none of zero", `"offset":0`, 0},
	{"has none beyond the greatest", `"offset":9007199254740992`, 0},
	{"has none far beyond the greatest", `"offset":18446744073709551617`, 0},
	{"has none below zero", `"offset":-1`, 0},
	{"has none of a fraction", `"offset":1.0`, 0},
	{"has none of an exponent", `"offset":1e3`, 0},
	{"has none of a string", `"offset":"57"`, 0},
	{"has none of an object", `"offset":{"offset":57}`, 0},
	{"has none of null", `"offset":null`, 0},
	{"has none of another case", `"Offset":57`, 0},
	{"has none within the payload", `"payload":{"offset":57}`, 0},
	{"has none of another name", `"offsets":57`, 0},
}

func TestTheOffsetOfAnEvent(t *testing.T) {
	var view View
	for _, c := range offsetCases {
		t.Run(c.name, func(t *testing.T) {
			for _, message := range []string{`{"type":"t",` + c.member + `}`, `{` + c.member + `,"id":"i","type":"t"}`} {
				mustParse(t, &view, `{"type":"before","offset":3}`)
				mustParse(t, &view, message)
				e, err := Parse([]byte(message))
				if view.Offset != c.want || view.Event().Offset != c.want || e.Offset != c.want || err != nil {
					t.Errorf("%s: got %d in view, %d and %d in events, and %v, want %d", message, view.Offset, view.Event().Offset, e.Offset, err, c.want)
				}
				if got := string(view.Append(nil)); strings.Contains(got, `},"offset`) || strings.Contains(got, `null,"offset`) {
					t.Errorf("appended %s, want no offset", got)
				}
			}
		})
	}
}

func TestAnOffsetTwiceIsMalformed(t *testing.T) {
	for _, message := range []string{`{"type":"t","offset":1,"offset":1}`, `{"type":"t","offset":"a","x":1,"\u006fffset":2}`, `{"offset":1,"off\u0073et":2,"type":"t"}`} {
		var view View
		mustParse(t, &view, `{"type":"t","offset":3}`)
		if err := view.Parse([]byte(message)); err != FaultDuplicateName || view.Offset != 0 {
			t.Errorf("%s: got %v and the offset %d, want %v and 0", message, err, view.Offset, FaultDuplicateName)
		}
	}
}

func TestAnOffsetIsAddedToAnEnvelope(t *testing.T) {
	for name, c := range map[string]struct {
		event  Event
		offset uint64
		want   string
	}{
		"with a payload":    {Event{Type: "t", ID: "i", Payload: []byte(`{"a":{}}`)}, 57, `before {"type":"t","id":"i","payload":{"a":{}},"offset":57}`},
		"without a payload": {Event{Type: "t"}, MaxOffset, `before {"type":"t","id":"","payload":null,"offset":9007199254740991}`},
	} {
		t.Run(name, func(t *testing.T) {
			got := AppendOffset(Append([]byte("before "), c.event), c.offset)
			if string(got) != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			if e, err := Parse(got[len("before "):]); err != nil || e.Offset != c.offset || string(Append(nil, e)) != string(Append(nil, c.event)) {
				t.Errorf("got %+v and %v read again, want %+v with the offset %d", e, err, c.event, c.offset)
			}
		})
	}
}
