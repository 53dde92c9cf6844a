package redis

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/internal/engines"
)

// load appends to streams until it is stopped, and holds that no position is given twice.
type load struct {
	stop    context.CancelFunc
	done    sync.WaitGroup
	mu      sync.Mutex
	given   map[string]string
	refused atomic.Int64
	taken   atomic.Int64
}

func startLoad(t *testing.T, e *Engine, types ...string) *load {
	t.Helper()
	ctx, stop := context.WithCancel(within(t))
	l := &load{stop: stop, given: map[string]string{}}
	for _, typ := range types {
		l.done.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				text := fmt.Sprint(typ, " ", i)
				a := &broker.Append{Policy: keepAll, Type: typ, Data: message(text)}
				e.Append(within(t), []*broker.Append{a})
				l.note(t, typ, text, a)
			}
		})
	}
	t.Cleanup(l.end)
	return l
}

func (l *load) end() {
	l.stop()
	l.done.Wait()
}

func (l *load) note(t *testing.T, typ, text string, a *broker.Append) {
	if a.Err != nil {
		l.refused.Add(1)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	place := typ + " " + a.Position.String()
	if other := l.given[place]; other != "" {
		t.Errorf("got position %s for %q and for %q, want each once", place, other, text)
	}
	l.given[place] = text
	l.taken.Add(1)
}

// awaitMore waits until the load has had this many more events accepted.
func (l *load) awaitMore(t *testing.T, r *recorder, count int64) {
	t.Helper()
	want := l.taken.Load() + count
	r.await(t, "events that are accepted", func() bool { return l.taken.Load() >= want })
}

// holdsDelivered fails the test if two events have come with one position.
func holdsDelivered(t *testing.T, r *recorder) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	given := map[event.Position]string{}
	for _, d := range r.deliveries {
		typ, _, _ := strings.Cut(string(d.Data[broker.HeaderBytes:]), " ")
		place := event.Position{Epoch: typ + d.Position.Epoch, Offset: d.Position.Offset}
		if other := given[place]; other != "" && other != string(d.Data) {
			t.Fatalf("got %q and %q at %v, want one", other, d.Data, d.Position)
		}
		given[place] = string(d.Data)
	}
}

func TestSentinelsFailOverUnderLoad(t *testing.T) {
	s := engines.StartRedisSentinels(t, engines.RedisOptions{Password: "secret"})
	e, r := connect(t, s.URL)
	a, _ := connect(t, s.URL)
	subscribe(t, e, broker.Key{Kind: streams, Type: "price"}, broker.Key{Type: "plain"})
	load := startLoad(t, a, "price")
	load.awaitMore(t, r, 100)
	before := top(t, e, "price").Epoch
	s.Primary.Kill()
	r.awaitNotes(t, 1, "down ", "up", "lost reconnected")
	load.awaitMore(t, r, 100)
	load.end()
	if after := top(t, e, "price").Epoch; after == before {
		t.Errorf("got epoch %q after the failover, want another one", after)
	}
	publish(t, a, broker.Key{Type: "plain"}, "x")
	r.await(t, "a plain message", func() bool { return r.deliveries[len(r.deliveries)-1].Kind == plain })
	r.mu.Lock()
	r.deliveries = r.deliveries[:len(r.deliveries)-1]
	r.mu.Unlock()
	holdsDelivered(t, r)
}

func TestPrimaryOfAClusterIsReplacedUnderLoad(t *testing.T) {
	c := engines.StartRedisCluster(t, engines.RedisOptions{Password: "secret"})
	e, r := connect(t, c.URL)
	a, other := connect(t, c.URL)
	types := typesByNode(e)
	var keys []broker.Key
	for _, typ := range types {
		keys = append(keys, broker.Key{Kind: streams, Type: typ})
	}
	subscribe(t, e, keys...)
	load := startLoad(t, a, types[:]...)
	load.awaitMore(t, r, 100)
	before := top(t, e, types[0]).Epoch
	c.Nodes[0].Kill()
	noted := r.awaitNotes(t, 1, "down ", "up", "lost reconnected")
	other.awaitNotes(t, 1, "down ", "up")
	load.awaitMore(t, r, 300)
	load.end()
	if after := top(t, e, types[0]).Epoch; after == before {
		t.Errorf("got epoch %q after the failover, want another one", after)
	}
	skip := len(r.awaitDeliveries(t, 1))
	for _, typ := range types {
		add(t, a, typ, typ+" last")
	}
	r.awaitDeliveries(t, skip+len(types))
	holdsDelivered(t, r)
	c.Nodes[0].Restart()
	c.AwaitHealthy()
	if r.noted() != noted {
		t.Errorf("got %q as the node came back, want nothing told", r.notes[noted:])
	}
}

// typesByNode has a type for each of the three primaries.
func typesByNode(e *Engine) (types [3]string) {
	for i := range 1000 {
		typ := fmt.Sprintf("type%d", i)
		bucket := e.names.bucket(e.names.channel(broker.Key{Kind: streams, Type: typ}))
		types[min(int(slotOf(tags[bucket]))/5461, 2)] = typ
	}
	return types
}

func TestSlotThatMovesTakesItsSubscriptionsAlong(t *testing.T) {
	c := engines.StartRedisCluster(t, engines.RedisOptions{})
	e, r := connect(t, c.URL)
	a, _ := connect(t, c.URL)
	typ := typesByNode(e)[0]
	key := broker.Key{Kind: streams, Type: typ}
	subscribe(t, e, key, broker.Key{Type: typ})
	before := add(t, a, typ, "before")[0].Position
	slot := int(slotOf(tags[e.names.bucket(e.names.channel(key))]))
	c.MoveSlot(slot, c.Nodes[0], c.Nodes[1])
	r.awaitNotes(t, 1, "lost "+slotsMoved)
	skip := len(r.awaitDeliveries(t, 1))
	after := add(t, a, typ, "after")[0].Position
	publish(t, a, broker.Key{Type: typ}, "plain")
	r.awaitDeliveries(t, skip+2)
	if after.Epoch == before.Epoch || after.Offset != 2 {
		t.Errorf("got %v behind %v on another node, want offset 2 of another epoch", after, before)
	}
	if page := read(t, e, broker.Query{Type: typ, Events: 10}); strings.Join(bodies(t, page), ",") != "before,after" {
		t.Errorf("got %q, want what was there and what came", bodies(t, page))
	}
}

// muffler passes connections on to a server, and once it is on drops what the server sends to subscribers.
type muffler struct {
	address string
	on      atomic.Bool
	dropped atomic.Int64
}

// muffle listens on a port. Messages have to be short and far apart, so that each is read by itself.
func muffle(t *testing.T, server string) *muffler {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &muffler{address: listener.Addr().String()}
	var done sync.WaitGroup
	done.Go(func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", server)
			if err != nil {
				_ = near.Close()
				continue
			}
			done.Go(func() { m.pass(far, near, false) })
			done.Go(func() { m.pass(near, far, true) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		done.Wait()
	})
	return m
}

func (m *muffler) pass(to, from net.Conn, fromServer bool) {
	defer func() { _, _ = to.Close(), from.Close() }()
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		if fromServer && m.on.Load() && bytes.HasPrefix(buffer[:n], []byte(">3\r\n$7\r\nmessage\r\n")) {
			m.dropped.Add(1)
			continue
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

func TestDeafConnectionIsFound(t *testing.T) {
	server := engines.Redis(t, engines.RedisOptions{})
	m := muffle(t, server.Address)
	e, r := open(t, Config{URL: "redis://" + m.address, Limits: Limits{Idle: 1, Timeout: 1000000000}})
	r.awaitNotes(t, 0, "up")
	subscribe(t, e, broker.Key{Type: "price"})
	m.on.Store(true)
	r.await(t, "a complaint about a deaf connection", func() bool { return strings.Contains(r.notes[len(r.notes)-1]+strings.Join(r.notes, ""), "deaf") })
	m.on.Store(false)
	r.awaitNotes(t, 1, "down ", "up", "lost reconnected")
	if m.dropped.Load() == 0 {
		t.Error("got no message that was dropped, want at least one")
	}
	publish(t, e, broker.Key{Type: "price"}, "x")
	r.awaitDeliveries(t, 1)
}
