package fanout_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

func TestRelayReachesTheOtherSubscribersAndNotTheSender(t *testing.T) {
	eachEntry(t, func(fanout.Engine) fanout.Config { return fanout.Config{Relay: true} }, func(t *testing.T, r *rig, sender *client) {
		sender.subscribe("t", "t:1")
		var others []*client
		for range 4 {
			c, _ := r.join()
			others = append(others, c.subscribe("t"))
		}
		bystander, _ := r.join()
		bystander.subscribe("u")
		sender.text(envelope("t", "1", `{ "a" : [1, 2.50, "\u0041"] }`))
		for _, c := range others {
			c.wants(envelope("t", "1", `{ "a" : [1, 2.50, "\u0041"] }`))
		}
		sender.sync()
		bystander.sync()
		st := r.hub.Stats()
		expect(t, "deliveries", st.Deliveries, uint64(len(others)))
		expect(t, "relayed", st.EventsRelayed, 1)
	})
}

func TestRelayIsOffUnlessTheEmbedderSaysSo(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		r := newRig(t, fanout.Config{Engine: engine})
		end := r.hear("t")
		other, _ := r.join()
		other.subscribe("t")
		c, _ := r.join()
		c.text(envelope("t", "", "0"))
		receive(t, end, "the event")
		other.sync()
		expect(t, "deliveries", r.hub.Stats().Deliveries, 0)
	})
}

func TestRelayComesAfterTheHubsListenersAreScheduled(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		r := newRig(t, fanout.Config{Engine: engine, Relay: true})
		heard := r.hear("t")
		other, _ := r.join()
		other.subscribe("t")
		c, _ := r.join()
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
		r := newRig(t, fanout.Config{Engine: engine})
		r.listen("t", func(s *fanout.Spoke, e event.Event) {
			e.ID = "changed"
			expect(t, "answer", r.hub.Relay(s, e), true)
		})
		var clients []*client
		for range 4 {
			c, _ := r.join()
			clients = append(clients, c.subscribe("t"))
		}
		clients[0].text(envelope("t", "", `"x"`))
		for _, c := range clients[1:] {
			c.wants(envelope("t", "changed", `"x"`))
		}
		clients[0].sync()
		expect(t, "deliveries", r.hub.Stats().Deliveries, 3)
	})
}

func TestRelayOfOneSpokeReachesEachSubscriberInOrder(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		r := newRig(t, fanout.Config{Engine: engine, Relay: true, Reactors: 3})
		var readers []*client
		for range 6 {
			c, _ := r.join()
			readers = append(readers, c.subscribe("t"))
		}
		sender, _ := r.join()
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
		r := newRig(t, fanout.Config{Engine: engine, Relay: true, QueueLimit: 64 << 10, MaxMessage: 1 << 20})
		sender, _ := r.join()
		receiver, _ := r.join()
		receiver.subscribe("long")
		sender.text(envelope("long", "", jsonOf(strings.Repeat("x", 70<<10))))
		if _, reason := sender.closedWith(1009); reason == "" {
			t.Errorf("got no reason with 1009, want one")
		}
		r.hub.DispatchEvent(event.Event{Type: "long", Payload: []byte("1")})
		receiver.wants(envelope("long", "", "1"))
	})
}
