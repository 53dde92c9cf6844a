package redis

import (
	"fmt"
	"slices"
	"testing"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/internal/engines"
)

// behaviours are what an engine does on whatever kind of servers.
var behaviours = map[string]func(t *testing.T, url string){
	"messages reach those who are subscribed, in order":   messagesReachThoseWhoAreSubscribedInOrder,
	"a message with an id reaches both keys":              messageWithAnIDReachesBothKeys,
	"odd characters come back as they were":               oddCharactersComeBackAsTheyWere,
	"unsubscribed keys bring nothing":                     unsubscribedKeysBringNothing,
	"appended events are delivered and read in one order": appendedEventsAreDeliveredAndReadInOneOrder,
	"an event with a key that was there is repeated":      eventWithAKeyThatWasThereIsRepeated,
	"the newest event of each id survives":                newestOfEachIDSurvives,
}

func TestEngineOnOneServer(t *testing.T) {
	behave(t, engines.Redis(t, engines.RedisOptions{}).URL)
}

func TestEngineOnACluster(t *testing.T) {
	behave(t, engines.StartRedisCluster(t, engines.RedisOptions{}).URL)
}

func behave(t *testing.T, url string) {
	for name, test := range behaviours {
		t.Run(name, func(t *testing.T) { test(t, url) })
	}
}

func messagesReachThoseWhoAreSubscribedInOrder(t *testing.T, url string) {
	a, _ := connect(t, url)
	b, r := connect(t, url)
	subscribe(t, b, broker.Key{Type: "price"}, broker.Key{Kind: control, Type: "hubs"})
	var want []string
	for i := range 1000 {
		want = append(want, fmt.Sprint(i))
	}
	publish(t, a, broker.Key{Type: "price"}, want...)
	publish(t, a, broker.Key{Type: "other"}, "unwanted")
	var got []string
	for _, d := range r.awaitDeliveries(t, len(want)) {
		if d.Kind != plain || d.ByID || d.Name != "" {
			t.Fatalf("got %+v, want a plain one by type", d)
		}
		got = append(got, string(d.Data))
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want 0 to 999 in order", got)
	}
	publish(t, a, broker.Key{Kind: control, Type: "hubs"}, "hello")
	d := r.awaitDeliveries(t, len(want)+1)[len(want)]
	if d.Kind != control || d.Name != "hubs" || string(d.Data) != "hello" {
		t.Errorf("got %+v, want the control message", d)
	}
}

func messageWithAnIDReachesBothKeys(t *testing.T, url string) {
	a, _ := connect(t, url)
	b, byID := connect(t, url)
	c, byType := connect(t, url)
	key := broker.Key{Type: "price", ID: "EUR:USD {1}"}
	subscribe(t, b, key)
	subscribe(t, c, broker.Key{Type: "price"})
	publish(t, a, broker.Key{Type: "price", ID: "other"}, "1")
	publish(t, a, key, "2")
	if d := byID.awaitDeliveries(t, 1)[0]; !d.ByID || string(d.Data) != "2" {
		t.Errorf("got %+v, want that of the id", d)
	}
	if d := byType.awaitDeliveries(t, 2); d[0].ByID || string(d[0].Data)+string(d[1].Data) != "12" {
		t.Errorf("got %+v, want both", d)
	}
}

func oddCharactersComeBackAsTheyWere(t *testing.T, url string) {
	e, r := connect(t, url)
	count := 0
	for _, odd := range []string{"{}", "}{a}", "*", "a b", "?[x]\\", "é\u2028", "p", ".", "%3A", string([]byte{0xff, 0xfe})} {
		id := ":" + odd + ":"
		subscribe(t, e, broker.Key{Type: odd}, broker.Key{Type: odd, ID: id}, broker.Key{Kind: streams, Type: odd})
		publish(t, e, broker.Key{Type: odd, ID: id}, "\r\n\x00"+odd)
		events := []*broker.Append{{Policy: keepAll, Type: odd, ID: id, Key: id, Data: message("\x00\n:" + odd)}}
		e.Append(within(t), events)
		if events[0].Err != nil {
			t.Fatal(events[0].Err)
		}
		count += 3
		page := read(t, e, broker.Query{Type: odd, Events: 10})
		if got := bodies(t, page); !slices.Equal(got, []string{"\x00\n:" + odd}) {
			t.Errorf("got %q in stream %q, want what was appended", got, odd)
		}
		for _, d := range r.awaitDeliveries(t, count)[count-3:] {
			switch {
			case d.Kind == plain && string(d.Data) != "\r\n\x00"+odd:
				t.Errorf("got %q, want what was published to %q", d.Data, odd)
			case d.Kind == streams && (d.Position != events[0].Position || string(d.Data[broker.HeaderBytes:]) != "\x00\n:"+odd):
				t.Errorf("got %q at %v, want what was appended to %q", d.Data, d.Position, odd)
			}
		}
	}
}

func unsubscribedKeysBringNothing(t *testing.T, url string) {
	e, r := connect(t, url)
	subscribe(t, e, broker.Key{Type: "a"}, broker.Key{Type: "b"})
	if err := e.Unsubscribe(within(t), broker.Key{Type: "a"}, broker.Key{Type: "unknown"}); err != nil {
		t.Fatal(err)
	}
	subscribe(t, e, broker.Key{Type: "later"})
	publish(t, e, broker.Key{Type: "a"}, "unwanted")
	publish(t, e, broker.Key{Type: "b"}, "b")
	if d := r.awaitDeliveries(t, 1); string(d[0].Data) != "b" {
		t.Errorf("got %q, want that of b alone", d[0].Data)
	}
	subscribe(t, e, broker.Key{Type: "a"})
	publish(t, e, broker.Key{Type: "a"}, "wanted again")
	if d := r.awaitDeliveries(t, 2); string(d[1].Data) != "wanted again" {
		t.Errorf("got %q, want that of a", d[1].Data)
	}
}

func TestBucketsAreSpreadOverTheSlots(t *testing.T) {
	for bucket, tag := range tags {
		if slot := int(slotOf(tag)); slot/bucketSlots != bucket || bucketOfTag[tag] != bucket {
			t.Errorf("got slot %d of tag %q, want one of bucket %d", slot, tag, bucket)
		}
	}
	if got := slotOf("123456789"); got != 0x31c3%slotCount {
		t.Errorf("got slot %d of 123456789, want that of the standard's test vector", got)
	}
	count := [bucketCount]int{}
	for i := range 100 * bucketCount {
		count[bucketOf(fmt.Sprint("type", i))]++
	}
	if slices.Min(count[:]) < 50 || slices.Max(count[:]) > 200 {
		t.Errorf("got %v types in the buckets, want some 100 in each", count)
	}
}
