package brokertest

import (
	"fmt"
	"testing"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/stream"
)

func aPageIsWhatWasAskedFor(t *testing.T, c Config) {
	const total = 30
	hubs := open(t, c, 2)
	policy := keepAll()
	texts := numbered("event", total)
	hubs[0].append(t, appends(policy, "order", texts...)...)
	epoch := hubs[1].epochOf(t, "order")
	for _, q := range []struct {
		after  uint64
		events int
	}{{0, 1}, {0, 7}, {0, 30}, {0, 1000}, {1, 1}, {13, 10}, {25, 10}, {29, 1}, {29, 10}, {30, 1}, {30, 100}, {31, 10}, {1000, 10}, {event.MaxOffset, 1}} {
		t.Run(fmt.Sprintf("%d behind %d", q.events, q.after), func(t *testing.T) {
			page := hubs[1].read(t, broker.Query{Policy: policy, Type: "order", After: q.after, Events: q.events})
			if page.Epoch != epoch || page.First != 1 || page.Top != total {
				t.Errorf("got the epoch %q, first %d, top %d, want %q, 1, %d", page.Epoch, page.First, page.Top, epoch, total)
			}
			available := max(0, total-int(min(q.after, total)))
			if len(page.Entries) > min(q.events, available) || len(page.Entries) == 0 && available > 0 {
				t.Fatalf("got %d events, want 1 to %d if there are any", len(page.Entries), min(q.events, available))
			}
			for i, entry := range page.Entries {
				if want := q.after + uint64(i) + 1; entry.Offset != want || text(entry.Data) != texts[want-1] {
					t.Errorf("got %q at %d, want %q at %d", text(entry.Data), entry.Offset, texts[want-1], want)
				}
			}
			survivors := hubs[1].read(t, broker.Query{Policy: policy, Type: "order", After: q.after, Events: q.events, Survivors: true})
			if len(survivors.Entries) != 0 || survivors.First != 1 || survivors.Top != total {
				t.Errorf("got %d survivors, first %d and top %d of a whole stream, want 0, 1 and %d", len(survivors.Entries), survivors.First, survivors.Top, total)
			}
		})
	}
	pageBelongsToTheCaller(t, hubs[1], policy)
}

func pageBelongsToTheCaller(t *testing.T, h *hub, policy *stream.Policy) {
	t.Helper()
	q := broker.Query{Policy: policy, Type: "order", Events: 5}
	for _, entry := range h.read(t, q).Entries {
		clear(entry.Data)
	}
	for i, entry := range h.read(t, q).Entries {
		if want := fmt.Sprint("event ", i); text(entry.Data) != want {
			t.Errorf("got %q after the bytes of another page were changed, want %q", text(entry.Data), want)
		}
	}
}

func pagesOfAnEmptyStream(t *testing.T, c Config) {
	h := open(t, c, 1)[0]
	for _, typ := range []string{"never", "not. *yet"} {
		policy := &stream.Policy{Match: "*", History: stream.History{Events: 10, LatestPerID: true}}
		for _, survivors := range []bool{false, true} {
			page := h.read(t, broker.Query{Policy: policy, Type: typ, Events: 10, Survivors: survivors})
			if page.First != 1 || page.Top != 0 || len(page.Entries) != 0 || page.Epoch != "" && !event.ValidEpoch(page.Epoch) {
				t.Errorf("survivors %v: got %+v, want first 1, top 0 and no events", survivors, page)
			}
			if page = h.read(t, broker.Query{Policy: policy, Type: typ, After: 7, Events: 10, Survivors: survivors}); page.First != 1 || page.Top != 0 || len(page.Entries) != 0 {
				t.Errorf("survivors %v, behind 7: got %+v, want first 1, top 0 and no events", survivors, page)
			}
		}
		list := appends(policy, typ, "the first")
		h.append(t, list...)
		if list[0].Position.Offset != 1 {
			t.Errorf("got offset %d of the first event behind reads, want 1", list[0].Position.Offset)
		}
	}
}

func pagesOfATrimmedStream(t *testing.T, c Config) {
	const kept, total = 20, 100
	h := open(t, c, 1)[0]
	policy := &stream.Policy{Match: "*", History: stream.History{Events: kept}}
	texts := numbered("event", total)
	h.append(t, appends(policy, "order", texts...)...)
	first := h.read(t, broker.Query{Policy: policy, Type: "order", Events: 1}).First
	if first > total-kept+1 || first+uint64(c.Slack) < total-kept+1 {
		t.Fatalf("got first %d, want %d", first, total-kept+1)
	}
	for _, after := range []uint64{0, 1, first - 2, first - 1, first, total - 1, total} {
		page := h.read(t, broker.Query{Policy: policy, Type: "order", After: after, Events: 3})
		if page.First != first || page.Top != total {
			t.Errorf("behind %d: got first %d, top %d, want %d, %d", after, page.First, page.Top, first, total)
		}
		if after < total && len(page.Entries) == 0 {
			t.Errorf("behind %d: got no events, want one at least", after)
		}
		for i, entry := range page.Entries {
			if want := max(after+1, first) + uint64(i); entry.Offset != want || text(entry.Data) != texts[want-1] {
				t.Errorf("behind %d: got %q at %d, want %q at %d", after, text(entry.Data), entry.Offset, texts[want-1], want)
			}
		}
	}
}

func topsSayWhereStreamsAre(t *testing.T, c Config) {
	hubs := open(t, c, 2)
	policy := keepAll()
	types := []string{"none"}
	want := []uint64{0}
	for i := range 40 {
		typ := fmt.Sprint("type ", i)
		hubs[0].append(t, appends(policy, typ, numbered("event", i%4+1)...)...)
		types, want = append(types, typ), append(want, uint64(i%4+1))
	}
	types, want = append(types, "none", "type 3"), append(want, 0, 4)
	ahead := event.Position{Epoch: "mine", Offset: 99}
	tops, err := hubs[1].Tops(bounded(t), []event.Position{ahead}, types...)
	if err != nil || len(tops) != len(types)+1 || tops[0] != ahead {
		t.Fatalf("got %v, %v, want %v and one position for each of %d types behind it", tops, err, ahead, len(types))
	}
	for i, typ := range types {
		top := tops[i+1]
		isValid := event.ValidEpoch(top.Epoch) || top.Epoch == "" && want[i] == 0
		if top.Offset != want[i] || !isValid {
			t.Errorf("the type %q: got %v, want offset %d with a valid epoch", typ, top, want[i])
		}
		if want[i] > 0 {
			if page := hubs[0].read(t, broker.Query{Policy: policy, Type: typ, Events: 1}); page.Epoch != top.Epoch {
				t.Errorf("the type %q: got the epoch %q of Tops and %q of Read, want one", typ, top.Epoch, page.Epoch)
			}
		}
	}
}
