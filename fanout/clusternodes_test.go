package fanout_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spokehub/spokehub/broker/inproc"
	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/fanout/fanouttest"
	"github.com/spokehub/spokehub/stream"
)

// member starts a hub of a cluster whose log goes to a book.
func member(t *testing.T, n *inproc.Network, cfg fanout.Config) (*fanouttest.Hub, *inproc.Engine, *logBook) {
	t.Helper()
	e, book := n.Engine(), new(logBook)
	cfg.Broker, cfg.Logger = e, slog.New(slog.NewTextHandler(book, nil))
	if cfg.Policies == nil {
		cfg.Policies = clusterPolicies
	}
	h := fanouttest.New(t, cfg)
	awaitBroker(t, h, true)
	return h, e, book
}

// namesOf are the names of the hubs that one knows, with what is wrong with each.
func namesOf(h *fanouttest.Hub) string {
	var names []string
	for _, n := range h.Nodes() {
		name := n.Name
		if n.IsSelf {
			name += " (self)"
		}
		if !n.HasSamePolicies {
			name += " (policies)"
		}
		if n.IsDuplicate {
			name += " (duplicate)"
		}
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}

// awaitNodes waits until a hub knows these.
func awaitNodes(t *testing.T, h *fanouttest.Hub, want string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); namesOf(h) != want; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("got the hubs %s for a minute, want %s", namesOf(h), want)
		}
	}
}

func TestHubsOfAClusterKnowEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := inproc.New()
		a, _, _ := member(t, network, fanout.Config{Node: "a"})
		b, _, _ := member(t, network, fanout.Config{Node: "b"})
		awaitNodes(t, a, "a (self), b")
		awaitNodes(t, b, "a, b (self)")
		b.Connect()
		c, engine, _ := member(t, network, fanout.Config{})
		unnamed := ""
		for _, n := range c.Nodes() {
			if n.IsSelf {
				unnamed = n.Name
			}
		}
		if unnamed == "" || unnamed == "a" {
			t.Errorf("got the name %q for a hub that was given none", unnamed)
		}
		for deadline := time.Now().Add(time.Minute); len(a.Nodes()) != 3 || a.Nodes()[1].Connections != 1; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("got %+v for a minute, want three hubs, and one connection at b", a.Nodes())
			}
		}
		if got := a.Stats().BrokerNodes; got != 3 {
			t.Errorf("got %d hubs in Stats, want 3", got)
		}
		awaitConnected := time.Now().Add(time.Minute)
		for len(c.Nodes()) != 3 && time.Now().Before(awaitConnected) {
			time.Sleep(time.Millisecond)
		}
		engine.Cut()
		time.Sleep(time.Hour)
		awaitNodes(t, a, "a (self), b")
		if got := len(c.Nodes()); got != 3 {
			t.Errorf("got %d hubs known to one that is cut off, want all 3: it can't know better", got)
		}
		engine.Heal()
		for deadline := time.Now().Add(time.Minute); len(a.Nodes()) != 3; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("got %s for a minute, want the third hub back", namesOf(a))
			}
		}
		if err := b.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		for deadline := time.Now().Add(time.Second); len(a.Nodes()) != 2; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("got %s a second after b has ended, want it gone", namesOf(a))
			}
		}
	})
}

func TestOfTwoHubsOfOneNameTheNewcomerIsNotReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := inproc.New()
		first, _, _ := member(t, network, fanout.Config{Node: "a"})
		time.Sleep(10 * time.Second)
		second, _, book := member(t, network, fanout.Config{Node: "a"})
		third, _, _ := member(t, network, fanout.Config{Node: "c"})
		time.Sleep(10 * time.Second)
		if err := second.Broker().Err; !errors.Is(err, fanout.ErrDuplicateNode) || !strings.Contains(err.Error(), `"a"`) {
			t.Errorf("got %v, want ErrDuplicateNode with the name", err)
		}
		if err := first.Broker().Err; err != nil {
			t.Errorf("got %v for the hub that had the name first", err)
		}
		awaitNodes(t, third, "a, a (duplicate), c (self)")
		if got := strings.Count(strings.Join(book.all(), ""), "has this one's name"); got != 1 {
			t.Errorf("got %d lines about that, want 1:\n%s", got, strings.Join(book.all(), ""))
		}
		listener := second.Connect()
		listener.Subscribe("order")
		first.DispatchEvent(eventOf("order", "", 1))
		listener.Expect(eventOf("order", "", 1))
		if err := first.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		time.Sleep(10 * time.Second)
		if err := second.Broker().Err; err != nil {
			t.Errorf("got %v, want the name taken over", err)
		}
		awaitNodes(t, third, "a, c (self)")
	})
}

// TestManyHubsOfOneNameLeaveOneReady starts them together, and has some be cut off from others while they do.
func TestManyHubsOfOneNameLeaveOneReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := inproc.New()
		var hubs []*fanouttest.Hub
		var engines []*inproc.Engine
		for range 5 {
			h, e, _ := member(t, network, fanout.Config{Node: "a"})
			hubs, engines = append(hubs, h), append(engines, e)
			time.Sleep(time.Second)
		}
		ready := func() (count int) {
			for _, h := range hubs {
				if h.Broker().Err == nil {
					count++
				}
			}
			return count
		}
		time.Sleep(20 * time.Second)
		if got := ready(); got != 1 {
			t.Errorf("got %d hubs that have the name, want 1", got)
		}
		for i := range engines[:4] {
			engines[i].Cut()
		}
		time.Sleep(time.Minute)
		for i := range engines[:4] {
			engines[i].Heal()
		}
		time.Sleep(time.Minute)
		if got := ready(); got != 1 {
			t.Errorf("got %d hubs that have the name once all are back, want 1", got)
		}
	})
}

func TestAHubThatComesBackAfterACrashHasItsName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := inproc.New()
		other, _, _ := member(t, network, fanout.Config{Node: "b"})
		_, engine, _ := member(t, network, fanout.Config{Node: "a"})
		time.Sleep(10 * time.Second)
		engine.Cut()
		again, _, _ := member(t, network, fanout.Config{Node: "a"})
		time.Sleep(10 * time.Second)
		if err := again.Broker().Err; err != nil {
			t.Errorf("got %v, want the name", err)
		}
		time.Sleep(10 * time.Second)
		awaitNodes(t, other, "a, b (self)")
	})
}

func TestPoliciesThatDifferAreToldOnceWithBothNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := inproc.New()
		a, _, book := member(t, network, fanout.Config{Node: "a", Policies: []stream.Policy{{Match: "price", History: stream.History{Events: 100}}}})
		same := []stream.Policy{{Match: "price", History: stream.History{Events: 100, Bytes: stream.DefaultBytes}, Behind: stream.CatchUp}}
		member(t, network, fanout.Config{Node: "b", Policies: same})
		time.Sleep(time.Minute)
		if strings.Contains(strings.Join(book.all(), ""), "other policies") {
			t.Errorf("got a line about policies that say the same:\n%s", strings.Join(book.all(), ""))
		}
		for i, policies := range [][]stream.Policy{
			{{Match: "price", History: stream.History{Events: 200}}},
			{{Match: "price", History: stream.History{Events: 100}, Presence: true}},
			{{Match: "price", History: stream.History{Events: 100, LatestPerID: true}}},
			{{Match: "price", History: stream.History{Events: 100}}, {Match: "user", Interest: stream.ByID}},
			{{Match: "pr", Behind: stream.Skip}, {Match: "price", History: stream.History{Events: 100}}},
		} {
			name := fmt.Sprint("c", i)
			member(t, network, fanout.Config{Node: name, Policies: policies})
			time.Sleep(time.Minute)
			if got := strings.Count(strings.Join(book.all(), ""), "other="+name); got != 1 || !strings.Contains(strings.Join(book.all(), ""), "node=a other="+name+` policy=`) {
				t.Errorf("got %d lines about %s, want 1 with both names and the policy:\n%s", got, name, strings.Join(book.all(), ""))
			}
			if !strings.Contains(namesOf(a), name+" (policies)") {
				t.Errorf("got %s, want the policies of %s marked", namesOf(a), name)
			}
		}
	})
}

func TestNamesOfNodesAreChecked(t *testing.T) {
	for _, name := range []string{"a b", "ä", "a/b", strings.Repeat("a", 65), "a\n"} {
		if err := (fanout.Config{Node: name}).Check(); err == nil || !strings.Contains(err.Error(), "Node") {
			t.Errorf("%q: got %v, want an error that names the field", name, err)
		}
	}
	if err := (fanout.Config{Node: "eu-1.Node_7"}).Check(); err != nil {
		t.Errorf("got %v for a good name", err)
	}
}
