package brokers

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/internal/engines"
)

// counting is an engine that counts the pages that are read.
type counting struct {
	broker.Broker
	reads atomic.Int64
}

func (c *counting) Read(ctx context.Context, q broker.Query) (broker.Page, error) {
	c.reads.Add(1)
	return c.Broker.Read(ctx, q)
}

// newHub starts a hub that has its broker.
func newHub(t *testing.T, name string, b broker.Broker) *fanout.Hub {
	t.Helper()
	h, err := fanout.New(fanout.Config{Node: name, Broker: b, Policies: policies})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = h.Shutdown(ctx)
	})
	until(t, name+" has the broker", func() bool { return h.Broker().Up })
	return h
}

func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v until %s, in vain", patience, what)
		}
	}
}

// spokeOf connects a spoke that reads all and looks at nothing.
func spokeOf(t *testing.T, h *fanout.Hub) *fanout.Spoke {
	t.Helper()
	here, there := net.Pipe()
	go func() { _, _ = io.Copy(io.Discard, here) }()
	t.Cleanup(func() { here.Close() })
	s, err := h.AddConnection(there, fanout.AddOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// nodeOf is what a hub knows of another one, nothing if it does not know it.
func nodeOf(h *fanout.Hub, name string) (found fanout.Node) {
	for _, n := range h.Nodes() {
		if n.Name == name {
			found = n
		}
	}
	return found
}

// testManyIDs has a hub ask for 100,000 ids, and wants it back with all of them after the broker was started again, and the other hub not to have taken it for dead.
func testManyIDs(t *testing.T, open func(int) broker.Broker, restart func()) {
	const spokes, each = 100, 1000
	many, other := newHub(t, "many", open(0)), newHub(t, "other", open(1))
	for i := range spokes {
		topics := make([]string, each)
		for j := range topics {
			topics[j] = fmt.Sprintf("user:%d", i*each+j)
		}
		if err := spokeOf(t, many).Subscribe(topics...); err != nil {
			t.Fatal(err)
		}
	}
	if got := many.Stats().BrokerKeys; got != spokes*each {
		t.Fatalf("got %d keys, want %d", got, spokes*each)
	}
	until(t, "the hubs know each other", func() bool { return nodeOf(other, "many").Name != "" && nodeOf(many, "other").Name != "" })
	since, losses := nodeOf(other, "many").Since, many.Stats().BrokerLosses
	restart()
	began := time.Now()
	until(t, "the hub is told that the broker is back", func() bool { return many.Broker().Up && many.Stats().BrokerLosses > losses })
	back := time.Since(began)
	until(t, "the other hub has the broker", func() bool { return other.Broker().Up })
	until(t, "the other hub has heard of it again", func() bool { return nodeOf(other, "many").Heard.After(began) })
	if got := nodeOf(other, "many").Since; got != since {
		t.Errorf("got a hub that is known since %v, want since %v: it was taken for dead", got, since)
	}
	before := many.Stats()
	const probes = 1000
	for i := range probes {
		if _, err := other.Publish(context.Background(), event.Event{Type: "user", ID: fmt.Sprint(i * spokes * each / probes), Payload: []byte("1")}); err != nil {
			t.Fatal(err)
		}
	}
	until(t, "the events of all ids come", func() bool { return many.Stats().BrokerReceived-before.BrokerReceived >= probes })
	t.Logf("%d ids were back %v after the servers were", spokes*each, back)
}

func TestManyIDsAreBackAfterNATSWasStartedAgain(t *testing.T) {
	t.Parallel()
	s := engines.NATS(t, engines.NATSOptions{})
	testManyIDs(t, onNATS(t, s.URL), s.Restart)
}

func TestManyIDsAreBackAfterRedisWasStartedAgain(t *testing.T) {
	t.Parallel()
	s := engines.Redis(t, engines.RedisOptions{})
	testManyIDs(t, onRedis(t, s.URL), s.Restart)
}

func TestManyIDsAreBackAfterARedisClusterWasStartedAgain(t *testing.T) {
	t.Parallel()
	r := engines.StartRedisCluster(t, engines.RedisOptions{})
	testManyIDs(t, onRedis(t, r.URL), func() {
		for _, s := range r.Nodes {
			s.Kill()
		}
		for _, s := range r.Nodes {
			s.Restart()
		}
		r.AwaitHealthy()
	})
}
