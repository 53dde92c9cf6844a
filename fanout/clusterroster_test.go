package fanout_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/broker/inproc"
	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/fanout/fanouttest"
)

// filterEngine loses those messages of its hub that lose says.
type filterEngine struct {
	*inproc.Engine
	mu   sync.Mutex
	lose func(channel string, body []byte) bool
}

// set has it lose others.
func (e *filterEngine) set(f func(channel string, body []byte) bool) {
	e.mu.Lock()
	e.lose = f
	e.mu.Unlock()
}

// Publish hands on what it does not lose.
func (e *filterEngine) Publish(ctx context.Context, all []broker.Message) error {
	e.mu.Lock()
	var kept []broker.Message
	for _, m := range all {
		_, body, _ := broker.ParseMessage(m.Data)
		if e.lose == nil || m.Key.Kind != broker.Control || !e.lose(m.Key.Type, body) {
			kept = append(kept, m)
		}
	}
	e.mu.Unlock()
	return e.Engine.Publish(ctx, kept)
}

// filtered starts a hub with presence whose messages to other hubs may be lost. In a bubble of fake time nobody is pinged.
func filtered(t *testing.T, n *inproc.Network, name string, cfg fanout.Config) (*fanouttest.Hub, *filterEngine) {
	t.Helper()
	e := &filterEngine{Engine: n.Engine()}
	cfg.Broker, cfg.Node, cfg.PingInterval, cfg.PeerTimeout = e, name, 5*time.Hour, 24*time.Hour
	h := fanouttest.New(t, presenceConfig(cfg))
	awaitBroker(t, h, true)
	return h, e
}

// enterAs has a user subscribe to a topic.
func enterAs(h *fanouttest.Hub, user, topic string) *fanouttest.Client {
	c := h.Connect(fanout.AddOptions{Identity: fanout.Identity{User: user}})
	c.Subscribe(topic)
	return c
}

// watchAs connects a client that watches topics, and reads whatever comes.
func watchAs(t *testing.T, h *fanouttest.Hub, user string, topics ...string) {
	t.Helper()
	here, there := net.Pipe()
	if _, err := h.AddConnection(there, fanout.AddOptions{Identity: fanout.Identity{User: user}}); err != nil {
		t.Fatal(err)
	}
	c := newClient(t, here)
	_ = here.SetDeadline(time.Time{})
	go func() { _, _ = io.Copy(io.Discard, here) }()
	for i, topic := range topics {
		c.ask(fmt.Sprint(i), topic)
		if i%50 == 49 {
			time.Sleep(time.Second)
		}
	}
}

func TestALoopRestsWhileASpokeWaitsForLists(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := &tappedEngine{Engine: inproc.New().Engine()}
		h := fanouttest.New(t, presenceConfig(fanout.Config{Broker: engine, Reactors: 1}))
		awaitBroker(t, h, true)
		engine.sink.Deliver(broker.Delivery{Kind: broker.Control, Name: "nodes", Data: presenceMessage(7, 0, 0, `{"node":"b","presence":1}`)})
		synctest.Wait()
		watchAs(t, h, "ada", "room:7")
		synctest.Wait()
	})
}

func TestPresenceOfATopicThatIsNoneIsNotAskedOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := inproc.New()
		a, _ := filtered(t, n, "a", fanout.Config{})
		b, _ := filtered(t, n, "b", fanout.Config{})
		time.Sleep(10 * time.Second)
		enterAs(b, "bob", "room:7")
		bad := "room:" + strings.Repeat("x", 5000)
		if got := fmt.Sprint(a.Presence(bad)); got != "[]" {
			t.Error(got)
		}
		if got := fmt.Sprint(a.Presence("room:7")); got != "[{bob 1}]" {
			t.Errorf("got %s", got)
		}
		for range 10 {
			a.Presence(bad)
			time.Sleep(time.Second)
		}
		enterAs(b, "carl", "room:7")
		time.Sleep(time.Second)
		if got := fmt.Sprint(a.Presence("room:7")); got != "[{bob 1} {carl 1}]" {
			t.Errorf("got %s", got)
		}
		if b.Stats().BrokerGarbage > 0 {
			t.Error("garbage at b:", b.Stats().BrokerGarbage)
		}
	})
}

func TestAHubThatWasGivenUpIsToldWhatChangedMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := inproc.New()
		a, _ := filtered(t, n, "a", fanout.Config{})
		b, eb := filtered(t, n, "b", fanout.Config{})
		time.Sleep(10 * time.Second)
		bob := enterAs(a, "bob", "room:7")
		watchAs(t, b, "w", "room:7")
		time.Sleep(2 * time.Second)
		if got := fmt.Sprint(b.Presence("room:7")); got != "[{bob 1}]" {
			t.Fatalf("got %s", got)
		}
		eb.set(func(string, []byte) bool { return true })
		time.Sleep(20 * time.Second)
		if len(a.Nodes()) != 1 {
			t.Fatal("a has not given up b")
		}
		bob.Unsubscribe("room:7")
		enterAs(a, "carl", "room:7")
		time.Sleep(2 * time.Second)
		eb.set(nil)
		time.Sleep(10 * time.Minute)
		if got := fmt.Sprint(b.Presence("room:7")); got != "[{carl 1}]" {
			t.Errorf("ten minutes after b is back: got %s at b, want carl alone", got)
		}
	})
}

func TestALostWatchIsMadeUpFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := inproc.New()
		a, ea := filtered(t, n, "a", fanout.Config{})
		b, _ := filtered(t, n, "b", fanout.Config{})
		time.Sleep(10200 * time.Millisecond)
		enterAs(b, "bob", "room:7")
		lost := 0
		ea.set(func(channel string, body []byte) bool {
			if channel == "presence" && bytes.Contains(body, []byte(`"watch"`)) && lost == 0 {
				lost++
				return true
			}
			return false
		})
		watchAs(t, a, "w", "room:7")
		var c *fanouttest.Client
		for range 40 {
			time.Sleep(100 * time.Millisecond)
			if c == nil && strings.Contains(fmt.Sprint(a.Presence("room:7")), "bob") {
				c = enterAs(b, "carl", "room:7")
			}
		}
		time.Sleep(10 * time.Minute)
		if got := fmt.Sprint(a.Presence("room:7")); lost != 1 || got != "[{bob 1} {carl 1}]" {
			t.Errorf("got %s at a after ten minutes, lost %d", got, lost)
		}
	})
}

func TestAListLongerThanTheOutboxArrives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := inproc.New()
		a, ea := filtered(t, n, "a", fanout.Config{MemoryBudget: 4 << 20})
		b, _ := filtered(t, n, "b", fanout.Config{})
		time.Sleep(10 * time.Second)
		const users = 12_000
		fanout.JoinMany(a.Hub, "room:7", users)
		ea.SetFaults(inproc.Faults{Delay: 2 * time.Millisecond})
		watchAs(t, b, "w", "room:7")
		time.Sleep(20 * time.Second)
		if got := len(b.Presence("room:7")); got != users {
			st := a.Stats()
			t.Errorf("got %d users after 20 seconds, want %d; published %d dropped %d", got, users, st.BrokerPublished, st.BrokerDropped)
		}
	})
}

func TestAPartOfAQuestionThatIsLostIsAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := inproc.New()
		a, ea := filtered(t, n, "a", fanout.Config{MaxTopics: 3000})
		b, eb := filtered(t, n, "b", fanout.Config{})
		time.Sleep(10 * time.Second)
		const topics = 1500
		var clients []*fanouttest.Client
		for i := range topics {
			if i%100 == 0 {
				clients = append(clients, b.Connect(fanout.AddOptions{Identity: fanout.Identity{User: "bob"}}))
			}
			clients[i/100].Subscribe(fmt.Sprint("room:", i))
			go func() { a.Presence(fmt.Sprint("room:", i)) }()
		}
		names := make([]string, topics)
		for i := range names {
			names[i] = fmt.Sprint("room:", i)
		}
		watchAs(t, a, "w", names...)
		time.Sleep(60 * time.Second)
		there := func() (count int) {
			for i := range topics {
				count += len(a.Presence(fmt.Sprint("room:", i)))
			}
			return count
		}
		if got := there(); got != topics {
			t.Fatalf("got %d", got)
		}
		eb.set(func(channel string, body []byte) bool { return channel == "presence" })
		lost := 0
		ea.set(func(channel string, body []byte) bool {
			if strings.HasPrefix(channel, "inbox") && bytes.Contains(body, []byte(`"list"`)) && !bytes.Contains(body, []byte(`"ask"`)) && lost == 0 {
				lost++
				return true
			}
			return false
		})
		for _, c := range clients {
			c.Close()
		}
		time.Sleep(time.Second)
		eb.set(nil)
		time.Sleep(10 * time.Minute)
		if got := there(); got != 0 {
			t.Errorf("got %d users who are there no more after ten minutes, lost %d", got, lost)
		}
	})
}

func TestPresenceAfterShutdownReturnsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := inproc.New()
		a, _ := filtered(t, n, "a", fanout.Config{})
		filtered(t, n, "b", fanout.Config{})
		time.Sleep(10 * time.Second)
		if err := a.Shutdown(context.Background()); err != nil {
			t.Fatal(err)
		}
		before := time.Now()
		a.Presence("room:7")
		if took := time.Since(before); took > 0 {
			t.Errorf("took %v", took)
		}
	})
}

func TestATopicThatIsWatchedWhileAHubAsksForAllStaysWatched(t *testing.T) {
	n := inproc.New()
	a, _ := filtered(t, n, "a", fanout.Config{})
	b, _ := filtered(t, n, "b", fanout.Config{})
	awaitNodes(t, a, "a (self), b")
	awaitNodes(t, b, "a, b (self)")
	time.Sleep(4 * time.Second)
	goOn := fanout.StopRoster(a.Hub)
	time.Sleep(50 * time.Millisecond)
	fanout.LoseAtRoster(b.Hub)
	time.Sleep(100 * time.Millisecond)
	go a.Presence("room:9")
	time.Sleep(100 * time.Millisecond)
	goOn()
	time.Sleep(time.Second)
	enterAs(b, "carl", "room:9")
	time.Sleep(4 * time.Second)
	if got := fmt.Sprint(a.Presence("room:9")); got != "[{carl 1}]" {
		t.Errorf("got %s at a, want carl", got)
	}
}

func TestNothingIsHeardOfAHubThatHasSaidBye(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for ms := 2000; ms < 7000; ms += 100 {
			n := inproc.New()
			b, _ := filtered(t, n, "b", fanout.Config{})
			a, ea := filtered(t, n, "a", fanout.Config{})
			time.Sleep(time.Duration(ms) * time.Millisecond)
			ea.SetFaults(inproc.Faults{Delay: 200 * time.Millisecond})
			_ = a.Shutdown(context.Background())
			time.Sleep(2 * time.Second)
			if got := namesOf(b); got != "b (self)" {
				t.Errorf("ended after %d ms: got %s", ms, got)
			}
			_ = b.Shutdown(context.Background())
		}
	})
}

func TestAHubThatPublishesMoreThanTheBrokerTakesIsStillThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := inproc.New()
		a, ea := filtered(t, n, "a", fanout.Config{MemoryBudget: 8 << 20})
		b, _ := filtered(t, n, "b", fanout.Config{})
		enterAs(a, "ada", "room:7")
		watchAs(t, b, "w", "room:7")
		time.Sleep(10 * time.Second)
		ea.SetFaults(inproc.Faults{Delay: 300 * time.Millisecond})
		e := eventOf("order", "", `"`+strings.Repeat("x", 16<<10)+`"`)
		seen := map[string]int{}
		for range 60_00 {
			for range 8 {
				a.DispatchEvent(e)
			}
			time.Sleep(10 * time.Millisecond)
			seen[fmt.Sprint(namesOf(b), b.Presence("room:7"))]++
		}
		if len(seen) > 1 {
			t.Errorf("got %v", seen)
		}
	})
}

func TestAChangeThatIsGatheredIsToldThoughAHubAsksForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := inproc.New()
		a, _ := filtered(t, n, "a", fanout.Config{})
		b, _ := filtered(t, n, "b", fanout.Config{})
		time.Sleep(10 * time.Second)
		watchAs(t, a, "w", "room:7")
		time.Sleep(5 * time.Second)
		enterAs(b, "bob", "room:7")
		fanout.LoseAtRoster(b.Hub)
		time.Sleep(10 * time.Minute)
		if got := fmt.Sprint(a.Presence("room:7")); got != "[{bob 1}]" {
			t.Errorf("got %s at a after ten minutes, want bob", got)
		}
	})
}

func TestASpokeWithAllItsTopicsHasOtherHubsAskedForNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := inproc.New()
		a, ea := filtered(t, n, "a", fanout.Config{MaxTopics: 1})
		filtered(t, n, "b", fanout.Config{})
		time.Sleep(10 * time.Second)
		asked := map[string]bool{}
		ea.set(func(_ string, body []byte) bool {
			for _, topic := range []string{"room:7", "room:8"} {
				asked[topic] = asked[topic] || bytes.Contains(body, []byte(topic))
			}
			return false
		})
		watchAs(t, a, "w", "room:7", "room:8")
		time.Sleep(10 * time.Second)
		ea.set(nil)
		if !asked["room:7"] || asked["room:8"] {
			t.Errorf("got asked for %v, want the topic that it may have alone", asked)
		}
	})
}
