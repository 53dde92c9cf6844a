package fanout_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

func TestRelayReachesTheOtherSubscribersAndNotTheSender(t *testing.T) {
	t.Parallel()
	eachEntry(t, func(fanout.Engine) fanout.Config { return fanout.Config{Relay: true} }, func(t *testing.T, h *testHub, sender *client) {
		sender.subscribe("t", "t:1")
		var others []*client
		for range 4 {
			c, _ := h.join()
			others = append(others, c.subscribe("t"))
		}
		bystander, _ := h.join()
		bystander.subscribe("u")
		sender.text(envelope("t", "1", `{ "a" : [1, 2.50, "\u0041"] }`))
		for _, c := range others {
			c.wants(envelope("t", "1", `{ "a" : [1, 2.50, "\u0041"] }`))
		}
		sender.sync()
		bystander.sync()
		st := h.hub.Stats()
		expect(t, "deliveries", st.Deliveries, uint64(len(others)))
		expect(t, "relayed", st.EventsRelayed, 1)
	})
}

func TestRelayIsOffUnlessTheEmbedderSaysSo(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine})
		end := h.hear("t")
		other, _ := h.join()
		other.subscribe("t")
		c, _ := h.join()
		c.text(envelope("t", "", "0"))
		receive(t, end, "the event")
		other.sync()
		expect(t, "deliveries", h.hub.Stats().Deliveries, 0)
	})
}

func TestRelayComesAfterTheHubsListenersAreScheduled(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine, Relay: true})
		heard := h.hear("t")
		other, _ := h.join()
		other.subscribe("t")
		c, _ := h.join()
		const events = 500
		go func() {
			for i := range events {
				_, _ = c.conn.Write(clientFrame(fin|opText, envelope("t", "", strconv.Itoa(i))))
			}
		}()
		for i := range events {
			other.wants(envelope("t", "", strconv.Itoa(i)))
			expect(t, "heard", receive(t, heard, "the event"), "t  "+strconv.Itoa(i))
		}
	})
}

func TestRelayFromAListenerReachesAllButTheSender(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine})
		h.listen("t", func(s *fanout.Spoke, e event.Event) {
			e.ID = "changed"
			expect(t, "answer", h.hub.Relay(s, e), true)
		})
		var clients []*client
		for range 4 {
			c, _ := h.join()
			clients = append(clients, c.subscribe("t"))
		}
		clients[0].text(envelope("t", "", `"x"`))
		for _, c := range clients[1:] {
			c.wants(envelope("t", "changed", `"x"`))
		}
		clients[0].sync()
		expect(t, "deliveries", h.hub.Stats().Deliveries, 3)
	})
}

func TestRelayOfOneSpokeReachesEachSubscriberInOrder(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine, Relay: true, Reactors: 3})
		var readers []*client
		for range 6 {
			c, _ := h.join()
			readers = append(readers, c.subscribe("t"))
		}
		sender, _ := h.join()
		const events = 2000
		go func() {
			for i := range events {
				_, _ = sender.conn.Write(clientFrame(fin|opText, envelope("t", "", strconv.Itoa(i))))
			}
		}()
		for i := range events {
			for _, c := range readers {
				c.wants(envelope("t", "", strconv.Itoa(i)))
			}
		}
	})
}

func TestRelayOfAnEventLongerThanAQueueEndsItsSenderAndNobodyElse(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine, Relay: true, QueueLimit: 64 << 10, MaxMessage: 1 << 20})
		sender, _ := h.join()
		receiver, _ := h.join()
		receiver.subscribe("long")
		sender.text(envelope("long", "", jsonOf(strings.Repeat("x", 70<<10))))
		if _, reason := sender.closedWith(1009); reason == "" {
			t.Errorf("got no reason with 1009, want one")
		}
		h.hub.DispatchEvent(event.Event{Type: "long", Payload: []byte("1")})
		receiver.wants(envelope("long", "", "1"))
	})
}

func TestRelayOfAnEventLongerThanMaxEventEndsItsSenderWhereItHasReceivers(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine, Relay: true, MaxEvent: 1000})
		sender, _ := h.join()
		receiver, _ := h.join()
		receiver.subscribe("t")
		payload := jsonOf(strings.Repeat("x", 996))
		sender.text(envelope("t", "1", payload), envelope("nobody", "", payload))
		receiver.wants(envelope("t", "1", payload))
		sender.text(envelope("t", "12", payload))
		if _, reason := sender.closedWith(1009); reason == "" {
			t.Errorf("got no reason with 1009, want one")
		}
		h.hub.DispatchEvent(event.Event{Type: "t", ID: "123", Payload: []byte(payload)})
		receiver.wants(envelope("t", "123", payload))
	})
}
