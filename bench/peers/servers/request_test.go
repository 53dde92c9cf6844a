//go:build linux

package servers

import "testing"

func TestListenUnderstands(t *testing.T) {
	for name, c := range map[string]struct {
		message string
		want    request
		ack     string
		ok      bool
	}{
		"an event of the common topic":     {`{"type":"tick","id":"","payload":{}}`, request{topic: "tick"}, "", true},
		"an event of a room":               {`{"type":"room","id":"0000001f","payload":{}}`, request{topic: "room:0000001f"}, "", true},
		"a subscription":                   {`{"type":"__subscribe","id":"","payload":{"topic":"tick"}}`, request{kind: subscribeRequest, topic: "tick"}, "", true},
		"a subscription that wants an ack": {`{"type":"__subscribe","id":"s","payload":{"topic":"tick"}}`, request{kind: subscribeRequest, topic: "tick"}, `{"type":"__ack","id":"s","payload":{"topics":["tick"]}}`, true},
		"the end of one":                   {`{"type":"__unsubscribe","id":"","payload":{"topic":"tick"}}`, request{kind: unsubscribeRequest, topic: "tick"}, "", true},
		"nothing else":                     {`hello`, request{}, "", false},
		"no room without its number":       {`{"type":"room","id":"`, request{}, "", false},
		"no broken control event":          {`{"type":"__subscribe","id":`, request{}, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := parse([]byte(c.message))
			if got.kind != c.want.kind || got.topic != c.want.topic || string(got.ack) != c.ack || ok != c.ok {
				t.Errorf("got %+v with ack %q, %v, want %+v with %q, %v", got, got.ack, ok, c.want, c.ack, c.ok)
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
