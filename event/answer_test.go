package event

import (
	"slices"
	"testing"
	"time"
)

func TestAcksAreParsed(t *testing.T) {
	for name, c := range map[string]struct {
		message string
		want    Ack
		fault   Fault
	}{
		"of topics":                {`{"type":"__ack","id":"1","payload":{"topics":["a","a:\u00e9"]}}`, Ack{ID: "1", Topics: []string{"a", "a:é"}}, 0},
		"of no topics":             {`{"type":"__ack","id":"1","payload":{"topics":[]}}`, Ack{ID: "1"}, 0},
		"of a token":               {`{"type":"__ack","id":"1","payload":{"user":"alice","expires":1764150000}}`, Ack{ID: "1", User: "alice", Expires: time.Unix(1764150000, 0)}, 0},
		"of a token without end":   {`{"type":"__ack","id":"1","payload":{"user":"alice"}}`, Ack{ID: "1", User: "alice"}, 0},
		"with what is yet unknown": {`{"payload":{"places":{"a":{"offset":1}},"topics":["a"]},"lot":7,"type":"__ack","id":"1"}`, Ack{ID: "1", Topics: []string{"a"}}, 0},
		"but not a reject":         {`{"type":"__reject","id":"1","payload":{"topic":"a","reason":"limit"}}`, Ack{}, FaultAnswer},
		"but not an event":         {`{"type":"a","id":"1","payload":{"topics":["a"]}}`, Ack{}, FaultAnswer},
		"but not without payload":  {`{"type":"__ack","id":"1"}`, Ack{}, FaultAnswer},
		"but not of other kinds":   {`{"type":"__ack","id":"1","payload":{"topics":"a"}}`, Ack{}, FaultAnswer},
		"but not of no text":       {`{"type":"__ack","id":"1","payload":{"topics":[1]}}`, Ack{}, FaultAnswer},
		"but not of no moment":     {`{"type":"__ack","id":"1","payload":{"expires":"now"}}`, Ack{}, FaultAnswer},
		"but not of no JSON":       {`{"type":"__ack"`, Ack{}, FaultSyntax},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseAck([]byte(c.message))
			if faultIn(err) != c.fault || got.ID != c.want.ID || !slices.Equal(got.Topics, c.want.Topics) || got.User != c.want.User || !got.Expires.Equal(c.want.Expires) {
				t.Errorf("got %+v and %v, want %+v and %v", got, err, c.want, c.fault)
			}
		})
	}
}

func TestRejectsAreParsed(t *testing.T) {
	for name, c := range map[string]struct {
		message string
		want    Reject
		fault   Fault
	}{
		"of a topic":               {`{"type":"__reject","id":"1","payload":{"topic":"a:1","reason":"forbidden"}}`, Reject{"1", "a:1", Forbidden}, 0},
		"of an event":              {`{"type":"__reject","id":"","payload":{"topic":"a","reason":"forbidden"}}`, Reject{"", "a", Forbidden}, 0},
		"of a token":               {`{"type":"__reject","id":"1","payload":{"reason":"unauthenticated"}}`, Reject{"1", "", "unauthenticated"}, 0},
		"of half a surrogate pair": {`{"type":"__reject","id":"1","payload":{"topic":"a\ud83d","reason":"invalid_topic"}}`, Reject{"1", "a\ufffd", InvalidTopic}, 0},
		"but not without a reason": {`{"type":"__reject","id":"1","payload":{"topic":"a"}}`, Reject{}, FaultAnswer},
		"but not an ack":           {`{"type":"__ack","id":"1","payload":{"topics":["a"]}}`, Reject{}, FaultAnswer},
		"but not two objects":      {`{"type":"__reject","id":"1"}{}`, Reject{}, FaultSyntax},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := ParseReject([]byte(c.message)); faultIn(err) != c.fault || got != c.want {
				t.Errorf("got %+v and %v, want %+v and %v", got, err, c.want, c.fault)
			}
		})
	}
}

func TestTheTypesOfControlEventsAreThoseOfTheProtocol(t *testing.T) {
	names := []string{TypeSubscribe, TypeUnsubscribe, TypeAuth, TypePresence, TypeAck, TypeReject, TypeGap}
	if want := []string{"__subscribe", "__unsubscribe", "__auth", "__presence", "__ack", "__reject", "__gap"}; !slices.Equal(names, want) {
		t.Errorf("got the names %q, want %q", names, want)
	}
	for typ, want := range map[string]Kind{TypeSubscribe: Subscribe, TypeUnsubscribe: Unsubscribe, TypeAuth: Auth, TypePresence: Presence} {
		var v View
		if err := v.Parse(Append(nil, Event{Type: typ})); err != nil || v.Control() != want {
			t.Errorf("%s: got the kind %d and %v, want %d", typ, v.Control(), err, want)
		}
	}
}

func FuzzAnswers(f *testing.F) {
	f.Add([]byte(`{"type":"__ack","id":"1","payload":{"user":"alice","expires":1764150000}}`), []byte("1"), []byte("a:1"))
	f.Add([]byte(`{"type":"__reject","id":"1","payload":{"topic":"a","reason":"limit"}}`), []byte("\u2028"), []byte("a\xed\xa0\xbd"))
	f.Fuzz(func(t *testing.T, message, id, topic []byte) {
		_, ackErr := ParseAck(message)
		if _, err := ParseReject(message); err == nil && ackErr == nil {
			t.Fatalf("got %q read as an ack and as a reject, want one at most", message)
		}
		if len(id) == 0 || idFault(id) != 0 || !ValidTopic(append([]byte("t:"), id...)) || !ValidTopic(topic) {
			return
		}
		ack, err := ParseAck(AppendAck(nil, id, [][]byte{topic, topic}))
		if want := []string{string(topic), string(topic)}; err != nil || ack.ID != string(id) || !slices.Equal(ack.Topics, want) {
			t.Fatalf("got %+v and %v, want the id %q and topics %q", ack, err, id, want)
		}
		reject, err := ParseReject(AppendReject(nil, id, topic, Limit))
		if want := (Reject{string(id), string(topic), Limit}); err != nil || reject != want {
			t.Fatalf("got %+v and %v, want %+v", reject, err, want)
		}
	})
}
