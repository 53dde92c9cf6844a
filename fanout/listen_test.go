package fanout_test

import (
	"strconv"
	"testing"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

func TestPromise5LocalListenersGetTheAggregateOfAllSpokes(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine})
		heard := h.hear("t")
		want := map[string]bool{}
		for i := range 5 {
			c, _ := h.join()
			c.text(envelope("t", "", strconv.Itoa(i)), envelope("other", "", "0"))
			want["t  "+strconv.Itoa(i)] = true
		}
		for range 5 {
			got := receive(t, heard, "an event")
			if !want[got] {
				t.Errorf("heard %q, want one of %v", got, want)
			}
			delete(want, got)
		}
	})
}

func TestPromise5AListenerHearsItsTopicAlone(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine})
		byType, byID, end := h.hear("t"), h.hear("t:1"), h.hear("end")
		c, _ := h.join()
		c.text(envelope("t", "", "0"), envelope("t", "1", "1"), envelope("t", "2", "2"), envelope("u", "1", "3"), envelope("end", "", "0"))
		receive(t, end, "the end")
		for _, want := range []string{"t  0", "t 1 1", "t 2 2"} {
			expect(t, "heard by type", receive(t, byType, want), want)
		}
		expect(t, "heard by type and id", receive(t, byID, "t:1"), "t 1 1")
		expect(t, "more heard", len(byType)+len(byID), 0)
	})
}

func TestPromise5ASpokesOwnListenerHearsThatSpokeAlone(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine})
		end := h.hear("end")
		mine := make(chan string, 10)
		c, spoke := h.join()
		other, _ := h.join()
		remove, err := spoke.AddEventListener("t", func(s *fanout.Spoke, e event.Event) {
			expect(t, "spoke", s, spoke)
			mine <- textOf(e)
		})
		if err != nil {
			t.Fatal(err)
		}
		other.text(envelope("t", "", `"not mine"`), envelope("end", "", "0"))
		receive(t, end, "the other's end")
		c.text(envelope("t", "1", `"mine"`), envelope("end", "", "0"))
		receive(t, end, "the end")
		expect(t, "heard", receive(t, mine, "the event"), `t 1 "mine"`)
		remove()
		c.text(envelope("t", "2", "0"), envelope("end", "", "0"))
		receive(t, end, "the end")
		expect(t, "heard after the removal", len(mine), 0)
	})
}

func TestPromise5ADispatchedEventIsNotHandedBackToLocalListeners(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		seen := make(chan string, 10)
		h := newTestHub(t, fanout.Config{Engine: engine, OnEvent: func(_ *fanout.Spoke, e event.Event) { seen <- e.Type }})
		heard, end := h.hear("t"), h.hear("end")
		c, spoke := h.join()
		c.subscribe("t")
		h.hub.DispatchEvent(event.Event{Type: "t"})
		spoke.DispatchEvent(event.Event{Type: "t"})
		h.hub.Relay(nil, event.Event{Type: "t"})
		c.wants(envelope("t", "", "null"), envelope("t", "", "null"), envelope("t", "", "null"))
		c.text(envelope("end", "", "0"))
		receive(t, end, "the end")
		expect(t, "heard", len(heard), 0)
		expect(t, "seen by OnEvent", receive(t, seen, "the end"), "end")
		expect(t, "more seen", len(seen), 0)
	})
}

func TestPromise5RemovalTakesOneListenerAway(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine})
		heard := make(chan string, 10)
		add := func(name, topic string) func() {
			return h.listen(topic, func(_ *fanout.Spoke, e event.Event) { heard <- name + string(e.Payload) })
		}
		first, second, third := add("first", "t"), add("second", "t"), add("third", "t:1")
		c, _ := h.join()
		say := func(payload string, want ...string) {
			t.Helper()
			c.text(envelope("t", "1", payload))
			for _, w := range want {
				expect(t, "heard", receive(t, heard, w), w+payload)
			}
		}
		say("1", "first", "second", "third")
		first()
		first()
		say("2", "second", "third")
		third()
		say("3", "second")
		second()
		end := h.hear("t")
		say("4")
		receive(t, end, "the end")
		expect(t, "heard after all removals", len(heard), 0)
	})
}

func TestPromise5OnEventSeesEveryEventAheadOfListeners(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		order := make(chan string, 10)
		h := newTestHub(t, fanout.Config{Engine: engine, OnEvent: func(_ *fanout.Spoke, e event.Event) { order <- "OnEvent " + e.Type }})
		h.listen("t", func(*fanout.Spoke, event.Event) { order <- "listener" })
		c, spoke := h.join()
		if _, err := spoke.AddEventListener("t", func(*fanout.Spoke, event.Event) { order <- "own" }); err != nil {
			t.Fatal(err)
		}
		c.text(envelope("t", "", "0"), envelope("unheard", "", "0"))
		for _, want := range []string{"OnEvent t", "own", "listener", "OnEvent unheard"} {
			expect(t, "next", receive(t, order, want), want)
		}
	})
}

func TestListenersAreRefusedForWhatIsNoTopic(t *testing.T) {
	h := newTestHub(t, fanout.Config{})
	_, spoke := h.join()
	for _, topic := range []string{"", ":", "a:", ":a", "__subscribe", "a\n", "\xff"} {
		if _, err := h.hub.AddEventListener(topic, func(*fanout.Spoke, event.Event) {}); err == nil {
			t.Errorf("topic %q: got no error from the hub, want one", topic)
		}
		if _, err := spoke.AddEventListener(topic, func(*fanout.Spoke, event.Event) {}); err == nil {
			t.Errorf("topic %q: got no error from the spoke, want one", topic)
		}
	}
	if _, err := h.hub.AddEventListener("a", nil); err == nil {
		t.Error("got no error for no function, want one")
	}
}
