package fanout_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spokehub/spokehub/broker/inproc"
	"github.com/spokehub/spokehub/fanout"
)

func TestPromise13WhatIsMissedRightBehindAReconnectIsReadSoon(t *testing.T) {
	const events = 10
	for name, after := range map[string]time.Duration{"at once": 0, "a little later": 500 * time.Millisecond, "later": 2 * time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				network := inproc.New()
				hub, engine, _ := member(t, network, fanout.Config{})
				other, _, _ := member(t, network, fanout.Config{})
				c := hub.Connect()
				c.Subscribe("price")
				time.Sleep(time.Minute)
				engine.Reconnect("deaf")
				awaitBroker(t, hub, true)
				time.Sleep(after)
				synctest.Wait()
				engine.SetFaults(inproc.Faults{Drop: events})
				for i := range events {
					if _, err := other.Publish(context.Background(), eventOf("price", "", i)); err != nil {
						t.Fatal(err)
					}
				}
				time.Sleep(4*time.Second - after)
				synctest.Wait()
				if got := hub.Stats().BrokerRefilled; got != events {
					t.Errorf("got %d events read four seconds behind a reconnect, want %d", got, events)
				}
			})
		})
	}
}
