package brokertest

import (
	"fmt"
	"testing"
	"time"

	"github.com/spokehub/spokehub/broker"
)

func unsubscribeEndsASubscription(t *testing.T, c Config) {
	hubs := open(t, c, 2)
	hubs[0].subscribe(t, plain("price", ""), plain("order", "7"), plain("order", "8"), control("hubs"), ofStream("news"))
	gone := []broker.Key{plain("price", ""), plain("order", "7"), control("hubs"), ofStream("news")}
	if err := hubs[0].Unsubscribe(bounded(t), append(gone, plain("never", "there"))...); err != nil {
		t.Fatalf("Unsubscribe: %v", err)
	}
	policy := keepAll()
	deadline := time.Now().Add(patience)
	for round := 0; ; round++ {
		before := len(hubs[0].deliveries(t, 0))
		for _, key := range gone {
			if key.Kind == broker.Stream {
				hubs[1].append(t, appends(policy, key.Type, "no more")...)
			} else {
				hubs[1].publish(t, key, "no more")
			}
		}
		mark := fmt.Sprint("kept ", round)
		hubs[1].publish(t, plain("order", "8"), mark)
		hubs[0].awaitText(t, mark)
		if len(hubs[0].deliveries(t, 0)) == before+1 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("got messages of keys that were unsubscribed from for %v, want an end", patience)
		}
	}
	hubs[0].subscribe(t, gone...)
	hubs[1].publish(t, plain("price", ""), "again")
	hubs[0].awaitText(t, "again")
}

func subscribingTwiceIsSubscribingOnce(t *testing.T, c Config) {
	hubs := open(t, c, 2)
	keys := []broker.Key{plain("price", ""), plain("order", "7"), ofStream("news"), control("hubs")}
	hubs[0].subscribe(t, append(keys, keys...)...)
	hubs[0].subscribe(t, keys...)
	send := func(text string) {
		for _, key := range keys {
			if key.Kind != broker.Stream {
				hubs[1].publish(t, key, text)
			}
		}
	}
	send("once")
	hubs[1].append(t, appends(keepAll(), "news", "once")...)
	hubs[0].deliveries(t, 4)
	end(t, hubs...)
	hubs[0].expect(t, broker.Delivery{Data: message("once")}, broker.Delivery{ByID: true, Data: message("once")},
		broker.Delivery{Kind: broker.Stream, Data: message("once")}, broker.Delivery{Kind: broker.Control, Name: "hubs", Data: message("once")})
	if err := hubs[0].Unsubscribe(bounded(t), keys[0]); err != nil {
		t.Fatalf("Unsubscribe: %v", err)
	}
	if err := hubs[0].Unsubscribe(bounded(t), keys[0]); err != nil {
		t.Fatalf("Unsubscribe from a key again: %v", err)
	}
	hubs[0].subscribe(t, keys[0])
	hubs[1].publish(t, keys[0], "back")
	hubs[0].awaitText(t, "back")
}

func manyKeysInOneCall(t *testing.T, c Config) {
	const many = 10_000
	hubs := open(t, c, 2)
	var keys []broker.Key
	var batch []broker.Message
	var want []broker.Delivery
	for i := range many {
		key := plain("user", fmt.Sprint(i))
		if i%2 == 1 {
			key = plain(fmt.Sprint("type-", i), "")
		}
		keys = append(keys, key)
		if i%10 < 2 {
			batch = append(batch, broker.Message{Key: key, Data: message(fmt.Sprint(i))})
			want = append(want, broker.Delivery{ByID: key.ID != "", Data: message(fmt.Sprint(i))})
		}
	}
	hubs[0].subscribe(t, keys...)
	if err := hubs[1].Publish(bounded(t), batch); err != nil {
		t.Fatal(err)
	}
	hubs[0].deliveries(t, len(batch))
	end(t, hubs...)
	hubs[0].expect(t, want...)
	if err := hubs[0].Unsubscribe(bounded(t), keys...); err != nil {
		t.Fatalf("Unsubscribe from %d keys: %v", many, err)
	}
	hubs[0].subscribe(t, keys[:2]...)
	hubs[1].publish(t, keys[1], "of the second key")
	hubs[0].awaitText(t, "of the second key")
}
