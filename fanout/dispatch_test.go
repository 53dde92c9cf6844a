package fanout_test

import (
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

func TestPromise4DispatchReachesSubscribersOnly(t *testing.T) {
	eachEntry(t, plain, func(t *testing.T, h *testHub, c *client) {
		c.subscribe("news")
		bystander, _ := h.join()
		bystander.subscribe("weather")
		expect(t, "answer", h.hub.DispatchEvent(event.Event{Type: "news", ID: "1", Payload: []byte(`{"a": 1}`)}), true)
		c.wants(envelope("news", "1", `{"a": 1}`))
		c.sync()
		bystander.sync()
		st := h.hub.Stats()
		expect(t, "deliveries", st.Deliveries, 1)
		expect(t, "delivered", st.Delivered, 1)
	})
}

func TestPromise4TopicsMatchByTypeOrByTypeAndID(t *testing.T) {
	for name, match := range map[string]struct {
		topics []string
		e      event.Event
		want   int
	}{
		"a type matches every id":            {[]string{"t"}, event.Event{Type: "t", ID: "9"}, 1},
		"a type matches an empty id":         {[]string{"t"}, event.Event{Type: "t"}, 1},
		"a type and id match that id":        {[]string{"t:1"}, event.Event{Type: "t", ID: "1"}, 1},
		"a type and id match no other id":    {[]string{"t:1"}, event.Event{Type: "t", ID: "2"}, 0},
		"a type and id match no empty id":    {[]string{"t:1"}, event.Event{Type: "t"}, 0},
		"both at once give one copy":         {[]string{"t", "t:1"}, event.Event{Type: "t", ID: "1"}, 1},
		"an id may have colons":              {[]string{"t:a:b"}, event.Event{Type: "t", ID: "a:b"}, 1},
		"a topic is split at the first":      {[]string{"t:a"}, event.Event{Type: "t", ID: "a:b"}, 0},
		"another type does not match":        {[]string{"t", "t:1"}, event.Event{Type: "tt", ID: "1"}, 0},
		"a type of 256 bytes and as long id": {[]string{strings.Repeat("t", 256) + ":" + strings.Repeat("i", 256)}, event.Event{Type: strings.Repeat("t", 256), ID: strings.Repeat("i", 256)}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(t *testing.T, engine fanout.Engine) {
				h := newTestHub(t, fanout.Config{Engine: engine})
				var clients []*client
				for range 3 {
					c, _ := h.join()
					clients = append(clients, c.subscribe(match.topics...))
				}
				h.hub.DispatchEvent(match.e)
				for _, c := range clients {
					for range match.want {
						c.wants(envelope(match.e.Type, match.e.ID, "null"))
					}
					c.sync()
				}
				expect(t, "deliveries", h.hub.Stats().Deliveries, uint64(3*match.want))
			})
		})
	}
}

func TestPromise4DispatchAlwaysReturnsTrue(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine})
		c, spoke := h.join()
		c.subscribe("t")
		invalid := []event.Event{
			{}, {Type: "__ack"}, {Type: "a:b"}, {Type: "a\x00"}, {Type: strings.Repeat("x", 257)}, {Type: "\xff"},
			{Type: "t", ID: "\n"}, {Type: "t", ID: strings.Repeat("x", 257)}, {Type: "t", Payload: []byte("{")},
			{Type: "t", Payload: []byte(`{"a":1,"a":2}`)}, {Type: "t", Payload: []byte("1 2")},
		}
		for _, e := range invalid {
			expect(t, "answer to "+e.Type, h.hub.DispatchEvent(e), true)
			expect(t, "spoke's answer to "+e.Type, spoke.DispatchEvent(e), true)
			expect(t, "relay's answer to "+e.Type, h.hub.Relay(spoke, e), true)
		}
		c.sync()
		st := h.hub.Stats()
		expect(t, "invalid events", st.EventsInvalid, uint64(3*len(invalid)))
		expect(t, "deliveries", st.Deliveries, 0)
		if h.log.count("DEBUG", "event not dispatched") == 0 {
			t.Error("got no log line at debug level about an invalid event, want some")
		}
		h.cut()
		expect(t, "answer after the end", h.hub.DispatchEvent(event.Event{Type: "t"}), true)
		expect(t, "spoke's answer after the end", spoke.DispatchEvent(event.Event{Type: "t"}), true)
	})
}

func TestPromise4DispatchDoesNotWaitForTheNetwork(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine, QueueLimit: 256 << 20})
		stalled, _ := h.join()
		stalled.subscribe("bulk")
		healthy, _ := h.join()
		healthy.subscribe("small")
		payload := []byte(`"` + strings.Repeat("x", 1<<20) + `"`)
		for range 20 {
			h.hub.DispatchEvent(event.Event{Type: "bulk", Payload: payload})
		}
		h.hub.DispatchEvent(event.Event{Type: "small"})
		healthy.wants(envelope("small", "", "null"))
		if h.hub.Stats().Queued == 0 {
			t.Error("got nothing queued, want the stalled connection to hold events up")
		}
	})
}

func TestPromise4ASpokesOwnDispatchReachesItAlone(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine})
		one, spoke := h.join()
		other, _ := h.join()
		other.subscribe("t")
		spoke.DispatchEvent(event.Event{Type: "t", ID: "1", Payload: []byte(`"for one"`)})
		one.wants(envelope("t", "1", `"for one"`))
		other.sync()
		expect(t, "deliveries", h.hub.Stats().Deliveries, 1)
	})
}

func TestPromise6EventsOfOneGoroutineReachEachSpokeInOrder(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine, QueueLimit: 64 << 20})
		const spokes, dispatchers, events = 6, 3, 1500
		var clients []*client
		for range spokes {
			c, _ := h.join()
			clients = append(clients, c.subscribe("0", "1", "2", "0:7", "1:8"))
		}
		var all sync.WaitGroup
		for d := range dispatchers {
			all.Go(func() {
				for i := range events {
					h.hub.DispatchEvent(event.Event{Type: strconv.Itoa(d), ID: strconv.Itoa(i % 10), Payload: []byte(strconv.Itoa(i))})
				}
			})
		}
		for _, c := range clients {
			all.Go(func() {
				var next [dispatchers]int
				for range dispatchers * events {
					e, err := event.Parse([]byte(c.message()))
					if err != nil {
						t.Errorf("parse: %v", err)
						return
					}
					from, _ := strconv.Atoi(e.Type)
					if got, want := string(e.Payload), strconv.Itoa(next[from]); got != want {
						t.Errorf("got event %s of dispatcher %d, want %s", got, from, want)
						return
					}
					next[from]++
				}
			})
		}
		all.Wait()
		expect(t, "delivered", h.hub.Stats().Delivered, spokes*dispatchers*events)
	})
}

func TestPromise6EventsOfOneSpokeReachEachListenerInOrder(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine})
		byType, byID := h.hear("t"), h.hear("t:1")
		c, _ := h.join()
		const events = 3000
		go func() {
			var batch []byte
			for i := range events {
				batch = append(batch, clientFrame(fin|opText, envelope("t", strconv.Itoa(i%2), strconv.Itoa(i)))...)
			}
			_, _ = c.conn.Write(batch)
		}()
		for i := range events {
			expect(t, "heard by type", receive(t, byType, "an event"), "t "+strconv.Itoa(i%2)+" "+strconv.Itoa(i))
			if i%2 == 1 {
				expect(t, "heard by type and id", receive(t, byID, "an event"), "t 1 "+strconv.Itoa(i))
			}
		}
	})
}

func TestPromise6ControlEventsTakeEffectInTheirPlace(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		for name, onSubscribe := range map[string]func(*fanout.Spoke, string) error{
			"without OnSubscribe": nil,
			"with OnSubscribe":    func(*fanout.Spoke, string) error { return nil },
		} {
			t.Run(name, func(t *testing.T) {
				held := make(chan int, 100)
				h := newTestHub(t, fanout.Config{Engine: engine, OnSubscribe: onSubscribe})
				h.listen("probe", func(s *fanout.Spoke, _ event.Event) { held <- len(s.Subscriptions()) })
				c, _ := h.join()
				const rounds = 20
				for range rounds {
					c.text(
						envelope("probe", "", "0"),
						envelope("__subscribe", "", `{"topic":"a"}`),
						envelope("probe", "", "1"),
						envelope("__subscribe", "", `{"topics":["b","a"]}`),
						envelope("probe", "", "2"),
						envelope("__unsubscribe", "", `{"topics":["a","b"]}`),
					)
				}
				for range rounds {
					for want := range 3 {
						expect(t, "topics held", receive(t, held, "a probe"), want)
					}
				}
			})
		}
	})
}
