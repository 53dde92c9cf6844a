package event

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestAPresenceAckIsAnAck(t *testing.T) {
	for name, c := range map[string]struct {
		users []Member
		more  bool
		want  string
	}{
		"of nobody":              {nil, false, `{"type":"__ack","id":"1","payload":{"topic":"room:7","users":[]}}`},
		"of one user":            {[]Member{{"alice", 2}}, false, `{"type":"__ack","id":"1","payload":{"topic":"room:7","users":[{"user":"alice","connections":2}]}}`},
		"of the first of many":   {[]Member{{"alice", 2}, {`a"b`, 1}}, true, `{"type":"__ack","id":"1","payload":{"topic":"room:7","users":[{"user":"alice","connections":2},{"user":"a\"b","connections":1}],"more":true}}`},
		"of nobody yet, of many": {nil, true, `{"type":"__ack","id":"1","payload":{"topic":"room:7","users":[],"more":true}}`},
	} {
		t.Run(name, func(t *testing.T) {
			message := AppendPresenceAck([]byte("before"), []byte("1"), "room:7", c.users, c.more)[len("before"):]
			if string(message) != c.want {
				t.Errorf("got %s, want %s", message, c.want)
			}
			ack, err := ParseAck(message)
			if err != nil || ack.ID != "1" || ack.Topic != "room:7" || !slices.Equal(ack.Users, c.users) || ack.More != c.more || ack.Topics != nil || ack.Positions != nil {
				t.Errorf("got %+v and %v, want the users %v and more %v", ack, err, c.users, c.more)
			}
		})
	}
}

func TestPresenceAcksAreParsed(t *testing.T) {
	for name, payload := range map[string]string{
		"but not of users that are no array":    `{"topic":"a","users":{"alice":1}}`,
		"but not of users that are no objects":  `{"topic":"a","users":["alice"]}`,
		"but not of a user that is a number":    `{"topic":"a","users":[{"user":1,"connections":1}]}`,
		"but not of connections that are text":  `{"topic":"a","users":[{"user":"alice","connections":"1"}]}`,
		"but not of a topic that is an array":   `{"topic":["a"],"users":[]}`,
		"but not of nobody without a topic":     `{"users":[]}`,
		"but not with more that is a number":    `{"topic":"a","users":[],"more":1}`,
		"but not with users without a topic":    `{"users":[{"user":"alice","connections":1}]}`,
		"but not with more without a topic":     `{"more":true}`,
		"but not with a topic that isn't valid": `{"topic":"a:","users":[]}`,
	} {
		t.Run(name, func(t *testing.T) {
			if ack, err := ParseAck([]byte(`{"type":"__ack","id":"1","payload":` + payload + `}`)); faultIn(err) != FaultAnswer {
				t.Errorf("got %+v and %v, want %v", ack, err, FaultAnswer)
			}
		})
	}
}

func TestAPresenceIsAnEvent(t *testing.T) {
	for name, c := range map[string]struct {
		join, leave []string
		want        string
	}{
		"of users who join and leave": {[]string{"alice", `a"b`}, []string{"bob"}, `{"type":"__presence","id":"","payload":{"topic":"room:7","join":["alice","a\"b"],"leave":["bob"]}}`},
		"of a user who joins":         {[]string{"alice"}, nil, `{"type":"__presence","id":"","payload":{"topic":"room:7","join":["alice"]}}`},
		"of users who leave":          {nil, []string{"bob", "eve"}, `{"type":"__presence","id":"","payload":{"topic":"room:7","leave":["bob","eve"]}}`},
		"of no change":                {nil, nil, `{"type":"__presence","id":"","payload":{"topic":"room:7"}}`},
	} {
		t.Run(name, func(t *testing.T) {
			message := AppendPresence([]byte("before"), "room:7", c.join, c.leave)[len("before"):]
			if string(message) != c.want {
				t.Errorf("got %s, want %s", message, c.want)
			}
			got, err := ParsePresence(message)
			if err != nil || got.Topic != "room:7" || !slices.Equal(got.Join, c.join) || !slices.Equal(got.Leave, c.leave) {
				t.Errorf("got %+v and %v, want %v to join and %v to leave", got, err, c.join, c.leave)
			}
		})
	}
}

func TestPresencesAreParsed(t *testing.T) {
	for name, c := range map[string]struct {
		message string
		fault   Fault
	}{
		"with what is yet unknown":    {`{"type":"__presence","payload":{"idle":["eve"],"topic":"a","join":[]}}`, 0},
		"but not without a topic":     {`{"type":"__presence","payload":{"join":["alice"]}}`, FaultAnswer},
		"but not of a bad topic":      {`{"type":"__presence","payload":{"topic":"__a","join":["alice"]}}`, FaultAnswer},
		"but not of a text":           {`{"type":"__presence","payload":{"topic":"a","join":"alice"}}`, FaultAnswer},
		"but not of numbers":          {`{"type":"__presence","payload":{"topic":"a","leave":[1]}}`, FaultAnswer},
		"but not an ack":              {`{"type":"__ack","payload":{"topic":"a","join":["alice"]}}`, FaultAnswer},
		"but not without its payload": {`{"type":"__presence"}`, FaultAnswer},
		"but not of no JSON":          {`{"type":"__presence"`, FaultSyntax},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := ParsePresence([]byte(c.message)); faultIn(err) != c.fault {
				t.Errorf("got %+v and %v, want %v", got, err, c.fault)
			}
		})
	}
}

func TestAQuestionForPresenceNamesTopics(t *testing.T) {
	var view View
	mustParse(t, &view, `{"type":"__presence","id":"1","payload":{"topics":["room:7","room:8"]}}`)
	count, err := view.CountTopics(5)
	if topics := texts(allTopics(t, &view)); view.Control() != Presence || count != 2 || err != nil || !slices.Equal(topics, []string{"room:7", "room:8"}) {
		t.Errorf("got the kind %d, %d topics %q and %v, want %d and both rooms", view.Control(), count, topics, err, Presence)
	}
}

func FuzzPresence(f *testing.F) {
	f.Add([]byte(`{"type":"__presence","id":"","payload":{"topic":"room:7","join":["alice"],"leave":["bob"]}}`), "room:7", "alice\x00bob", 1, true)
	f.Add([]byte(`{"type":"__ack","id":"1","payload":{"topic":"room:7","users":[{"user":"\ud83d","connections":2}],"more":true}}`), "a", "a\"b\x00\\", -1, false)
	f.Fuzz(func(t *testing.T, message []byte, topic, names string, connections int, more bool) {
		if p, err := ParsePresence(message); err == nil {
			again, err := ParsePresence(AppendPresence(nil, p.Topic, p.Join, p.Leave))
			if err != nil || again.Topic != p.Topic || !slices.Equal(again.Join, p.Join) || !slices.Equal(again.Leave, p.Leave) {
				t.Fatalf("%q: got %+v and %v written and read again, want %+v", message, again, err, p)
			}
		}
		users := strings.Split(names, "\x00")
		names = strings.ToValidUTF8(names, "?")
		if !ValidTopic([]byte(topic)) || strings.Join(users, "\x00") != names {
			return
		}
		p, err := ParsePresence(AppendPresence(nil, topic, users, users[1:]))
		if err != nil || p.Topic != topic || !slices.Equal(p.Join, users) || !slices.Equal(p.Leave, users[1:]) {
			t.Fatalf("got %+v and %v, want %q to join %q", p, err, users, topic)
		}
		var members []Member
		for i, user := range users {
			members = append(members, Member{user, connections + i})
		}
		ack, err := ParseAck(AppendPresenceAck(nil, []byte(fmt.Sprint(connections)), topic, members, more))
		if err != nil || ack.ID != fmt.Sprint(connections) || ack.Topic != topic || !slices.Equal(ack.Users, members) || ack.More != more {
			t.Fatalf("got %+v and %v, want %v of %q", ack, err, members, topic)
		}
	})
}
