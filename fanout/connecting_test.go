package fanout_test

import (
	"net"
	"strconv"
	"testing"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

func TestPromise1OnConnectionsListenerHearsTheFirstEvent(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		proceed, heard := make(chan struct{}), make(chan string, 10)
		h := newTestHub(t, fanout.Config{Engine: engine, OnConnection: func(s *fanout.Spoke, _ net.Conn) {
			<-proceed
			_, _ = s.AddEventListener("t", func(_ *fanout.Spoke, e event.Event) { heard <- textOf(e) })
		}})
		c, _ := h.join()
		c.text(envelope("t", "1", "0"))
		c.sync()
		close(proceed)
		receive(t, h.connected, "OnConnection")
		c.text(envelope("t", "2", "0"))
		expect(t, "heard", receive(t, heard, "the first event"), "t 1 0")
		expect(t, "heard", receive(t, heard, "the second event"), "t 2 0")
	})
}

func TestPromise1NothingIsRelayedOfASpokeThatOnConnectionTurnsAway(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		gate := make(chan struct{})
		first := true
		h := newTestHub(t, fanout.Config{Engine: engine, Relay: true, OnConnection: func(s *fanout.Spoke, _ net.Conn) {
			if first {
				first = false
				return
			}
			<-gate
			s.Close(1008, "not welcome")
		}})
		subscriber, _ := h.join()
		subscriber.subscribe("t")
		receive(t, h.connected, "OnConnection of the subscriber")
		publisher, _ := h.join()
		publisher.text(envelope("t", "", "1"))
		publisher.sync()
		expect(t, "events relayed before OnConnection has returned", h.hub.Stats().EventsRelayed, 0)
		close(gate)
		receive(t, h.gone, "OnDisconnection of the publisher")
		subscriber.sync()
		expect(t, "events relayed of a spoke that was turned away", h.hub.Stats().EventsRelayed, 0)
	})
}

func TestPromise6WhatCameBeforeOnConnectionReturnedKeepsItsOrder(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		const early, late = 50, 50
		gate := make(chan struct{})
		first := true
		h := newTestHub(t, fanout.Config{Engine: engine, Relay: true, OnConnection: func(*fanout.Spoke, net.Conn) {
			if first {
				first = false
				return
			}
			<-gate
		}})
		heard := h.hear("t")
		subscriber, _ := h.join()
		subscriber.subscribe("t")
		receive(t, h.connected, "OnConnection of the subscriber")
		publisher, spoke := h.join()
		for i := range early {
			publisher.text(envelope("t", strconv.Itoa(i), "0"))
			if i%10 == 0 {
				publisher.text(envelope("__subscribe", "", `{"topic":"own"}`))
			}
		}
		publisher.sync()
		expectAll(t, "subscriptions before OnConnection has returned", spoke.Subscriptions(), nil)
		close(gate)
		for i := range late {
			publisher.text(envelope("t", strconv.Itoa(early+i), "0"))
		}
		for i := range early + late {
			subscriber.wants(envelope("t", strconv.Itoa(i), "0"))
			expect(t, "heard", receive(t, heard, "an event"), "t "+strconv.Itoa(i)+" 0")
		}
		publisher.sync()
		expectAll(t, "subscriptions", spoke.Subscriptions(), []string{"own"})
	})
}
