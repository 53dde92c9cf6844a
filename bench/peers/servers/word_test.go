//go:build linux

package servers

import "testing"

func TestListenUnderstands(t *testing.T) {
	for name, c := range map[string]struct {
		message string
		want    word
		ack     string
		ok      bool
	}{
		"an event of the common topic":     {`{"type":"tick","id":"","payload":{}}`, word{topic: "tick"}, "", true},
		"an event of a room":               {`{"type":"room","id":"0000001f","payload":{}}`, word{topic: "room:0000001f"}, "", true},
		"a subscription":                   {`{"type":"__subscribe","id":"","payload":{"topic":"tick"}}`, word{kind: wordSubscribe, topic: "tick"}, "", true},
		"a subscription that wants an ack": {`{"type":"__subscribe","id":"s","payload":{"topic":"tick"}}`, word{kind: wordSubscribe, topic: "tick"}, `{"type":"__ack","id":"s","payload":{"topics":["tick"]}}`, true},
		"the end of one":                   {`{"type":"__unsubscribe","id":"","payload":{"topic":"tick"}}`, word{kind: wordUnsubscribe, topic: "tick"}, "", true},
		"nothing else":                     {`hello`, word{}, "", false},
		"no room without its number":       {`{"type":"room","id":"`, word{}, "", false},
		"no broken control event":          {`{"type":"__subscribe","id":`, word{}, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := listen([]byte(c.message))
			if got.kind != c.want.kind || got.topic != c.want.topic || string(got.ack) != c.ack || ok != c.ok {
				t.Errorf("got %+v with ack %q, %v, want %+v with %q, %v", got, got.ack, ok, c.want, c.ack, c.ok)
			}
		})
	}
}

func TestRoomsReachOthersOnly(t *testing.T) {
	r := newRooms[string]()
	for _, member := range []string{"a", "b", "c"} {
		r.obey(word{kind: wordSubscribe, topic: "tick"}, member)
	}
	r.obey(word{kind: wordUnsubscribe, topic: "tick"}, "b")
	r.obey(word{kind: wordSubscribe, topic: "tick"}, "a")
	var got []string
	r.others("tick", "a", func(member string) { got = append(got, member) })
	if len(got) != 1 || got[0] != "c" {
		t.Errorf("got %v, want c alone", got)
	}
	r.drop("a")
	r.drop("c")
	if len(r.members) != 0 {
		t.Errorf("got rooms %v after everybody left, want none", r.members)
	}
}

func TestEveryPeerHasAVersion(t *testing.T) {
	if _, err := Version("nobody"); err == nil {
		t.Error("got no error for an unknown peer")
	}
}
