package event

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestCountTopics(t *testing.T) {
	cases := []struct {
		name    string
		payload string
		limit   int
		fault   Fault
		want    int
	}{
		{"counts one topic", `{"topic":"a","x":"b"}`, 5, 0, 1},
		{"counts many, again and again the same too", `{"topics":["a","b","a"],"x":1}`, 5, 0, 3},
		{"counts none", `{"topics":[]}`, 5, 0, 0},
		{"counts as many as the limit", `{"topics":["a","b"]}`, 2, 0, 2},
		{"stops one beyond the limit", `{"topics":["a","b","c","d","e"]}`, 2, 0, 3},
		{"stops one beyond no topics", `{"topic":"a"}`, 0, 0, 1},
		{"does not look beyond the limit", `{"topics":["a","b","c",1]}`, 2, 0, 3},
		{"takes commas, quotes and brackets in topics", `{"topics":["],\"","\\"]}`, 5, 0, 2},
		{"refuses what is no string within the limit", `{"topics":["a",1,"c","d"]}`, 2, FaultTopics, 0},
		{"refuses neither", `{}`, 5, FaultTopics, 0},
		{"refuses both", `{"topic":"a","topics":[]}`, 5, FaultTopics, 0},
		{"refuses no object", `["a"]`, 5, FaultTopics, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var view View
			mustParse(t, &view, `{"type":"__subscribe","payload":`+c.payload+`}`)
			got, err := view.CountTopics(c.limit)
			if got != c.want || c.fault == 0 && err != nil || c.fault != 0 && err != c.fault {
				t.Errorf("got %d %v, want %d %v", got, err, c.want, c.fault)
			}
		})
	}
}

func TestTopicsFromGoesThroughAllInSlices(t *testing.T) {
	for _, c := range topicsCases {
		for limit := range 4 {
			t.Run(fmt.Sprintf("%s, %d at a time", c.name, limit+1), func(t *testing.T) {
				var view View
				mustParse(t, &view, `{"type":"__subscribe","payload":`+c.payload+`}`)
				copied := bytes.Clone(view.Payload)
				var all []string
				place, rounds := 0, 0
				for place >= 0 {
					later := View{Payload: copied}
					topics, next, err := later.TopicsFrom(nil, place, limit+1)
					if err != nil {
						if c.fault == 0 || err != c.fault {
							t.Fatalf("from %d: got %v, want %v", place, err, c.fault)
						}
						return
					}
					if len(topics) > limit+1 || next >= 0 && len(topics) != limit+1 {
						t.Fatalf("from %d: got %d topics and next %d", place, len(topics), next)
					}
					all = append(all, texts(topics)...)
					place = next
					rounds++
				}
				if !slices.Equal(all, c.topics) {
					t.Errorf("got %q, want %q", all, c.topics)
				}
				if want := max(1, (len(c.topics)+limit)/(limit+1)); rounds != want {
					t.Errorf("got %d rounds, want %d", rounds, want)
				}
			})
		}
	}
}

func TestTopicsFromWithoutALimitStaysInItsPlace(t *testing.T) {
	var view View
	mustParse(t, &view, `{"type":"__subscribe","payload":{"topic":"a"}}`)
	if topics, next, err := view.TopicsFrom(nil, 0, 0); len(topics) != 0 || next != 0 || err != nil {
		t.Errorf("got %q %d %v, want none, 0 and no error", topics, next, err)
	}
}

func TestTopicsFromSurvivesWrongPlaces(t *testing.T) {
	var view View
	mustParse(t, &view, `{"type":"__subscribe","payload":{"x":[1,{"y":"z"}],"topics":["a\"","b",",",""]}}`)
	for _, payload := range []string{string(view.Payload), `"abc"`, `"a,"`, `["a","b"]`, `12`, `{}`} {
		view.Payload = []byte(payload)
		for place := -2; place < len(payload)+2; place++ {
			if topics, next, err := view.TopicsFrom(nil, place, 2); err != nil && (err != FaultTopics || len(topics) != 0 || next != -1) {
				t.Errorf("%s from %d: got %q %d %v", payload, place, topics, next, err)
			}
		}
	}
}

func TestCountTopicsLeavesTopicsValid(t *testing.T) {
	var view View
	mustParse(t, &view, `{"type":"__subscribe","payload":{"t\u006fpics":["\u0061bcdefghi"]}}`)
	topics, err := view.Topics(nil)
	if err != nil {
		t.Fatal(err)
	}
	if count, err := view.CountTopics(5); count != 1 || err != nil || !slices.Equal(texts(topics), []string{"abcdefghi"}) {
		t.Errorf("got %d %v and the topics %q, want 1 and abcdefghi as before", count, err, topics)
	}
}

func TestHalfASurrogatePairIsNoTopic(t *testing.T) {
	cases := []struct {
		name  string
		topic string
		want  string
	}{
		{"alone", `"\ud83d"`, `"\ud83d"`},
		{"in the middle of text", `"a\uD83Db\n\""`, `"a\ud83db\n\""`},
		{"in the wrong order", `"\ude00\ud83d"`, `"\ude00\ud83d"`},
		{"beside a whole pair", `"\ud83d\ud83d\ude00é"`, `"\ud83d😀é"`},
		{"at the longest topic's end", `"` + strings.Repeat("a", 510) + `\ud83dbbb"`, `"` + strings.Repeat("a", 510) + `\ud83d"`},
		{"across the longest topic's end", `"` + strings.Repeat("a", 511) + `\ud83dbbb"`, `"` + strings.Repeat("a", 511) + `"`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var view View
			mustParse(t, &view, `{"type":"__subscribe","id":"1","payload":{"topics":[`+c.topic+`,"good"]}}`)
			topics, err := view.Topics(nil)
			if err != nil || len(topics) != 2 || ValidTopic(topics[0]) || !ValidTopic(topics[1]) {
				t.Fatalf("got %q %v, want a topic that isn't valid and one that is", topics, err)
			}
			got := string(AppendReject(nil, view.ID, topics[0], InvalidTopic))
			if want := `{"type":"__reject","id":"1","payload":{"topic":` + c.want + `,"reason":"invalid_topic"}}`; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

func TestATopicTooLongIsDecodedInPart(t *testing.T) {
	for _, unit := range []string{"a", "é", `\u0061`, `\n`, `\ud83d\ude00`, `\ud83d`, "😀"} {
		for _, count := range []int{300, 510, 513, 514, 515, 600, 1000, 100000} {
			raw := `"` + strings.Repeat(unit, count) + `"`
			var view View
			mustParse(t, &view, `{"type":"__subscribe","payload":{"topic":`+raw+`}}`)
			topics, err := view.Topics(nil)
			if err != nil || len(topics) != 1 {
				t.Fatalf("%s, %d times: got %d topics and %v", unit, count, len(topics), err)
			}
			whole := []byte(referenceText([]byte(raw)))
			if got, want := beginning(topics[0]), beginning(whole); !bytes.Equal(got, want) {
				t.Errorf("%s, %d times: got %q, want %q", unit, count, got, want)
			}
			if got, want := ValidTopic(topics[0]), ValidTopic(whole); got != want {
				t.Errorf("%s, %d times: got valid %v, want %v", unit, count, got, want)
			}
			if got := view.held(); got > 8<<10 {
				t.Errorf("%s, %d times: got %d bytes of scratch", unit, count, got)
			}
		}
	}
}
