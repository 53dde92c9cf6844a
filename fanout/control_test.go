package fanout_test

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

func ack(id string, topics ...string) string {
	if topics == nil {
		topics = []string{}
	}
	return envelope("__ack", id, jsonOf(map[string]any{"topics": topics}))
}

func reject(id, topic, reason string) string {
	return envelope("__reject", id, fmt.Sprintf(`{"topic":%s,"reason":%q}`, jsonOf(topic), reason))
}

func TestControlEvents(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 257)
	for name, c := range map[string]struct {
		sent    []string
		answers []string
		held    int
		bad     uint64
	}{
		"subscribe adds":                          {[]string{envelope("__subscribe", "1", `{"topic":"a"}`)}, []string{ack("1", "a")}, 1, 0},
		"subscribe twice is once":                 {[]string{envelope("__subscribe", "1", `{"topic":"a"}`), envelope("__subscribe", "2", `{"topic":"a"}`)}, []string{ack("1", "a"), ack("2", "a")}, 1, 0},
		"unsubscribe removes":                     {[]string{envelope("__subscribe", "", `{"topics":["a","b"]}`), envelope("__unsubscribe", "2", `{"topic":"a"}`)}, []string{ack("2", "a")}, 1, 0},
		"unsubscribe without being subscribed":    {[]string{envelope("__unsubscribe", "3", `{"topics":["a","b:c"]}`)}, []string{ack("3", "a", "b:c")}, 0, 0},
		"an empty id is not answered":             {[]string{envelope("__subscribe", "", `{"topic":"a"}`), envelope("__unsubscribe", "", `{"topic":"b"}`)}, nil, 1, 0},
		"a missing id is not answered":            {[]string{`{"type":"__subscribe","payload":{"topic":"a"}}`}, nil, 1, 0},
		"members in any order":                    {[]string{`{"payload":{"topic":"a"},"id":"7","type":"__subscribe","extra":[{}]}`}, []string{ack("7", "a")}, 1, 0},
		"topics stands instead of topic":          {[]string{envelope("__subscribe", "1", `{"topics":["a","b","a:1"]}`)}, []string{ack("1", "a", "b", "a:1")}, 3, 0},
		"no topics at all":                        {[]string{envelope("__subscribe", "1", `{"topics":[]}`)}, []string{ack("1")}, 0, 0},
		"an invalid topic is ignored":             {[]string{envelope("__subscribe", "", `{"topic":""}`), envelope("__subscribe", "", `{"topic":"a:"}`)}, nil, 0, 2},
		"an invalid topic is rejected with an id": {[]string{envelope("__subscribe", "1", `{"topic":":a"}`)}, []string{reject("1", ":a", "invalid_topic")}, 0, 1},
		"a reserved topic is rejected":            {[]string{envelope("__subscribe", "1", `{"topic":"__ack"}`)}, []string{reject("1", "__ack", "invalid_topic")}, 0, 1},
		"a topic with a control character":        {[]string{envelope("__subscribe", "1", `{"topic":"a\u0007"}`)}, []string{reject("1", "a\a", "invalid_topic")}, 0, 1},
		"a type too long":                         {[]string{envelope("__subscribe", "1", `{"topic":"`+long+`"}`)}, []string{reject("1", long, "invalid_topic")}, 0, 1},
		"unsubscribe of an invalid topic":         {[]string{envelope("__unsubscribe", "1", `{"topic":":"}`)}, []string{reject("1", ":", "invalid_topic")}, 0, 1},
		"bad topics among good ones":              {[]string{envelope("__subscribe", "1", `{"topics":["a","",":","b"]}`)}, []string{reject("1", "", "invalid_topic"), reject("1", ":", "invalid_topic"), ack("1", "a", "b")}, 2, 2},
		"an escaped topic is the same":            {[]string{envelope("__subscribe", "1", `{"topic":"\u0061"}`), envelope("__subscribe", "2", `{"topic":"a"}`)}, []string{ack("1", "a"), ack("2", "a")}, 1, 0},
		"a payload without a topic":               {[]string{envelope("__subscribe", "1", `{}`)}, []string{reject("1", "", "invalid_topic")}, 0, 1},
		"a topic that is no string":               {[]string{envelope("__subscribe", "1", `{"topic":1}`)}, []string{reject("1", "", "invalid_topic")}, 0, 1},
		"a payload that is no object":             {[]string{envelope("__subscribe", "", `"a"`)}, nil, 0, 1},
		"an unknown control event is ignored":     {[]string{envelope("__nonsense", "1", `{"topic":"a"}`), envelope("__ack", "1", `{"topics":["a"]}`)}, nil, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(t *testing.T, engine fanout.Engine) {
				for _, onSubscribe := range []func(*fanout.Spoke, string) error{nil, func(*fanout.Spoke, string) error { return nil }} {
					h := newTestHub(t, fanout.Config{Engine: engine, OnSubscribe: onSubscribe})
					heard := h.hear("end")
					peer, spoke := h.join()
					peer.text(c.sent...)
					peer.text(envelope("end", "", "0"), envelope("__subscribe", "last", `{"topics":[]}`))
					peer.wants(c.answers...)
					peer.wants(ack("last"))
					receive(t, heard, "the end")
					expect(t, "topics held", len(spoke.Subscriptions()), c.held)
					st := h.hub.Stats()
					expect(t, "bad topics", st.BadTopics, c.bad)
					expect(t, "malformed messages", st.Malformed, 0)
					expect(t, "subscriptions", st.Subscriptions, uint64(c.held))
				}
			})
		})
	}
}

func TestControlEventsAreNotDelivered(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		seen := make(chan string, 10)
		h := newTestHub(t, fanout.Config{Engine: engine, Relay: true, OnEvent: func(_ *fanout.Spoke, e event.Event) { seen <- e.Type }})
		other, _ := h.join()
		other.subscribe("a", "end")
		c, _ := h.join()
		c.text(envelope("__subscribe", "", `{"topic":"a"}`), envelope("__nonsense", "", "0"), envelope("__ack", "a", "0"), envelope("end", "", "0"))
		other.wants(envelope("end", "", "0"))
		expect(t, "seen", receive(t, seen, "the end"), "end")
		expect(t, "more seen", len(seen), 0)
		expect(t, "controls", h.hub.Stats().ControlsIn, 2)
	})
}

func TestControlThousandsOfTopicsCostOneMessage(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine, MaxTopics: 5000})
		c, spoke := h.join()
		var topics []string
		for i := range 5000 {
			topics = append(topics, "type"+strconv.Itoa(i)+":id")
		}
		c.subscribe(topics...)
		expect(t, "topics held", len(spoke.Subscriptions()), 5000)
		h.hub.DispatchEvent(event.Event{Type: "type4999", ID: "id"})
		c.wants(envelope("type4999", "id", "null"))
		c.unsubscribe(topics...)
		expect(t, "topics in the index", h.hub.Stats().Topics, 0)
		expect(t, "messages", h.hub.Stats().MessagesIn, 2)
	})
}

func TestControlAcknowledgedTopicsAreInForce(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine})
		c, _ := h.join()
		for i := range 200 {
			topic := strconv.Itoa(i)
			c.subscribe(topic)
			h.hub.DispatchEvent(event.Event{Type: topic})
			c.wants(envelope(topic, "", "null"))
			c.unsubscribe(topic)
			h.hub.DispatchEvent(event.Event{Type: topic})
		}
		expect(t, "deliveries", h.hub.Stats().Deliveries, 200)
	})
}

func TestControlTopicsOverTheLimitAreRejected(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine, MaxTopics: 4})
		c, spoke := h.join()
		c.text(envelope("__subscribe", "0", `{"topics":["a","b","a"]}`))
		c.text(envelope("__subscribe", "1", `{"topics":["c","d","e","a"]}`))
		c.wants(ack("0", "a", "b", "a"), reject("1", "e", "limit"), ack("1", "c", "d", "a"))
		c.text(envelope("__subscribe", "2", `{"topic":"e"}`), envelope("__unsubscribe", "3", `{"topic":"a"}`), envelope("__subscribe", "4", `{"topic":"e"}`))
		c.wants(reject("2", "e", "limit"), ack("3", "a"), ack("4", "e"))
		expect(t, "topics held", len(spoke.Subscriptions()), 4)
		st := h.hub.Stats()
		expect(t, "subscriptions", st.Subscriptions, 4)
		expect(t, "over the limit", st.TopicsOverLimit, 2)
	})
}

func TestControlTopicsThatOnSubscribeRefusesAreForbidden(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine, OnSubscribe: func(s *fanout.Spoke, topic string) error {
			if topic == "panics" {
				panic("no opinion")
			}
			if !strings.HasPrefix(topic, "public") || s.ID() == 0 {
				return errors.New("not public")
			}
			return nil
		}})
		c, spoke := h.join()
		c.text(envelope("__subscribe", "1", `{"topics":["public","secret",":","public:1","panics"]}`), envelope("__unsubscribe", "2", `{"topic":"secret"}`))
		c.wants(reject("1", "secret", "forbidden"), reject("1", ":", "invalid_topic"), reject("1", "panics", "forbidden"), ack("1", "public", "public:1"), ack("2", "secret"))
		expect(t, "topics held", len(spoke.Subscriptions()), 2)
		expect(t, "panics", h.hub.Stats().Panics, 1)
	})
}
