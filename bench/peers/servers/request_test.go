//go:build linux

package servers

import "testing"

func TestParseUnderstands(t *testing.T) {
	for name, c := range map[string]struct {
		message string
		want    request
		ack     string
	}{
		"an event of the common topic":     {`{"type":"tick","id":"","payload":{}}`, request{kind: eventRequest, topic: "tick"}, ""},
		"an event of a room":               {`{"type":"room","id":"0000001f","payload":{}}`, request{kind: eventRequest, topic: "room:0000001f"}, ""},
		"a subscription":                   {`{"type":"__subscribe","id":"","payload":{"topic":"tick"}}`, request{kind: subscribeRequest, topic: "tick"}, ""},
		"a subscription that wants an ack": {`{"type":"__subscribe","id":"s","payload":{"topic":"tick"}}`, request{kind: subscribeRequest, topic: "tick"}, `{"type":"__ack","id":"s","payload":{"topics":["tick"]}}`},
		"the end of one":                   {`{"type":"__unsubscribe","id":"","payload":{"topic":"tick"}}`, request{kind: unsubscribeRequest, topic: "tick"}, ""},
		"nothing else":                     {`hello`, request{}, ""},
		"no room without its number":       {`{"type":"room","id":"`, request{}, ""},
		"no broken control event":          {`{"type":"__subscribe","id":`, request{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := parse([]byte(c.message))
			if got.kind != c.want.kind || got.topic != c.want.topic || string(got.ack) != c.ack {
				t.Errorf("got %+v with ack %q, want %+v with %q", got, got.ack, c.want, c.ack)
			}
		})
	}
}

func TestRoomsReachOthersOnly(t *testing.T) {
	r := newTopics[string]()
	for _, member := range []string{"a", "b", "c"} {
		r.apply(request{kind: subscribeRequest, topic: "tick"}, member)
	}
	r.apply(request{kind: unsubscribeRequest, topic: "tick"}, "b")
	r.apply(request{kind: subscribeRequest, topic: "tick"}, "a")
	var got []string
	r.others("tick", "a", func(member string) { got = append(got, member) })
	if len(got) != 1 || got[0] != "c" {
		t.Errorf("got %v, want c alone", got)
	}
	r.drop("a")
	r.drop("c")
	if len(r.members) != 0 {
		t.Errorf("got topics %v after everybody left, want none", r.members)
	}
}

func TestEveryPeerHasAVersion(t *testing.T) {
	if _, err := Version("nobody"); err == nil {
		t.Error("got no error for an unknown peer")
	}
}
