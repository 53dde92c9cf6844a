package nats

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/internal/engines"
	"github.com/spokehub/spokehub/stream"
)

func TestEventWithAKnownKeyIsNotAppendedAgain(t *testing.T) {
	s := engines.NATS(t, engines.NATSOptions{})
	a, told := connect(t, s)
	b, _ := connect(t, s)
	subscribe(t, a, broker.Key{Kind: broker.Stream, Type: "order"}, broker.Key{Kind: broker.Stream, Type: "other"})
	key := "an odd key: ü \"x\"\n" + fmt.Sprint(make([]byte, 100))
	one := func(e *Engine, typ, key string) *broker.Append {
		list := events(kept, typ, "event")
		list[0].Key = key
		appendAll(t, e, list)
		return list[0]
	}
	first := one(a, "order", key)
	again := one(b, "order", key)
	if first.Repeated || !again.Repeated || first.Position != again.Position {
		t.Errorf("got %v, %v and again %v, %v, want the first position twice", first.Position, first.Repeated, again.Position, again.Repeated)
	}
	if other := one(b, "other", key); other.Repeated || other.Position.Offset != 1 {
		t.Errorf("got %v, %v in another stream, want the event appended", other.Position, other.Repeated)
	}
	if next := one(a, "order", key+"x"); next.Repeated || next.Position.Offset != 2 {
		t.Errorf("got %v, %v with another key, want the event appended", next.Position, next.Repeated)
	}
	told.awaitDeliveries(t, 3)
}

func TestSurvivorsAreTheNewestOfEachID(t *testing.T) {
	s := engines.NATS(t, engines.NATSOptions{})
	e, _ := connect(t, s)
	policy := &stream.Policy{Match: "*", History: stream.History{Events: 10, LatestPerID: true}}
	var list []*broker.Append
	newest := map[string]uint64{}
	for i := range 1000 {
		id := fmt.Sprintf("id %d", i%300)
		if i >= 500 {
			id = fmt.Sprintf("id %d", i%7)
		}
		newest[id] = uint64(i + 1)
		list = append(list, &broker.Append{Policy: policy, Type: "price", ID: id, Data: fmt.Appendf(nil, "%s %d", id, i+1)})
	}
	appendAll(t, e, list)
	want := map[uint64]bool{}
	for _, offset := range newest {
		if offset <= 990 {
			want[offset] = true
		}
	}
	for _, single := range []bool{false, true} {
		e.link.batches.Store(!single)
		if got := survivors(t, e, policy, list); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("one by one %v: got the survivors %v, want %v", single, got, want)
		}
	}
}

func TestSurvivorsOfANewEpochAreItsOwn(t *testing.T) {
	s := engines.NATS(t, engines.NATSOptions{})
	e, told := connect(t, s)
	policy := &stream.Policy{Match: "*", History: stream.History{Events: 10, LatestPerID: true}}
	round := func(ids int) (list []*broker.Append) {
		for i := range 1000 {
			id := fmt.Sprint(min(i, ids))
			list = append(list, &broker.Append{Policy: policy, Type: "price", ID: id, Data: fmt.Appendf(nil, "%d of %d", i, ids)})
		}
		appendAll(t, e, list)
		return list
	}
	if got := survivors(t, e, policy, round(300)); len(got) != 300 {
		t.Errorf("got %d survivors, want 300", len(got))
	}
	m, err := e.wait(t.Context(), e.ask(apiPrefix+"STREAM.DELETE."+e.subjects.streamName(kindEvents, "price"), nil))
	if err != nil || noResponders(m) {
		t.Fatalf("got %v, %v of the deletion", m, err)
	}
	if got := survivors(t, e, policy, round(20)); len(got) != 20 {
		t.Errorf("got %d survivors after the stream was deleted, want 20", len(got))
	}
	told.awaitNotes(t, 1, "lost ")
}

// survivors reads the survivors of price, of which list are all events, by pages.
func survivors(t *testing.T, e *Engine, policy *stream.Policy, list []*broker.Append) map[uint64]bool {
	t.Helper()
	got := map[uint64]bool{}
	for after := uint64(0); ; {
		page := readPage(t, e, broker.Query{Policy: policy, Type: "price", After: after, Events: 17, Survivors: true})
		if page.First != 991 || page.Top != 1000 || page.Epoch != list[0].Position.Epoch {
			t.Fatalf("got the page from %d to %d of %s, want 991 to 1000", page.First, page.Top, page.Epoch)
		}
		if len(page.Entries) == 0 {
			break
		}
		for _, entry := range page.Entries {
			if entry.Offset <= after {
				t.Fatalf("got the offset %d behind %d, want them in order", entry.Offset, after)
			}
			after = entry.Offset
			got[after] = true
			if want := string(list[after-1].Data); string(entry.Data) != want {
				t.Fatalf("got %q at %d, want %q", entry.Data, after, want)
			}
		}
	}
	return got
}

func TestPagesEndWhereTheRowDoes(t *testing.T) {
	s := engines.NATS(t, engines.NATSOptions{})
	e, _ := connect(t, s)
	few := &stream.Policy{Match: "*", History: stream.History{Events: 100}}
	empty := readPage(t, e, broker.Query{Policy: few, Type: "order", Events: 10})
	if empty.First != 1 || empty.Top != 0 || len(empty.Entries) != 0 || !event.ValidEpoch(empty.Epoch) {
		t.Errorf("got %+v of a stream without events, want none, and an epoch", empty)
	}
	list := events(few, "order", texts(250, "%d")...)
	appendAll(t, e, list)
	if list[0].Position.Epoch != empty.Epoch {
		t.Errorf("got the epoch %s, want that of the empty stream, %s", list[0].Position.Epoch, empty.Epoch)
	}
	for _, c := range []struct {
		after    uint64
		events   int
		from, to uint64
	}{{0, 10, 151, 160}, {150, 10, 151, 160}, {155, 1000, 156, 250}, {249, 10, 250, 250}, {250, 10, 0, 0}, {1000, 10, 0, 0}, {1<<64 - 1, 10, 0, 0}} {
		for _, single := range []bool{false, true} {
			e.link.batches.Store(!single)
			page := readPage(t, e, broker.Query{Policy: few, Type: "order", After: c.after, Events: c.events})
			var from, to uint64
			for i, entry := range page.Entries {
				if i == 0 {
					from = entry.Offset
				}
				to = entry.Offset
				if string(entry.Data) != fmt.Sprint(entry.Offset-1) {
					t.Errorf("got %q at %d", entry.Data, entry.Offset)
				}
			}
			if page.First != 151 || page.Top != 250 || from != c.from || to != c.to {
				t.Errorf("one by one %v, behind %d: got %d to %d of %d to %d, want %d to %d of 151 to 250", single, c.after, from, to, page.First, page.Top, c.from, c.to)
			}
		}
	}
}

func TestManyStreamsAreAskedForAtOnce(t *testing.T) {
	s := engines.NATS(t, engines.NATSOptions{})
	e, _ := connect(t, s)
	small := &stream.Policy{Match: "*", History: stream.History{Events: 10, Bytes: 10_000}}
	var list []*broker.Append
	var types []string
	for i := range 2 * window {
		types = append(types, fmt.Sprintf("type-%d", i))
		for range i % 3 {
			list = append(list, &broker.Append{Policy: small, Type: types[i], Data: []byte("x")})
		}
	}
	appendAll(t, e, list)
	tops, err := e.Tops(t.Context(), []event.Position{{Epoch: "x"}}, types...)
	if err != nil || len(tops) != 1+len(types) {
		t.Fatalf("got %d tops, %v, want %d behind what was there", len(tops), err, len(types))
	}
	for i, top := range tops[1:] {
		if top.Offset != uint64(i%3) {
			t.Errorf("got %v of %s, want offset %d", top, types[i], i%3)
		}
	}
}

func TestSeveralAppendersSeeOneOrderInOneEpoch(t *testing.T) {
	s := engines.NATS(t, engines.NATSOptions{})
	a, toldA := connect(t, s)
	b, toldB := connect(t, s)
	subscribe(t, a, broker.Key{Kind: broker.Stream, Type: "order"})
	subscribe(t, b, broker.Key{Kind: broker.Stream, Type: "order"})
	const appenders, rounds, each = 8, 20, 10
	lists := make([][]*broker.Append, appenders)
	var working sync.WaitGroup
	for i := range appenders {
		working.Go(func() {
			for n := range rounds {
				list := events(kept, "order", texts(each, fmt.Sprintf("%d %d %%d", i, n))...)
				[]*Engine{a, b}[i%2].Append(t.Context(), list)
				lists[i] = append(lists[i], list...)
			}
		})
	}
	working.Wait()
	epoch, seen := lists[0][0].Position.Epoch, map[uint64]bool{}
	for _, list := range lists {
		for i, one := range list {
			if one.Err != nil || one.Position.Epoch != epoch || seen[one.Position.Offset] || i > 0 && one.Position.Offset <= list[i-1].Position.Offset {
				t.Fatalf("got %v, %v, want a position of its own in %s, in order", one.Position, one.Err, epoch)
			}
			seen[one.Position.Offset] = true
		}
	}
	gotA, gotB := toldA.awaitDeliveries(t, len(seen)), toldB.awaitDeliveries(t, len(seen))
	for i := range gotA {
		if want := (event.Position{Epoch: epoch, Offset: uint64(i + 1)}); gotA[i].Position != want || gotB[i].Position != want || string(gotA[i].Data) != string(gotB[i].Data) {
			t.Fatalf("got %v and %v, want %v at both", gotA[i].Position, gotB[i].Position, want)
		}
	}
	if toldA.noted() != 1 || toldB.noted() != 1 {
		t.Errorf("got the notes %q and %q, want up alone", toldA.notes, toldB.notes)
	}
}

func TestStreamOfAnotherMakerHasAnEpochByItsTime(t *testing.T) {
	s := engines.NATS(t, engines.NATSOptions{})
	e, _ := connect(t, s)
	made, err := e.establish(t.Context(), e.wantedStream("order", kept.History))
	if err != nil {
		t.Fatal(err)
	}
	list := events(kept, "order", "x")
	appendAll(t, e, list)
	if got := list[0].Position.Epoch; got != made.epoch() || !event.ValidEpoch(got) || !event.ValidEpoch(nextEpoch(got)) || got[0] != 'c' {
		t.Errorf("got the epoch %q, want a valid one by the time", got)
	}
}

func TestPageEndsAtAHoleAndTheNextBeginsBehindIt(t *testing.T) {
	s := engines.NATS(t, engines.NATSOptions{})
	e, _ := connect(t, s)
	appendAll(t, e, events(kept, "order", texts(20, "%d")...))
	for _, offset := range []int{8, 9, 15} {
		body := fmt.Appendf(nil, `{"seq":%d}`, offset)
		if m, err := e.wait(t.Context(), e.ask(apiPrefix+"STREAM.MSG.DELETE."+e.subjects.streamName(kindEvents, "order"), body)); err != nil || noResponders(m) {
			t.Fatalf("got %v, %v of the deletion", m, err)
		}
	}
	for _, c := range []struct{ after, first, from, to uint64 }{{0, 1, 1, 7}, {3, 1, 4, 7}, {7, 10, 10, 14}, {11, 1, 12, 14}, {14, 16, 16, 20}} {
		page := readPage(t, e, broker.Query{Policy: kept, Type: "order", After: c.after, Events: 100})
		if n := len(page.Entries); n == 0 || page.First != c.first || page.Entries[0].Offset != c.from || page.Entries[n-1].Offset != c.to || string(page.Entries[n-1].Data) != fmt.Sprint(c.to-1) {
			t.Errorf("behind %d: got %+v, want %d to %d, from %d on", c.after, page, c.from, c.to, c.first)
		}
	}
}

func TestTheLastEventsOfAStreamCanBeDeleted(t *testing.T) {
	s := engines.NATS(t, engines.NATSOptions{})
	e, _ := connect(t, s)
	appendAll(t, e, events(kept, "order", texts(5, "%d")...))
	for _, offset := range []int{4, 5} {
		body := fmt.Appendf(nil, `{"seq":%d}`, offset)
		if m, err := e.wait(t.Context(), e.ask(apiPrefix+"STREAM.MSG.DELETE."+e.subjects.streamName(kindEvents, "order"), body)); err != nil || noResponders(m) {
			t.Fatalf("got %v, %v of the deletion", m, err)
		}
	}
	if page := readPage(t, e, broker.Query{Policy: kept, Type: "order", Events: 100}); len(page.Entries) != 3 || page.Top != 5 {
		t.Errorf("got %+v, want three events and the top 5", page)
	}
	if page := readPage(t, e, broker.Query{Policy: kept, Type: "order", After: 3, Events: 100}); len(page.Entries) != 0 || page.First != 6 || page.Top != 5 {
		t.Errorf("got %+v behind 3, want none, gone up to 5", page)
	}
	appendAll(t, e, events(kept, "order", "6"))
	if page := readPage(t, e, broker.Query{Policy: kept, Type: "order", After: 3, Events: 100}); len(page.Entries) != 1 || page.First != 6 || page.Entries[0].Offset != 6 {
		t.Errorf("got %+v behind 3, want the event 6 alone", page)
	}
}

func TestOldAndLargeEventsAreTrimmed(t *testing.T) {
	s := engines.NATS(t, engines.NATSOptions{})
	e, _ := connect(t, s)
	short := &stream.Policy{Match: "*", History: stream.History{Age: time.Millisecond}}
	small := &stream.Policy{Match: "*", History: stream.History{Bytes: 20_000}}
	appendAll(t, e, events(short, "short", texts(5, "%d")...))
	large := texts(10, strings.Repeat("x", 5000)+" %d")
	appendAll(t, e, events(small, "small", large...))
	page := readPage(t, e, broker.Query{Policy: small, Type: "small", Events: 100})
	if n := len(page.Entries); page.Top != 10 || n != 3 || page.First != 8 || string(page.Entries[2].Data) != large[9] {
		t.Errorf("got %d events from %d to %d, want as many as fit into 20,000 bytes", n, page.First, page.Top)
	}
	for deadline := time.Now().Add(testPatience); ; pause(t.Context(), pageWait) {
		page = readPage(t, e, broker.Query{Policy: short, Type: "short", Events: 100})
		if page.First == 6 && page.Top == 5 && len(page.Entries) == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("got %+v, want the events gone by their age", page)
		}
	}
	next := events(short, "short", "x")
	appendAll(t, e, next)
	if next[0].Position.Offset != 6 || next[0].Position.Epoch != page.Epoch {
		t.Errorf("got the position %v behind trimmed events, want offset 6 of %s", next[0].Position, page.Epoch)
	}
}
