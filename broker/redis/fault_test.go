package redis

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/internal/engines"
)

func TestSubscriptionsComeBackAfterAKillAndTheSinkIsTold(t *testing.T) {
	server := engines.Redis(t, engines.RedisOptions{})
	e, r := connect(t, server.URL)
	subscribe(t, e, broker.Key{Type: "price"})
	before := add(t, e, "price", "before")[0].Position
	server.Kill()
	noted := r.awaitNotes(t, 1, "down ")
	if err := e.Subscribe(within(t), broker.Key{Type: "later"}); !errors.Is(err, broker.ErrUnavailable) {
		t.Errorf("got %v of a subscription while Redis is away, want ErrUnavailable", err)
	}
	if err := e.Publish(within(t), []broker.Message{{Key: broker.Key{Type: "price"}}}); !errors.Is(err, broker.ErrUnavailable) {
		t.Errorf("got %v of a message while Redis is away, want ErrUnavailable", err)
	}
	a := &broker.Append{Policy: keepAll, Type: "price", Data: message("away")}
	if e.Append(within(t), []*broker.Append{a}); !errors.Is(a.Err, broker.ErrUnavailable) {
		t.Errorf("got %v of an event while Redis is away, want ErrUnavailable", a.Err)
	}
	server.Restart()
	r.awaitNotes(t, noted, "up", "lost reconnected")
	publish(t, e, broker.Key{Type: "price"}, "1")
	publish(t, e, broker.Key{Type: "later"}, "2")
	if d := r.awaitDeliveries(t, 2); string(d[0].Data)+string(d[1].Data) != "12" {
		t.Errorf("got %+v, want both", d)
	}
	if after := add(t, e, "price", "after")[0].Position; after.Epoch == before.Epoch || after.Offset != 1 {
		t.Errorf("got %v behind %v on an emptied server, want the beginning of another epoch", after, before)
	}
}

func TestFrozenServerIsFoundAndComesBack(t *testing.T) {
	server := engines.Redis(t, engines.RedisOptions{})
	e, r := connect(t, server.URL)
	subscribe(t, e, broker.Key{Type: "price"})
	server.Stop()
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	if err := e.Publish(ctx, []broker.Message{{Key: broker.Key{Type: "price"}}}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want that the context has ended", err)
	}
	noted := r.awaitNotes(t, 1, "down ")
	server.Continue()
	r.awaitNotes(t, noted, "up", "lost reconnected")
	before := len(r.awaitDeliveries(t, 0))
	publish(t, e, broker.Key{Type: "price"}, "back")
	if d := r.awaitDeliveries(t, before+1); string(d[len(d)-1].Data) != "back" {
		t.Errorf("got %q, want the message", d[len(d)-1].Data)
	}
}

func TestServerWithAnOldDumpHasAnotherEpoch(t *testing.T) {
	server := engines.Redis(t, engines.RedisOptions{})
	e, r := connect(t, server.URL)
	add(t, e, "price", "1", "2")
	server.Do("save")
	before := add(t, e, "price", "3")[0].Position
	server.Kill()
	noted := r.awaitNotes(t, 1, "down ")
	server.Restart()
	r.awaitNotes(t, noted, "up")
	if got := top(t, e, "price"); got.Epoch == before.Epoch || got.Offset != 2 {
		t.Errorf("got top %v, want offset 2 of another epoch than that of %v", got, before)
	}
	after := add(t, e, "price", "again")[0].Position
	page := read(t, e, broker.Query{Type: "price", Events: 10})
	if after.Offset != 3 || page.Epoch != after.Epoch || strings.Join(bodies(t, page), ",") != "1,2,again" {
		t.Errorf("got %v and %q, want what the dump had and the event behind it", after, bodies(t, page))
	}
}

func TestTopThatGoesBackHasAnotherEpoch(t *testing.T) {
	server := engines.Redis(t, engines.RedisOptions{})
	e, _ := connect(t, server.URL)
	before := add(t, e, "price", "1", "2", "3")[2].Position
	server.Do("hset", e.names.keys("price").meta, "t", "1")
	server.Do("xtrim", e.names.keys("price").row, "maxlen", "0")
	if got := top(t, e, "price"); got.Epoch == before.Epoch || got.Offset != 1 {
		t.Errorf("got top %v, want another epoch than that of %v", got, before)
	}
	if got := add(t, e, "price", "2")[0].Position; got.Offset != 2 {
		t.Errorf("got %v behind a top of 1, want 2", got)
	}
}

func TestServerOutOfMemorySaysSoAndReadsOn(t *testing.T) {
	server := engines.Redis(t, engines.RedisOptions{})
	e, _ := connect(t, server.URL)
	add(t, e, "price", "kept")
	server.Do("config", "set", "maxmemory", "1mb")
	a := &broker.Append{Policy: keepAll, Type: "price", Data: message("too much")}
	if e.Append(within(t), []*broker.Append{a}); !errors.Is(a.Err, broker.ErrUnavailable) || !strings.Contains(a.Err.Error(), "out of memory") {
		t.Errorf("got %v, want that Redis is out of memory", a.Err)
	}
	if page := read(t, e, broker.Query{Type: "price", Events: 10}); page.Top != 1 || len(page.Entries) != 1 {
		t.Errorf("got %+v, want what was there", page)
	}
	server.Do("config", "set", "maxmemory", "0")
	if got := add(t, e, "price", "fits again")[0].Position; got.Offset != 2 {
		t.Errorf("got %v, want offset 2", got)
	}
}

func TestSubscriberThatServerCutsOffComesBack(t *testing.T) {
	server := engines.Redis(t, engines.RedisOptions{Settings: []string{"client-output-buffer-limit pubsub 256kb 0 0"}})
	e, r := connect(t, server.URL)
	a, _ := connect(t, server.URL)
	subscribe(t, e, broker.Key{Type: "price"})
	publish(t, a, broker.Key{Type: "price"}, strings.Repeat("x", 4<<20))
	r.awaitNotes(t, 1, "down ", "up", "lost reconnected")
	publish(t, a, broker.Key{Type: "price"}, "short")
	r.await(t, "the short message", func() bool { return len(r.deliveries) > 0 && string(r.deliveries[len(r.deliveries)-1].Data) == "short" })
}

func TestOverflowOfTheQueueIsToldOnce(t *testing.T) {
	server := engines.Redis(t, engines.RedisOptions{})
	e, r := open(t, Config{URL: server.URL, Limits: Limits{Queue: 10}})
	r.awaitNotes(t, 0, "up")
	subscribe(t, e, broker.Key{Type: "price"})
	r.mu.Lock()
	r.hold = make(chan struct{})
	r.mu.Unlock()
	for range 10 {
		publish(t, e, broker.Key{Type: "price"}, strings.Split(strings.Repeat("x", 100), "")...)
	}
	subscribe(t, e, broker.Key{Type: "after all have come"})
	close(r.hold)
	r.awaitNotes(t, 1, "lost ")
	publish(t, e, broker.Key{Type: "price"}, "last")
	r.await(t, "the last message", func() bool { return len(r.deliveries) > 0 && string(r.deliveries[len(r.deliveries)-1].Data) == "last" })
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.notes) != 2 || len(r.deliveries) > 200 {
		t.Errorf("got the notes %q and %d messages, want one loss of most", r.notes, len(r.deliveries))
	}
}

func TestManyChannelsComeBackAfterARestart(t *testing.T) {
	server := engines.Redis(t, engines.RedisOptions{})
	e, r := connect(t, server.URL)
	keys := make([]broker.Key, 100_000)
	for i := range keys {
		keys[i] = broker.Key{Type: "user", ID: fmt.Sprint(i)}
	}
	began := time.Now()
	subscribe(t, e, keys...)
	t.Logf("%d channels in %v", len(keys), time.Since(began))
	server.Kill()
	noted := r.awaitNotes(t, 1, "down ")
	server.Restart()
	began = time.Now()
	r.awaitNotes(t, noted, "up", "lost reconnected")
	t.Logf("back after %v", time.Since(began))
	if got := server.Do("pubsub", "numsub", e.names.channel(keys[0]), e.names.channel(keys[99_999])); strings.Count(got, "1\n")+strings.Count(got+"\n", "\n1\n") < 2 {
		t.Errorf("got %q, want a subscriber of both", got)
	}
	publish(t, e, keys[99_999], "x")
	r.awaitDeliveries(t, 1)
}

func TestReconnectMakesNewConnections(t *testing.T) {
	server := engines.Redis(t, engines.RedisOptions{})
	e, r := connect(t, server.URL)
	subscribe(t, e, broker.Key{Type: "price"})
	e.Reconnect("a test wants it")
	r.awaitNotes(t, 1, "down "+broker.ErrUnavailable.Error()+": reconnecting: a test wants it", "up", "lost reconnected")
	publish(t, e, broker.Key{Type: "price"}, "x")
	r.awaitDeliveries(t, 1)
}

func TestReplicaIsRefused(t *testing.T) {
	s := engines.StartRedisSentinels(t, engines.RedisOptions{})
	_, r := open(t, Config{URL: s.Replica.URL})
	r.await(t, "a complaint about the replica", func() bool { return len(r.notes) > 0 && strings.Contains(r.notes[0], "is a replica:") })
}

func TestPrimaryThatFreezesIsReplacedBySentinelsAndIsNotUsedAgain(t *testing.T) {
	s := engines.StartRedisSentinels(t, engines.RedisOptions{})
	e, r := connect(t, s.URL)
	subscribe(t, e, broker.Key{Kind: streams, Type: "price"})
	before := add(t, e, "price", "before")[0].Position
	s.Replica.Eventually("1", "exists", e.names.keys("price").row)
	s.Primary.Stop()
	r.awaitNotes(t, 1, "lost reconnected")
	skip := len(r.awaitDeliveries(t, 1))
	after := add(t, e, "price", "after")[0].Position
	if d := r.awaitDeliveries(t, skip+1)[skip]; d.Position != after || after.Epoch == before.Epoch || after.Offset != 2 {
		t.Errorf("got %v and %v behind %v, want offset 2 of another epoch", d.Position, after, before)
	}
	s.Primary.Continue()
	s.Primary.Eventually("role:slave", "info", "replication")
	if again := add(t, e, "price", "again")[0].Position; again.Epoch != after.Epoch || again.Offset != 3 {
		t.Errorf("got %v, want offset 3 behind %v", again, after)
	}
}
