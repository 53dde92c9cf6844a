package fanout_test

import (
	"errors"
	"net"
	"strconv"
	"testing"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

func TestSubscribeByTheServerIsInForceOnReturn(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine, MaxTopics: 1000, OnSubscribe: func(*fanout.Spoke, string) error { return errors.New("not asked") }})
		c, spoke := h.join()
		fanout.Become(spoke, may(t, "ada", "", ""))
		for i := range 100 {
			topic := "t:" + strconv.Itoa(i)
			for _, change := range []func(...string) error{spoke.Subscribe, spoke.Subscribe, spoke.Unsubscribe, spoke.Unsubscribe, spoke.Subscribe} {
				if err := change(topic); err != nil {
					t.Fatal(err)
				}
			}
			h.hub.DispatchEvent(event.Event{Type: "t", ID: strconv.Itoa(i)})
			c.wants(envelope("t", strconv.Itoa(i), "null"))
			if err := spoke.Unsubscribe(topic); err != nil {
				t.Fatal(err)
			}
			h.hub.DispatchEvent(event.Event{Type: "t", ID: strconv.Itoa(i)})
		}
		var many []string
		for i := range 1000 {
			many = append(many, strconv.Itoa(i))
		}
		if err := spoke.Subscribe(many...); err != nil {
			t.Fatal(err)
		}
		expect(t, "topics held", len(spoke.Subscriptions()), 1000)
		c.sync()
		expect(t, "deliveries", h.hub.Stats().Deliveries, 100)
	})
}

func TestSubscribeByTheServerFails(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine, MaxTopics: 3})
		c, spoke := h.join()
		for topic, want := range map[string]error{"": event.FaultTypeMissing, "a:": event.FaultIDEmpty, "__x": event.FaultTypeReserved} {
			for _, change := range []func(...string) error{spoke.Subscribe, spoke.Unsubscribe} {
				if err := change("fine", topic); err == nil || !errors.As(err, new(event.Fault)) {
					t.Errorf("got %v for %q, want %v", err, topic, want)
				}
			}
		}
		expect(t, "topics held", len(spoke.Subscriptions()), 0)
		if err := spoke.Subscribe("a", "b", "a", "c", "d", "e"); !errors.Is(err, fanout.ErrTopicLimit) {
			t.Errorf("got %v, want ErrTopicLimit", err)
		}
		expect(t, "topics held", len(spoke.Subscriptions()), 3)
		c.conn.Close()
		receive(t, h.gone, "OnDisconnection")
		for _, topics := range [][]string{{"a"}, nil} {
			if err := spoke.Subscribe(topics...); !errors.Is(err, fanout.ErrNotConnected) {
				t.Errorf("got %v of Subscribe, want ErrNotConnected", err)
			}
			if err := spoke.Unsubscribe(topics...); !errors.Is(err, fanout.ErrNotConnected) {
				t.Errorf("got %v of Unsubscribe, want ErrNotConnected", err)
			}
		}
		h.cut()
		if err := spoke.Subscribe("a"); !errors.Is(err, fanout.ErrNotConnected) {
			t.Errorf("got %v after Shutdown, want ErrNotConnected", err)
		}
	})
}

func TestSubscribeInOnConnectionComesBeforeAllThatTheSpokeSends(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		var hub *fanout.Hub
		h := newTestHub(t, fanout.Config{Engine: engine, OnConnection: func(s *fanout.Spoke, _ net.Conn) {
			if err := s.Subscribe("welcome"); err != nil {
				t.Error(err)
			}
			hub.DispatchEvent(event.Event{Type: "welcome"})
		}})
		hub = h.hub
		c, _ := h.join()
		c.text(envelope("__unsubscribe", "1", `{"topic":"welcome"}`))
		c.wants(envelope("welcome", "", "null"), ack("1", "welcome"))
	})
}
