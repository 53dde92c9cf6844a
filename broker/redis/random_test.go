package redis

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/internal/engines"
)

func TestWhatIsInForceIsWhatWasAskedForLast(t *testing.T) {
	server := engines.Redis(t, engines.RedisOptions{})
	e, r := connect(t, server.URL)
	wanted := [40]bool{}
	var callers sync.WaitGroup
	for first := range 4 {
		callers.Go(func() {
			random := rand.New(rand.NewPCG(uint64(first), 1))
			for range 300 {
				i := first*10 + random.IntN(10)
				key := broker.Key{Type: fmt.Sprint(i)}
				if wanted[i] = random.IntN(2) == 0; !wanted[i] {
					if err := e.Unsubscribe(within(t), key); err != nil {
						t.Error(err)
					}
				} else if err := e.Subscribe(within(t), key); err != nil && !errors.Is(err, broker.ErrUnavailable) {
					t.Error(err)
				}
				if first == 0 && i == 9 && random.IntN(10) == 0 {
					e.Reconnect("a test wants it")
				}
			}
		})
	}
	callers.Wait()
	for e.Subscribe(within(t), broker.Key{Type: "last"}) != nil {
		r.await(t, "a session", func() bool { return e.available() == nil })
	}
	var want []string
	for i, isWanted := range wanted {
		if isWanted {
			want = append(want, e.names.channel(broker.Key{Type: fmt.Sprint(i)}))
		}
	}
	want = append(want, e.names.channel(broker.Key{Type: "last"}), e.names.probe(0, e.epochs.engine))
	slices.Sort(want)
	var got []string
	for deadline := time.Now().Add(testPatience); !slices.Equal(got, want) && time.Now().Before(deadline); {
		got = strings.Fields(server.Do("pubsub", "channels"))
		slices.Sort(got)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got the channels %q, want %q", got, want)
	}
}

func TestQueueHoldsItsBounds(t *testing.T) {
	for name, c := range map[string]struct{ limit, bytes, size, want int }{
		"messages":            {limit: 3, bytes: 1000, size: 10, want: 3},
		"bytes":               {limit: 100, bytes: 35, size: 10, want: 3},
		"one that is too big": {limit: 100, bytes: 5, size: 10, want: 1},
	} {
		t.Run(name, func(t *testing.T) {
			q := queue{limit: c.limit, limitBytes: c.bytes, wake: make(chan struct{}, 1)}
			for round := range 2 {
				for range 5 {
					q.put(rueidis.PubSubMessage{Message: strings.Repeat("x", c.size)})
				}
				if messages, dropped := q.take(nil); len(messages) != c.want || dropped != 0 {
					t.Errorf("got %d messages and %d dropped in round %d, want %d, and nothing told yet", len(messages), dropped, round, c.want)
				}
			}
			if _, dropped := q.take(nil); dropped != 2*(5-c.want) {
				t.Errorf("got %d dropped, want %d", dropped, 2*(5-c.want))
			}
			if _, dropped := q.take(nil); dropped != 0 {
				t.Errorf("got %d dropped, want that they are told once", dropped)
			}
		})
	}
}

func TestScriptsThatAServerHasForgottenAreSentAgain(t *testing.T) {
	server := engines.Redis(t, engines.RedisOptions{})
	e, _ := connect(t, server.URL)
	add(t, e, "price", "1")
	server.Do("script", "flush")
	if got := add(t, e, "price", "2", "3", "4")[2].Position; got.Offset != 4 {
		t.Errorf("got %v, want offset 4", got)
	}
	server.Do("script", "flush")
	if got := strings.Join(bodies(t, read(t, e, broker.Query{Type: "price", Events: 10})), ""); got != "1234" {
		t.Errorf("got %q, want 1234", got)
	}
}

func TestEvictionIsWarnedOf(t *testing.T) {
	server := engines.Redis(t, engines.RedisOptions{Settings: []string{"maxmemory-policy allkeys-lru"}})
	var log lines
	_, r := open(t, Config{URL: server.URL, Logger: logTo(&log)})
	r.awaitNotes(t, 0, "up")
	if !strings.Contains(log.String(), "noeviction") {
		t.Errorf("got the log %q, want a warning", &log)
	}
}

func TestServersThatAreNotThereAreTriedUntilClose(t *testing.T) {
	for _, url := range []string{"redis://127.0.0.1:1", "redis-sentinel://127.0.0.1:1,127.0.0.1:2/mymaster", "redis-cluster://127.0.0.1:1,127.0.0.1:2"} {
		e, r := open(t, Config{URL: url})
		r.awaitNotes(t, 0, "down ")
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		r.mu.Lock()
		if !strings.Contains(r.notes[0], "refused") {
			t.Errorf("got %q of %s, want that the connection was refused", r.notes, url)
		}
		r.mu.Unlock()
	}
}

func TestManyChannelsOfAClusterUseAllShards(t *testing.T) {
	c := engines.StartRedisCluster(t, engines.RedisOptions{})
	e, r := connect(t, c.URL)
	keys := make([]broker.Key, 30_000)
	for i := range keys {
		keys[i] = broker.Key{Type: "user", ID: fmt.Sprint(i)}
	}
	subscribe(t, e, keys...)
	e.Reconnect("a test wants it")
	r.awaitNotes(t, 1, "down ", "up")
	total := 0
	for _, node := range c.Nodes[:3] {
		count := len(strings.Fields(node.Do("pubsub", "shardchannels")))
		if total += count; count < 8000 || count > 12000 {
			t.Errorf("got %d channels on %s, want some 10,000", count, node.Address)
		}
	}
	if total != len(keys)+3 {
		t.Errorf("got %d channels, want %d and one of each link", total, len(keys))
	}
	c.Nodes[1].Stop()
	r.awaitNotes(t, 4, "down ", "up", "lost reconnected")
	c.Nodes[1].Continue()
	for i := 0; i < len(keys); i += 1000 {
		publish(t, e, keys[i], "x")
	}
	r.awaitDeliveries(t, 30)
}
