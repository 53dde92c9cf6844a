//go:build !race

package fanout_test

import (
	"testing"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/stream"
)

// skipFrame reads one short frame.
func (c *client) skipFrame() {
	head, err := c.in.Peek(2)
	if err != nil {
		c.t.Fatal(err)
	}
	if _, err := c.in.Discard(2 + int(head[1])); err != nil {
		c.t.Fatal(err)
	}
}

func TestAllocationsOfAnEventOfAStreamAreNone(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		for _, history := range []stream.History{{Events: 100}, {Events: 100, LatestPerID: true}} {
			hub := bare(t, fanout.Config{Engine: engine, Reactors: 1, Relay: true, Policies: []stream.Policy{{Match: "t", History: history, Behind: stream.CatchUp}}})
			var clients []*client
			for range 4 {
				clients = append(clients, addTo(t, hub).subscribeStream("t", "t:1"))
			}
			e := event.Event{Type: "t", ID: "1", Payload: []byte(`{"a":1}`)}
			sent := clientFrame(fin|opText, envelope("t", "2", `{"a":1}`))
			allocations(t, rounds, func() {
				hub.DispatchEvent(e)
				if _, err := clients[0].conn.Write(sent); err != nil {
					t.Fatal(err)
				}
				for _, c := range clients {
					c.skipFrame()
					c.skipFrame()
				}
			})
		}
	})
}

// subscribeStream is subscribe for topics of streams.
func (c *client) subscribeStream(topics ...string) *client {
	c.t.Helper()
	for _, topic := range topics {
		c.follow(topic)
	}
	return c
}
