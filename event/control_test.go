package event

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

func TestControl(t *testing.T) {
	cases := []struct {
		name string
		typ  string
		want Kind
	}{
		{"is none for an ordinary event", "order", None},
		{"is none for one underscore", "_subscribe", None},
		{"is none for subscribe without underscores", "subscribe", None},
		{"subscribes", "__subscribe", Subscribe},
		{"subscribes when escaped", `\u005f_subscribe`, Subscribe},
		{"unsubscribes", "__unsubscribe", Unsubscribe},
		{"identifies", "__auth", Auth},
		{"asks for presence", "__presence", Presence},
		{"is unknown for an ack", "__ack", UnknownControl},
		{"is unknown for a gap", "__gap", UnknownControl},
		{"is unknown in another case", "__Subscribe", UnknownControl},
		{"is unknown for underscores alone", "__", UnknownControl},
		{"is unknown for a longer type", "__subscribed", UnknownControl},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var view View
			mustParse(t, &view, `{"type":"`+c.typ+`"}`)
			if got := view.Control(); got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
}

var topicsCases = []struct {
	name    string
	payload string
	fault   Fault
	topics  []string
}{
	{"takes one topic", `{"topic":"price:EURUSD"}`, 0, []string{"price:EURUSD"}},
	{"takes many topics in their order", `{"topics":["b","a","b"]}`, 0, []string{"b", "a", "b"}},
	{"takes no topics", `{"topics":[]}`, 0, nil},
	{"takes white space", " { \"topics\" : [ \"a\" ,\n\"b\" ] } ", 0, []string{"a", "b"}},
	{"takes white space in an empty array", `{"topics":[ ]}`, 0, nil},
	{"ignores other members", `{"x":{"topic":1,"y":["]","}"]},"topic":"a","z":-1.5,"Topic":2}`, 0, []string{"a"}},
	{"decodes a topic", `{"topic":"\u0061\"\\:\ud83d\ude00"}`, 0, []string{`a"\:😀`}},
	{"decodes topics", `{"topics":["\u0061","b","\u0063\n"]}`, 0, []string{"a", "b", "c\n"}},
	{"decodes the member's name", `{"t\u006fpic":"a"}`, 0, []string{"a"}},
	{"decodes the member's name in the plural", `{"topic\u0073":["a"]}`, 0, []string{"a"}},
	{"leaves bad topics to the caller", `{"topics":["",":","__x","a\u0000"]}`, 0, []string{"", ":", "__x", "a\x00"}},
	{"takes brackets and commas in topics", `{"topics":["],[","{\"","a,b"]}`, 0, []string{"],[", `{"`, "a,b"}},
	{"refuses neither", `{"other":"a"}`, FaultTopics, nil},
	{"refuses an empty object", `{}`, FaultTopics, nil},
	{"refuses both", `{"topic":"a","topics":["b"]}`, FaultTopics, nil},
	{"refuses null for a payload", `null`, FaultTopics, nil},
	{"refuses a string for a payload", `"topic"`, FaultTopics, nil},
	{"refuses an array for a payload", `["topic"]`, FaultTopics, nil},
	{"refuses a topic that is a number", `{"topic":1}`, FaultTopics, nil},
	{"refuses a topic that is null", `{"topic":null}`, FaultTopics, nil},
	{"refuses a topic that is an array", `{"topic":["a"]}`, FaultTopics, nil},
	{"refuses topics that are a string", `{"topics":"a"}`, FaultTopics, nil},
	{"refuses topics that are null", `{"topics":null}`, FaultTopics, nil},
	{"refuses topics with a number at the end", `{"topics":["a",1]}`, FaultTopics, nil},
	{"refuses topics with an array", `{"topics":[["a"]]}`, FaultTopics, nil},
	{"refuses topics with null", `{"topics":[null]}`, FaultTopics, nil},
}

func TestTopics(t *testing.T) {
	for _, c := range topicsCases {
		t.Run(c.name, func(t *testing.T) {
			var view View
			mustParse(t, &view, `{"type":"__subscribe","id":"7","payload":`+c.payload+`}`)
			got, err := view.Topics(nil)
			if c.fault == 0 && err != nil || c.fault != 0 && err != c.fault {
				t.Errorf("got %v, want %v", err, c.fault)
			}
			if !slices.Equal(texts(got), c.topics) {
				t.Errorf("got %q, want %q", got, c.topics)
			}
			checkTopics(t, []byte(c.payload))
		})
	}
}

func TestTopicsAppends(t *testing.T) {
	first := []byte("first")
	var view View
	mustParse(t, &view, `{"type":"__subscribe","payload":{"topics":["a","\u0062"]}}`)
	got, err := view.Topics([][]byte{first})
	if err != nil || !slices.Equal(texts(got), []string{"first", "a", "b"}) {
		t.Errorf("got %q %v", got, err)
	}
	mustParse(t, &view, `{"type":"__subscribe","payload":{"topics":["a",1]}}`)
	got, err = view.Topics([][]byte{first})
	if err != FaultTopics || !slices.Equal(texts(got), []string{"first"}) {
		t.Errorf("after an error: got %q %v", got, err)
	}
}

func TestTopicsLeavesTypeAndIDAlone(t *testing.T) {
	var view View
	mustParse(t, &view, `{"type":"t","id":"\u0061`+strings.Repeat("a", 200)+`"}`)
	mustParse(t, &view, `{"type":"_\u005fsubscribe","id":"\u0037","payload":{"topics":["\u0061xxxxxxxxxxxxxxxx","\u0062"]}}`)
	for range 2 {
		if _, err := view.Topics(nil); err != nil {
			t.Fatalf("Topics: %v", err)
		}
	}
	if string(view.Type) != "__subscribe" || string(view.ID) != "7" {
		t.Errorf("got %q %q", view.Type, view.ID)
	}
}

func TestTopicsTakesThousands(t *testing.T) {
	want := make([]string, 5000)
	for i := range want {
		want[i] = "price:" + strings.Repeat("x", i%40)
	}
	payload, err := json.Marshal(map[string]any{"topics": want})
	if err != nil {
		t.Fatalf("Marshal: %v", err)
	}
	var view View
	mustParse(t, &view, `{"type":"__subscribe","payload":`+string(payload)+`}`)
	got, err := view.Topics(nil)
	if err != nil || !slices.Equal(texts(got), want) {
		t.Errorf("got %d topics and %v, want %d", len(got), err, len(want))
	}
}

func TestAnswers(t *testing.T) {
	cases := []struct {
		name string
		got  []byte
		want string
	}{
		{"acks one topic", AppendAck([]byte("> "), []byte("7"), [][]byte{[]byte("a:b")}), `> {"type":"__ack","id":"7","payload":{"topics":["a:b"]}}`},
		{"acks many topics", AppendAck(nil, []byte(`"`), [][]byte{[]byte("a"), []byte(`b"`)}), `{"type":"__ack","id":"\"","payload":{"topics":["a","b\""]}}`},
		{"acks no topics", AppendAck(nil, []byte("7"), nil), `{"type":"__ack","id":"7","payload":{"topics":[]}}`},
		{"rejects a topic", AppendReject([]byte("> "), []byte("7"), []byte("a"), Forbidden), `> {"type":"__reject","id":"7","payload":{"topic":"a","reason":"forbidden"}}`},
		{"rejects control characters", AppendReject(nil, []byte("7"), []byte("a\x00\n\\é"), InvalidTopic), `{"type":"__reject","id":"7","payload":{"topic":"a\u0000\n\\é","reason":"invalid_topic"}}`},
		{"repeats no more than a topic's length", AppendReject(nil, []byte("7"), []byte(strings.Repeat("é", 300)), InvalidTopic), `{"type":"__reject","id":"7","payload":{"topic":"` + strings.Repeat("é", 256) + `","reason":"invalid_topic"}}`},
		{"rejects beyond the limit", AppendReject(nil, []byte("7"), nil, Limit), `{"type":"__reject","id":"7","payload":{"topic":"","reason":"limit"}}`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if string(c.got) != c.want {
				t.Errorf("got %s, want %s", c.got, c.want)
			}
			var view View
			mustParse(t, &view, strings.TrimPrefix(string(c.got), "> "))
			if view.Control() != UnknownControl {
				t.Errorf("an answer sent back is of kind %d, want %d", view.Control(), UnknownControl)
			}
		})
	}
}

// checkTopics compares View.Topics and the answers with the library.
func checkTopics(t *testing.T, payload []byte) {
	t.Helper()
	message := append(append([]byte(`{"type":"__subscribe","payload":`), payload...), '}')
	var view View
	if view.Parse(message) != nil {
		return
	}
	want, ok := referenceTopics(view.Payload)
	got, err := view.Topics(nil)
	if (err == nil) != ok {
		t.Fatalf("%q: got %v, library accepts %v", payload, err, ok)
	}
	if !slices.Equal(texts(got), want) {
		t.Fatalf("%q: got %q, library %q", payload, got, want)
	}
	if err != nil {
		return
	}
	var answer View
	acked := slices.DeleteFunc(slices.Clone(got), func(topic []byte) bool { return !utf8.Valid(topic) })
	if err := answer.Parse(AppendAck(nil, []byte("7"), acked)); err != nil {
		t.Fatalf("%q: ack: %v", payload, err)
	}
	if again, err := answer.Topics(nil); err != nil || !slices.Equal(texts(again), texts(acked)) {
		t.Fatalf("%q: acked %q %v, want %q", payload, again, err, acked)
	}
	for _, topic := range got {
		checkTopic(t, string(topic))
		if err := answer.Parse(AppendReject(nil, nil, topic, InvalidTopic)); err != nil {
			t.Fatalf("%q: reject: %v", topic, err)
		}
		if again, err := answer.Topics(nil); err != nil || !slices.Equal(texts(again), []string{string(beginning(topic))}) {
			t.Fatalf("rejected %q %v, want %q", again, err, beginning(topic))
		}
	}
}

func referenceTopics(payload []byte) (topics []string, ok bool) {
	var all map[string]jsontext.Value
	if err := json.Unmarshal(payload, &all, looseUTF8, jsontext.AllowDuplicateNames(true)); err != nil {
		return nil, false
	}
	one, hasOne := all["topic"]
	many, hasMany := all["topics"]
	if hasOne == hasMany {
		return nil, false
	}
	var values []jsontext.Value
	if hasOne {
		values = append(values, one)
	} else if many.Kind() != '[' || json.Unmarshal(many, &values, looseUTF8) != nil {
		return nil, false
	}
	for _, value := range values {
		if value.Kind() != '"' {
			return nil, false
		}
		topics = append(topics, referenceText(value))
	}
	return topics, true
}

func texts(all [][]byte) []string {
	var out []string
	for _, one := range all {
		out = append(out, string(one))
	}
	return out
}

func TestAnAckMadePieceByPieceIsTheSame(t *testing.T) {
	topics := [][]byte{[]byte("a"), []byte(`b"\`), []byte("c:["), []byte("d")}
	for _, cut := range [][]int{{0}, {0, 4}, {1}, {2, 2, 3}, {1, 2, 3}} {
		before := 0
		ack := AppendAck([]byte("before"), []byte("1"), topics[:cut[0]])
		for _, at := range append(cut, len(topics)) {
			before = max(before, cut[0])
			ack = AppendAckTopics(ack, topics[before:max(before, at)])
			before = max(before, at)
		}
		if want := AppendAck([]byte("before"), []byte("1"), topics); string(ack) != string(want) {
			t.Errorf("cut at %v: got %s, want %s", cut, ack, want)
		}
	}
}
