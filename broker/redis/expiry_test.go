package redis

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/internal/engines"
	"github.com/spokehub/spokehub/stream"
)

const day = 24 * 60 * 60

// ttl is how many seconds a key has left, negative if it does not expire or is not there.
func ttl(t *testing.T, server *engines.RedisServer, key string) int {
	t.Helper()
	left, err := strconv.Atoi(server.Do("ttl", key))
	if err != nil {
		t.Fatal(err)
	}
	return left
}

func TestStreamThatIsFollowedDoesNotExpire(t *testing.T) {
	server := engines.Redis(t, engines.RedisOptions{})
	for name, ask := range map[string]func(e *Engine, typ string) string{
		"top":  func(e *Engine, typ string) string { return top(t, e, typ).Epoch },
		"page": func(e *Engine, typ string) string { return read(t, e, broker.Query{Type: typ, Events: 1}).Epoch },
	} {
		t.Run(name, func(t *testing.T) {
			e, _ := connect(t, server.URL)
			add(t, e, "price", "1")
			for typ, life := range map[string]int{"silent": day, "price": 30 * day} {
				epoch, meta := ask(e, typ), e.names.keys(typ).meta
				if left := ttl(t, server, meta); left <= life/2 || left > life {
					t.Errorf("got %d seconds until %q expires, want some %d", left, typ, life)
				}
				server.Do("expire", meta, "3600")
				if got := ask(e, typ); got != epoch {
					t.Errorf("got epoch %q of %q, want %q still", got, typ, epoch)
				}
				if left := ttl(t, server, meta); left <= life/2 {
					t.Errorf("got %d seconds until %q expires after somebody has asked, want some %d", left, typ, life)
				}
			}
		})
	}
}

func TestAskingForAStreamDoesNotShortenItsLife(t *testing.T) {
	server := engines.Redis(t, engines.RedisOptions{})
	e, _ := connect(t, server.URL)
	long := &stream.Policy{Match: "*", History: stream.History{Age: 60 * day * time.Second}}
	a := &broker.Append{Policy: long, Type: "price", Data: message("kept for 60 days")}
	if e.Append(within(t), []*broker.Append{a}); a.Err != nil {
		t.Fatal(a.Err)
	}
	top(t, e, "price")
	if left := ttl(t, server, e.names.keys("price").meta); left < 59*day {
		t.Errorf("got %d seconds until the stream expires, want some %d", left, 60*day)
	}
}

func TestBytesOfEventsThatHaveExpiredAreNotCounted(t *testing.T) {
	server := engines.Redis(t, engines.RedisOptions{})
	e, _ := connect(t, server.URL)
	for name, policy := range map[string]*stream.Policy{
		"in a row":         {Match: "*", History: stream.History{Bytes: 8000}},
		"newest of its id": {Match: "*", History: stream.History{Bytes: 8000, LatestPerID: true}},
	} {
		t.Run(name, func(t *testing.T) {
			typ := strings.ReplaceAll(name, " ", "-")
			put := func(text string) {
				a := &broker.Append{Policy: policy, Type: typ, ID: text[:1], Data: message(text)}
				if e.Append(within(t), []*broker.Append{a}); a.Err != nil {
					t.Fatal(a.Err)
				}
			}
			for i := range 8 {
				put(strconv.Itoa(i) + strings.Repeat("x", 900))
			}
			keys := e.names.keys(typ)
			server.Do("del", keys.row, keys.order, keys.newest)
			put("a" + strings.Repeat("x", 900))
			put("b" + strings.Repeat("x", 900))
			if page := read(t, e, broker.Query{Type: typ, Policy: policy, Events: 10}); page.First != 9 || len(page.Entries) != 2 {
				t.Errorf("got %d events from %d on, want the 2 from 9 on that were appended since the others went", len(page.Entries), page.First)
			}
			if got := server.Do("hlen", keys.newest); policy.History.LatestPerID && got != "2" {
				t.Errorf("got %s events that are the newest of their id, want 2", got)
			}
		})
	}
}

func TestServerThatTakesNoWritesIsReadStill(t *testing.T) {
	server := engines.Redis(t, engines.RedisOptions{})
	e, _ := connect(t, server.URL)
	before := add(t, e, "price", "1")[0].Position
	server.Do("expire", e.names.keys("price").meta, "3600")
	server.Do("config", "set", "min-replicas-to-write", "1")
	if got := top(t, e, "price"); got != before {
		t.Errorf("got top %v, want %v", got, before)
	}
	if page := read(t, e, broker.Query{Type: "price", Events: 10}); len(page.Entries) != 1 {
		t.Errorf("got %+v, want what was there", page)
	}
}
