package fanout_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

// hookCall is one call of OnSubscribed, which lasts until it is let go.
type hookCall struct {
	spoke *fanout.Spoke
	topic string
	send  func(typ string) bool
	goOn  chan struct{}
}

// snapshotHub is a hub whose hook the test is in.
func snapshotHub(t *testing.T, cfg fanout.Config) (*testHub, <-chan hookCall) {
	calls := make(chan hookCall, 100)
	cfg.OnSubscribed = func(s *fanout.Spoke, topic string, send func(event.Event) bool) {
		call := hookCall{s, topic, func(typ string) bool { return send(event.Event{Type: typ}) }, make(chan struct{})}
		calls <- call
		select {
		case <-call.goOn:
		case <-t.Context().Done():
		}
	}
	return newTestHub(t, cfg), calls
}

// typesOf are the types of the messages that a client gets next.
func typesOf(c *client, n int) string {
	c.t.Helper()
	var types []string
	for range n {
		types = append(types, typeOf(c.message()))
	}
	return strings.Join(types, " ")
}

func typeOf(message string) string {
	var e struct{ Type string }
	if err := json.Unmarshal([]byte(message), &e); err != nil {
		return err.Error()
	}
	return e.Type
}

func subscription(id string, topics ...string) string {
	return envelope("__subscribe", id, jsonOf(map[string]any{"topics": topics}))
}

func TestASnapshotComesBehindTheAckAndAheadOfWhatIsDispatchedMeanwhile(t *testing.T) {
	tests := map[string]struct {
		topics []string
		during func(h *testHub, call hookCall)
		want   string
	}{
		"live events of the topic wait": {[]string{"a"}, func(h *testHub, call hookCall) {
			h.hub.DispatchEvent(event.Event{Type: "a"})
			call.send("snapshot")
			call.send("more")
		}, "__ack snapshot more a"},
		"and those of topics held before, for the order's sake": {[]string{"a"}, func(h *testHub, call hookCall) {
			h.hub.DispatchEvent(event.Event{Type: "a"})
			h.hub.DispatchEvent(event.Event{Type: "before"})
			h.hub.DispatchEvent(event.Event{Type: "a"})
			call.send("snapshot")
		}, "__ack snapshot a before a"},
		"and events for the spoke alone": {[]string{"a"}, func(h *testHub, call hookCall) {
			call.spoke.DispatchEvent(event.Event{Type: "alone"})
			call.send("snapshot")
		}, "__ack snapshot alone"},
		"several topics have one gate": {[]string{"a", "b"}, func(h *testHub, call hookCall) {
			h.hub.DispatchEvent(event.Event{Type: "a"})
			call.send("snapshot-" + call.topic)
		}, "__ack snapshot-a snapshot-b a a"},
		"topics that are refused have none": {[]string{"a", ":", "b", "a"}, func(h *testHub, call hookCall) {
			call.send("snapshot-" + call.topic)
		}, "__reject __ack snapshot-a snapshot-b"},
		"an invalid event is left out": {[]string{"a"}, func(h *testHub, call hookCall) {
			call.send("a:b")
			call.send("snapshot")
		}, "__ack snapshot"},
		"a topic that both name comes once": {[]string{"a:1"}, func(h *testHub, call hookCall) {
			h.hub.DispatchEvent(event.Event{Type: "a", ID: "1"})
			call.send("snapshot")
		}, "__ack snapshot a"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(t *testing.T, engine fanout.Engine) {
				h, calls := snapshotHub(t, fanout.Config{Engine: engine})
				c, _ := h.join()
				c.text(subscription("", "before"))
				close(receive(t, calls, "the first call").goOn)
				c.text(subscription("1", test.topics...))
				for i, topic := range test.topics {
					if topic == ":" || i > 2 {
						continue
					}
					call := receive(t, calls, "a call")
					expect(t, "topic", call.topic, topic)
					test.during(h, call)
					close(call.goOn)
				}
				c.text(subscription("last", "before"))
				want := test.want + " __ack"
				if got := typesOf(c, strings.Count(want, " ")+1); got != want {
					t.Errorf("got the messages %s, want %s", got, want)
				}
				h.hub.DispatchEvent(event.Event{Type: "before"})
				expect(t, "event behind the snapshot", typesOf(c, 1), "before")
			})
		})
	}
}

func TestAnswersAndPongsDoNotWaitForASnapshot(t *testing.T) {
	h, calls := snapshotHub(t, fanout.Config{})
	c, _ := h.join()
	c.text(subscription("1", "a"))
	call := receive(t, calls, "a call")
	h.hub.DispatchEvent(event.Event{Type: "a"})
	expect(t, "answer", typesOf(c, 1), "__ack")
	c.sync()
	c.text(subscription("2", "b"))
	c.sync()
	close(call.goOn)
	expect(t, "what waited", typesOf(c, 2), "a __ack")
	close(receive(t, calls, "a call for the second control event").goOn)
}

func TestOnSubscribedIsCalledOnceForASubscription(t *testing.T) {
	h, calls := snapshotHub(t, fanout.Config{OnSubscribe: func(_ *fanout.Spoke, topic string) error {
		if topic == "forbidden" {
			return errors.New(topic)
		}
		return nil
	}})
	c, _ := h.join()
	call := func(want string) {
		t.Helper()
		got := receive(t, calls, "a call")
		expect(t, "topic", got.topic, want)
		close(got.goOn)
	}
	c.subscribe("a")
	call("a")
	c.subscribe("a")
	c.subscribe("a", "b")
	call("b")
	c.unsubscribe("a")
	c.subscribe("a")
	call("a")
	c.text(subscription("1", "forbidden", "c"))
	call("c")
	expect(t, "answers", typesOf(c, 2), "__reject __ack")
	expect(t, "further calls", len(calls), 0)
}

func TestASubscriptionBehindAnEventThatWaitsForItsListenerGetsItsSnapshot(t *testing.T) {
	h, calls := snapshotHub(t, fanout.Config{})
	heard, goOn := make(chan struct{}, 2), make(chan struct{})
	h.hub.AddEventListener("slow", func(*fanout.Spoke, event.Event) {
		heard <- struct{}{}
		<-goOn
	})
	c, spoke := h.join()
	c.text(envelope("slow", "", "1"))
	receive(t, heard, "the first event")
	c.text(envelope("slow", "", "2"))
	c.sync()
	if err := spoke.Subscribe("a"); err != nil {
		t.Fatal(err)
	}
	h.hub.DispatchEvent(event.Event{Type: "a"})
	close(goOn)
	call := receive(t, calls, "a call")
	expect(t, "the snapshot is taken", call.send("snapshot"), true)
	close(call.goOn)
	expect(t, "messages", typesOf(c, 2), "snapshot a")
}

func TestAHookThatFailsOpensTheGate(t *testing.T) {
	for name, fail := range map[string]func(){"by a panic": func() { panic("on purpose") }, "by ending its goroutine": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			h := newTestHub(t, fanout.Config{OnSubscribed: func(s *fanout.Spoke, topic string, send func(event.Event) bool) {
				s.DispatchEvent(event.Event{Type: "live"})
				send(event.Event{Type: "snapshot-" + topic})
				fail()
			}})
			c, _ := h.join()
			c.subscribe("a", "b")
			expect(t, "messages", typesOf(c, 4), "snapshot-a snapshot-b live live")
		})
	}
}

func TestWhatWaitsForASnapshotCountsAgainstTheLimit(t *testing.T) {
	for name, during := range map[string]func(h *testHub, call hookCall, long event.Event) bool{
		"live events": func(h *testHub, call hookCall, long event.Event) bool { return h.hub.DispatchEvent(long) },
		"the snapshot and live events": func(h *testHub, call hookCall, long event.Event) bool {
			h.hub.DispatchEvent(long)
			return call.send(strings.Repeat("s", 250))
		},
	} {
		t.Run(name, func(t *testing.T) {
			pressed := make(chan fanout.Backpressure, 1)
			h, calls := snapshotHub(t, fanout.Config{QueueLimit: 4 << 10, OnBackpressure: func(_ *fanout.Spoke, info fanout.Backpressure) { pressed <- info }})
			c, _ := h.join()
			c.text(subscription("1", "a"))
			call := receive(t, calls, "a call")
			expect(t, "answer", typesOf(c, 1), "__ack")
			for range 5 {
				during(h, call, event.Event{Type: "a", Payload: []byte(`"` + strings.Repeat("x", 1000) + `"`)})
			}
			until(t, "the spoke takes nothing more", func() bool { return !call.send("snapshot") })
			h.checkLedger(h.hub.Stats())
			close(call.goOn)
			receive(t, pressed, "OnBackpressure behind the hook")
			messages, _ := c.closedWith(1013)
			expectNoLive(t, messages)
		})
	}
}

func expectNoLive(t *testing.T, messages []string) {
	t.Helper()
	for _, m := range messages {
		if typeOf(m) == "a" {
			t.Errorf("got the live event %s, want none without its snapshot", m)
		}
	}
}

func TestASpokeThatEndsInItsHook(t *testing.T) {
	for name, test := range map[string]struct {
		end  func(t *testing.T, h *testHub, call hookCall, c *client)
		left func(t *testing.T, h *testHub, c *client)
	}{
		"closed by the embedder gets no live event": {func(_ *testing.T, _ *testHub, call hookCall, _ *client) { call.spoke.Close(4000, "") },
			func(t *testing.T, _ *testHub, c *client) {
				messages, _ := c.closedWith(4000)
				expectNoLive(t, messages)
			}},
		"closed by its peer, neither": {func(_ *testing.T, _ *testHub, _ hookCall, c *client) {
			c.write(clientFrame(fin|opClose, closePayload(1000, "")))
		},
			func(t *testing.T, _ *testHub, c *client) {
				messages, _ := c.closedWith(1000)
				expectNoLive(t, messages)
			}},
		"gone": {func(_ *testing.T, _ *testHub, _ hookCall, c *client) { c.conn.Close() }, func(*testing.T, *testHub, *client) {}},
		"handed back, with what was queued ahead of what its new owner writes": {func(t *testing.T, h *testHub, call hookCall, _ *client) {
			live, err := h.hub.RemoveConnection(call.spoke.Conn())
			if err != nil {
				t.Fatal(err)
			}
			go func() {
				defer live.Close()
				fmt.Fprint(live, "owned")
			}()
		}, func(t *testing.T, _ *testHub, c *client) {
			expect(t, "messages", typesOf(c, 2), "snapshot a")
			expect(t, "the new owner's bytes", string(c.cutOff()), "owned")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(t *testing.T, engine fanout.Engine) {
				h, calls := snapshotHub(t, fanout.Config{Engine: engine})
				c, _ := h.join()
				c.text(subscription("1", "a"))
				call := receive(t, calls, "a call")
				expect(t, "answer", typesOf(c, 1), "__ack")
				call.send("snapshot")
				h.hub.DispatchEvent(event.Event{Type: "a"})
				call.spoke.BufferedAmount()
				test.end(t, h, call, c)
				until(t, "the spoke takes nothing more", func() bool { return !call.send("late") })
				close(call.goOn)
				receive(t, h.gone, "OnDisconnection")
				test.left(t, h, c)
			})
		})
	}
}

func TestShutdownClosesASpokeBehindItsSnapshot(t *testing.T) {
	for name, cfg := range map[string]fanout.Config{"at once": {}, "over time": {DrainPeriod: 1}} {
		t.Run(name, func(t *testing.T) {
			h, calls := snapshotHub(t, cfg)
			c, _ := h.join()
			other, _ := h.join()
			c.text(subscription("1", "a"))
			call := receive(t, calls, "a call")
			h.hub.DispatchEvent(event.Event{Type: "a"})
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				h.shutdown()
			}()
			other.closedWith(1012)
			other.conn.Close()
			if !call.send("snapshot") {
				t.Error("got a snapshot refused in the drain, want it taken")
			}
			close(call.goOn)
			messages, _ := c.closedWith(1012)
			c.conn.Close()
			expect(t, "messages", len(messages), 3)
			<-ended
		})
	}
}

func TestEveryAckComesAheadOfTheSnapshots(t *testing.T) {
	h := newTestHub(t, fanout.Config{QueueLimit: 4 << 10, OnSubscribed: func(_ *fanout.Spoke, _ string, send func(event.Event) bool) {
		send(event.Event{Type: "s"})
	}})
	c, _ := h.join()
	var topics []string
	for i := range 40 {
		topics = append(topics, fmt.Sprintf("t%d:%s", i, strings.Repeat("x", 50)))
	}
	c.text(subscription("1", topics...))
	acks, snapshots := 0, 0
	for snapshots < len(topics) {
		switch got := typesOf(c, 1); {
		case got == "s":
			snapshots++
		case snapshots > 0:
			t.Fatalf("got %s behind a snapshot, want all acks ahead", got)
		default:
			acks++
		}
	}
	if acks < 2 {
		t.Errorf("got %d acks, want several", acks)
	}
}

func TestNothingIsSentBehindTheHook(t *testing.T) {
	h, calls := snapshotHub(t, fanout.Config{})
	c, _ := h.join()
	c.text(subscription("1", "a"))
	call := receive(t, calls, "a call")
	close(call.goOn)
	until(t, "send reports false", func() bool { return !call.send("snapshot") })
	h.hub.DispatchEvent(event.Event{Type: "a"})
	for expect(t, "answer", typesOf(c, 1), "__ack"); ; {
		if got := typesOf(c, 1); got == "a" {
			break
		} else if got != "snapshot" {
			t.Fatalf("got %s, want the live event", got)
		}
	}
	if call.send("late") {
		t.Error("got an event taken behind the hook, want it refused")
	}
}
