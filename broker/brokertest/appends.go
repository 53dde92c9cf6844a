package brokertest

import (
	"fmt"
	"sync"
	"testing"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/event"
)

// epochOf is the valid epoch of a stream of a type that has events.
func (h *hub) epochOf(t *testing.T, typ string) string {
	t.Helper()
	tops, err := h.Tops(bounded(t), nil, typ)
	if err != nil || len(tops) != 1 {
		t.Fatalf("Tops of %q: got %v, %v, want one position", typ, tops, err)
	}
	if !event.ValidEpoch(tops[0].Epoch) {
		t.Fatalf("the type %q: got the epoch %q, want a valid one", typ, tops[0].Epoch)
	}
	return tops[0].Epoch
}

// streamOf are the deliveries of a stream, once it has brought n of them.
func (h *hub) streamOf(t *testing.T, typ string, n int, typeOf func(broker.Delivery) string) []broker.Delivery {
	t.Helper()
	var list []broker.Delivery
	h.await(t, fmt.Sprintf("%d events of %q", n, typ), func(k *known) bool {
		list = list[:0]
		for _, d := range k.deliveries {
			if d.Kind == broker.Stream && typeOf(d) == typ {
				list = append(list, d)
			}
		}
		return len(list) >= n
	})
	return list
}

func offsetsAreDenseFromOne(t *testing.T, c Config) {
	hubs := open(t, c, 3)
	for _, h := range hubs {
		h.subscribe(t, ofStream("order"))
	}
	policy := keepAll()
	var all []*broker.Append
	for batch := range 10 {
		list := appends(policy, "order", numbered(fmt.Sprint("batch ", batch), 1+batch*20)...)
		hubs[0].append(t, list...)
		all = append(all, list...)
	}
	epoch := hubs[1].epochOf(t, "order")
	for i, h := range hubs {
		for j, d := range h.deliveries(t, len(all)) {
			want := event.Position{Epoch: epoch, Offset: uint64(j + 1)}
			if d.Kind != broker.Stream || d.ByID || d.Name != "" || d.Position != want || text(d.Data) != text(all[j].Data) || all[j].Position != want || all[j].Repeated {
				t.Fatalf("hub %d: got %q at %v of kind %d, which its appender was told to be at %v, repeated %v; want %q at %v",
					i, text(d.Data), d.Position, d.Kind, all[j].Position, all[j].Repeated, text(all[j].Data), want)
			}
		}
	}
}

func allSeeOneOrder(t *testing.T, c Config) {
	const each, appenders = 300, 3
	types := []string{"order", "trade"}
	hubs := open(t, c, appenders)
	for _, h := range hubs {
		h.subscribe(t, ofStream("order"), ofStream("trade"))
	}
	policy := keepAll()
	where := make([]map[string]event.Position, appenders)
	var running sync.WaitGroup
	for i, h := range hubs {
		where[i] = map[string]event.Position{}
		running.Go(func() {
			for n := 0; n < each; n += 10 {
				var list []*broker.Append
				for j := range 10 {
					for _, typ := range types {
						list = append(list, appends(policy, typ, fmt.Sprintf("%s %d %d", typ, i, n+j))...)
					}
				}
				h.Append(t.Context(), list)
				for _, a := range list {
					if a.Err != nil {
						t.Errorf("%q: got %v, want it appended", text(a.Data), a.Err)
					}
					where[i][text(a.Data)] = a.Position
				}
			}
		})
	}
	running.Wait()
	if t.Failed() {
		return
	}
	typeOf := func(d broker.Delivery) string { return text(d.Data)[:5] }
	for _, typ := range types {
		first := hubs[0].streamOf(t, typ, appenders*each, typeOf)
		for i, h := range hubs {
			last := map[string]int{}
			for j, d := range h.streamOf(t, typ, appenders*each, typeOf) {
				var from, number int
				if _, err := fmt.Sscanf(text(d.Data)[6:], "%d %d", &from, &number); err != nil {
					t.Fatalf("hub %d: got %q, want an event of the test: %v", i, text(d.Data), err)
				}
				appender := fmt.Sprint(from)
				if text(d.Data) != text(first[j].Data) || d.Position != first[j].Position || d.Position.Offset != uint64(j+1) || where[from][text(d.Data)] != d.Position {
					t.Fatalf("hub %d: got %q at %v, want what hub 0 has: %q at %v; its appender was told %v",
						i, text(d.Data), d.Position, text(first[j].Data), first[j].Position, where[from][text(d.Data)])
				}
				if number != last[appender] {
					t.Fatalf("hub %d: got event %d of appender %d in place of %d", i, number, from, last[appender])
				}
				last[appender]++
			}
		}
	}
}

func aStreamBeginsUnderItsSubscribers(t *testing.T, c Config) {
	hubs := open(t, c, 2)
	for i := range 20 {
		typ := fmt.Sprint("new-", i)
		hubs[0].subscribe(t, ofStream(typ))
		list := appends(keepAll(), typ, "first of "+typ, "second of "+typ)
		hubs[1].append(t, list...)
		got := hubs[0].deliveries(t, 2*i+2)[2*i:]
		epoch := hubs[0].epochOf(t, typ)
		for j, d := range got {
			if want := (event.Position{Epoch: epoch, Offset: uint64(j + 1)}); d.Position != want || text(d.Data) != text(list[j].Data) {
				t.Fatalf("got %q at %v, want %q at %v", text(d.Data), d.Position, text(list[j].Data), want)
			}
		}
	}
}

func aKeyAppendsOnce(t *testing.T, c Config) {
	hubs := open(t, c, 2)
	hubs[0].subscribe(t, ofStream("order"), ofStream("trade"))
	policy := keepAll()
	keyed := func(typ, key, text string) *broker.Append {
		return &broker.Append{Policy: policy, Type: typ, Key: key, Data: message(text)}
	}
	list := []*broker.Append{
		keyed("order", "k1", "one"), keyed("order", "k2", "two"), keyed("order", "k1", "one again"), keyed("order", "", "three"), keyed("order", "", "three"),
		keyed("trade", "k1", "a trade"), keyed("order", "K1", "other case"), keyed("order", "k 1:*>é%", "odd key"), keyed("order", "k 1:*>é%", "odd key again"),
	}
	hubs[1].append(t, list...)
	later := keyed("order", "k2", "two again")
	hubs[1].append(t, later)
	hubs[1].append(t, keyed("order", "", "last"))
	for i, want := range []struct {
		offset   uint64
		repeated bool
	}{{1, false}, {2, false}, {1, true}, {3, false}, {4, false}, {1, false}, {5, false}, {6, false}, {6, true}} {
		if got := list[i]; got.Position.Offset != want.offset || got.Repeated != want.repeated {
			t.Errorf("%q: got offset %d, repeated %v, want %d, %v", text(got.Data), got.Position.Offset, got.Repeated, want.offset, want.repeated)
		}
	}
	if epoch := hubs[1].epochOf(t, "order"); list[2].Position.Epoch != epoch || later.Position != (event.Position{Epoch: epoch, Offset: 2}) || !later.Repeated {
		t.Errorf("got the repeats at %v and %v, repeated %v, want the epoch %q, and offset 2 of the second", list[2].Position, later.Position, later.Repeated, epoch)
	}
	hubs[0].awaitText(t, "last")
	hubs[0].awaitText(t, "a trade")
	end(t, hubs...)
	var want []broker.Delivery
	for _, text := range []string{"one", "two", "three", "three", "a trade", "other case", "odd key", "last"} {
		want = append(want, broker.Delivery{Kind: broker.Stream, Data: message(text)})
	}
	hubs[0].expect(t, want...)
	if page := hubs[0].read(t, broker.Query{Policy: policy, Type: "order", Events: 100}); page.Top != 7 || len(page.Entries) != 7 {
		t.Errorf("got the top %d and %d events, want 7 and 7", page.Top, len(page.Entries))
	}
}

func aKeyAppendsOnceByWhomever(t *testing.T, c Config) {
	const rounds = 50
	hubs := open(t, c, 3)
	hubs[0].subscribe(t, ofStream("order"))
	policy := keepAll()
	for round := range rounds {
		list := make([]*broker.Append, len(hubs))
		var running sync.WaitGroup
		for i, h := range hubs {
			list[i] = &broker.Append{Policy: policy, Type: "order", Key: fmt.Sprint("key ", round), Data: message(fmt.Sprint(round))}
			running.Go(func() { h.Append(t.Context(), list[i:i+1]) })
		}
		running.Wait()
		firsts := 0
		for _, a := range list {
			if a.Err != nil || a.Position.Offset != uint64(round+1) {
				t.Fatalf("round %d: got offset %d and the error %v, want offset %d", round, a.Position.Offset, a.Err, round+1)
			}
			if !a.Repeated {
				firsts++
			}
		}
		if firsts != 1 {
			t.Fatalf("round %d: got %d appends that were not repeated, want 1", round, firsts)
		}
	}
	hubs[0].append(t, appends(policy, "order", "last")...)
	hubs[0].awaitText(t, "last")
	if got := len(hubs[0].deliveries(t, rounds+1)); got != rounds+1 {
		t.Errorf("got %d events delivered, want %d", got, rounds+1)
	}
}
