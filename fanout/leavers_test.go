package fanout

import (
	"fmt"
	"math/rand/v2"
	"net"
	"testing"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/netpoll"
)

// subscribeTo subscribes a spoke to topics of its own and to shared ones, in one task.
func subscribeTo(s *Spoke, topics ...string) {
	s.loop.ask(func(*netpoll.Reactor) {
		for _, topic := range topics {
			s.loop.part.Subscribe(s.conn.Slot, []byte(topic))
		}
	})
}

func numbered(kind string, from, to int) (topics []string) {
	for i := from; i < to; i++ {
		topics = append(topics, fmt.Sprintf("%s:%d", kind, i))
	}
	return topics
}

func TestLeaversI2ATurnDropsOnlySoManyTopics(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ spokes, topics int }{
		"many spokes of many topics": {200, 1024},
		"many spokes of few topics":  {400, fewTopics},
		"one spoke of very many":     {1, 100_000},
	} {
		t.Run(name, func(t *testing.T) {
			h := hubOf(t, Config{Engine: EngineGoroutine, Reactors: 1})
			l := h.hub.loops[0]
			for i := range c.spokes {
				_, s := h.join()
				subscribeTo(s, numbered("t", i*c.topics/2, i*c.topics/2+c.topics)...)
			}
			l.ask(func(*netpoll.Reactor) {
				left := h.hub.index.Subscriptions()
				check := func(what string) {
					now := h.hub.index.Subscriptions()
					if dropped := left - now; dropped > maxDrops+dropStep {
						t.Errorf("got %d topics dropped %s, want about %d at most", dropped, what, maxDrops)
					}
					left = now
				}
				for s := range l.all() {
					l.end(s, Cause{})
				}
				l.dropTopics()
				check("in the turn of the end")
				for turn := 0; left > 0; turn++ {
					if turn > c.spokes*c.topics {
						t.Fatalf("got %d topics left, want none in the end", left)
					}
					l.dropTopics()
					check("in one turn")
				}
				if q := l.ending.leavers; len(q.queue) > 0 {
					t.Errorf("got %d spokes leaving when no topic is left, want none", len(q.queue))
				}
			})
		})
	}
}

func TestLeaversI1NoSpokeInheritsTopics(t *testing.T) {
	const rounds, kinds, most = 400, 40, 1500
	random := rand.New(rand.NewPCG(17, 4))
	h := hubOf(t, Config{Engine: EngineGoroutine, Reactors: 2, MaxConnections: 1000})
	model := make(map[*Spoke]map[string]bool)
	delivered := uint64(0)
	for round := range rounds {
		switch random.IntN(5) {
		case 0, 1:
			far, s := h.join()
			go drainPipe(far)
			if got := len(s.Subscriptions()); got != 0 {
				t.Fatalf("round %d: got a new spoke with %d topics, want none", round, got)
			}
			first := random.IntN(kinds)
			topics := append(numbered("t", first, first+random.IntN(8)), numbered(fmt.Sprint("own", round), 0, random.IntN(most))...)
			model[s] = make(map[string]bool)
			for _, topic := range topics {
				model[s][topic] = true
			}
			subscribeTo(s, topics...)
		case 2:
			for s := range model {
				s.loop.ask(func(*netpoll.Reactor) { s.loop.end(s, Cause{}) })
				delete(model, s)
				break
			}
		case 3:
			for s := range model {
				s.Close(CodeNormal, "")
				delete(model, s)
				break
			}
		case 4:
			for s := range model {
				if _, err := h.hub.RemoveConnection(s.Conn()); err != nil {
					t.Fatal(err)
				}
				delete(model, s)
				break
			}
		}
		id := random.IntN(kinds + 8)
		want := uint64(0)
		for _, topics := range model {
			if topics[fmt.Sprint("t:", id)] {
				want++
			}
		}
		h.hub.DispatchEvent(event.Event{Type: "t", ID: fmt.Sprint(id)})
		now := h.hub.Stats().Deliveries
		if now-delivered != want {
			t.Fatalf("round %d: got an event matched by %d spokes, want %d: those that are connected and subscribed", round, now-delivered, want)
		}
		delivered = now
	}
	for s, topics := range model {
		if got := len(s.Subscriptions()); got != len(topics) {
			t.Errorf("got a spoke with %d topics, want %d", got, len(topics))
		}
	}
	h.until("all left the index", func() bool {
		subscribed := 0
		for _, topics := range model {
			subscribed += len(topics)
		}
		return h.hub.Stats().Subscriptions == uint64(subscribed)
	})
}

func TestLeaversI1ASlotIsTakenAgainOnceItsTopicsAreGone(t *testing.T) {
	h := hubOf(t, Config{Engine: EngineGoroutine, Reactors: 1})
	l := h.hub.loops[0]
	many := numbered("t", 0, 50_000)
	for range 4 {
		_, first := h.join()
		subscribeTo(first, many...)
		l.ask(func(*netpoll.Reactor) { l.end(first, Cause{}) })
		for range 8 {
			_, next := h.join()
			if got := len(next.Subscriptions()); got != 0 {
				t.Fatalf("got a new spoke with %d topics, want none", got)
			}
			l.ask(func(*netpoll.Reactor) { l.end(next, Cause{}) })
		}
		h.until("all left the index", func() bool { return h.hub.Stats().Subscriptions == 0 })
	}
	l.ask(func(*netpoll.Reactor) {
		if got := l.conns.spokes.Len(); got > 4 {
			t.Errorf("got %d slots used for two spokes at a time, want them used again", got)
		}
	})
}

func drainPipe(far net.Conn) {
	buffer := make([]byte, 4096)
	for {
		if _, err := far.Read(buffer); err != nil {
			return
		}
	}
}

func TestTopicsAreGoneAfterTheEnd(t *testing.T) {
	h := hubOf(t, Config{Engine: EngineGoroutine, Reactors: 1})
	_, s := h.join()
	subscribeTo(s, numbered("t", 0, 50_000)...)
	h.hub.stop()
	for topic := range h.hub.Topics() {
		t.Fatalf("got topic %q after the end, want none", topic)
	}
	if st := h.hub.Stats(); st.Topics != 0 || st.Subscriptions != 0 {
		t.Errorf("got %d topics and %d subscriptions after the end, want none", st.Topics, st.Subscriptions)
	}
}
