//go:build !race

package fanout_test

import (
	"io"
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

// allocations are those of the whole process while run does n rounds, each of which must leave nothing behind, at the
// sixth of six attempts at most: the runtime, the kernel's readiness and goroutines of tests before may cost a few for a while.
func allocations(t *testing.T, n int, run func()) {
	t.Helper()
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	for range n / 10 {
		run()
	}
	least := ^uint64(0)
	for range 6 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range n {
			run()
		}
		runtime.ReadMemStats(&after)
		least = min(least, after.Mallocs-before.Mallocs)
		if least <= uint64(n)/50 {
			return
		}
	}
	t.Errorf("got %d allocations in %d rounds, want none a round", least, n)
}

const rounds = 2000

func TestAllocationsOfADispatchAndItsDeliveriesAreNone(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		hub := bare(t, fanout.Config{Engine: engine, Reactors: 1, OnSubscribed: func(*fanout.Spoke, string, func(event.Event) bool) {}})
		const spokes = 4
		var clients []*client
		for range spokes {
			clients = append(clients, addTo(t, hub).subscribe("t", "t:1"))
		}
		e := event.Event{Type: "t", ID: "1", Payload: []byte(`{"a":1}`)}
		into := make([]byte, len(envelope("t", "1", `{"a":1}`))+2)
		allocations(t, rounds, func() {
			hub.DispatchEvent(e)
			for _, c := range clients {
				if _, err := io.ReadFull(c.in, into); err != nil {
					t.Fatal(err)
				}
			}
		})
	})
}

func TestAllocationsOfAReceivedAndRelayedFrameAreNone(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		for reactors := 1; reactors <= 2; reactors++ {
			hub := bare(t, fanout.Config{Engine: engine, Reactors: reactors, Relay: true})
			sender := addTo(t, hub)
			reader := addTo(t, hub).subscribe("t")
			sent := clientFrame(fin|opText, envelope("t", "1", `{"a":1}`))
			into := make([]byte, len(envelope("t", "1", `{"a":1}`))+2)
			allocations(t, rounds, func() {
				if _, err := sender.conn.Write(sent); err != nil {
					t.Fatal(err)
				}
				if _, err := io.ReadFull(reader.in, into); err != nil {
					t.Fatal(err)
				}
			})
		}
	})
}

func TestAllocationsOfAFrameUnderPermissionsAreNone(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		hub := bare(t, fanout.Config{Engine: engine, Reactors: 1, Relay: true})
		sender := addTo(t, hub)
		reader := addTo(t, hub).subscribe("t:ada")
		for s := range hub.Spokes() {
			fanout.Become(s, may(t, "ada", "*", "a:* b:* t:$user"))
		}
		sent := frames(clientFrame(fin|opText, envelope("t", "bob", "0")), clientFrame(fin|opText, envelope("t", "ada", "0")))
		into := make([]byte, len(envelope("t", "ada", "0"))+2)
		allocations(t, rounds, func() {
			if _, err := sender.conn.Write(sent); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(reader.in, into); err != nil {
				t.Fatal(err)
			}
		})
	})
}

func TestAllocationsOfAnEventThatOnPublishIsAskedAboutAreNone(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		hub := bare(t, fanout.Config{Engine: engine, Reactors: 1, Relay: true, OnPublish: func(*fanout.Spoke, event.Event) error { return nil }})
		sender := addTo(t, hub)
		reader := addTo(t, hub).subscribe("t")
		sent := clientFrame(fin|opText, envelope("t", "1", "0"))
		into := make([]byte, len(envelope("t", "1", "0"))+2)
		allocations(t, rounds, func() {
			if _, err := sender.conn.Write(sent); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(reader.in, into); err != nil {
				t.Fatal(err)
			}
		})
	})
}

func TestAllocationsOfAnEventToAListenerAreNone(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		hub := bare(t, fanout.Config{Engine: engine, Reactors: 1})
		heard := make(chan struct{}, 1)
		if _, err := hub.AddEventListener("t", func(*fanout.Spoke, event.Event) { heard <- struct{}{} }); err != nil {
			t.Fatal(err)
		}
		c := addTo(t, hub)
		sent := clientFrame(fin|opText, envelope("t", "1", `{"a":1}`))
		allocations(t, rounds, func() {
			if _, err := c.conn.Write(sent); err != nil {
				t.Fatal(err)
			}
			<-heard
		})
	})
}

func TestAllocationsOfADispatchToNobodyAreNone(t *testing.T) {
	hub := bare(t, fanout.Config{})
	e := event.Event{Type: "t", ID: "1", Payload: []byte(`{"a":1}`)}
	if got := testing.AllocsPerRun(1000, func() { hub.DispatchEvent(e) }); got != 0 {
		t.Errorf("got %v allocations a dispatch, want none", got)
	}
}
