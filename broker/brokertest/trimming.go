package brokertest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/stream"
)

// readAll reads a stream, or its survivors, from the beginning, in pages of a few events, and checks each page.
func (h *hub) readAll(t *testing.T, q broker.Query) (last broker.Page, all []broker.Entry) {
	t.Helper()
	for {
		page := h.read(t, q)
		if page.First > page.Top+1 || len(page.Entries) > q.Events {
			t.Fatalf("got first %d, top %d and %d events for %+v", page.First, page.Top, len(page.Entries), q)
		}
		if len(page.Entries) == 0 {
			return page, all
		}
		for i, entry := range page.Entries {
			isInPlace := entry.Offset > q.After && entry.Offset <= page.Top
			if q.Survivors {
				isInPlace = isInPlace && entry.Offset < page.First
			} else if i > 0 {
				isInPlace = isInPlace && entry.Offset == q.After+1
			}
			if !isInPlace {
				t.Fatalf("got offset %d behind %d in a page with first %d and top %d, survivors %v", entry.Offset, q.After, page.First, page.Top, q.Survivors)
			}
			q.After = entry.Offset
			all = append(all, entry)
		}
	}
}

func eventsTrimsTheOldest(t *testing.T, c Config) {
	const kept, total = 10, 57
	h := open(t, c, 1)[0]
	policy := &stream.Policy{Match: "*", History: stream.History{Events: kept}}
	texts := numbered("event", total)
	for i := 0; i < total; i += 5 {
		h.append(t, appends(policy, "order", texts[i:min(i+5, total)]...)...)
	}
	page, all := h.readAll(t, broker.Query{Policy: policy, Type: "order", Events: 4})
	if page.Top != total || page.First > total-kept+1 || page.First+uint64(c.Slack) < total-kept+1 {
		t.Errorf("got first %d and top %d, want %d and %d", page.First, page.Top, total-kept+1, total)
	}
	if len(all) != int(page.Top-page.First)+1 || all[0].Offset != page.First {
		t.Errorf("got %d events, want those from %d to %d", len(all), page.First, page.Top)
	}
	for _, entry := range all {
		if want := texts[entry.Offset-1]; text(entry.Data) != want {
			t.Errorf("got %q at %d, want %q", text(entry.Data), entry.Offset, want)
		}
	}
	tops, err := h.Tops(bounded(t), nil, "order")
	if err != nil || tops[0].Offset != total || tops[0].Epoch != page.Epoch {
		t.Errorf("got the tops %v, %v, want offset %d of the epoch %q", tops, err, total, page.Epoch)
	}
}

func bytesTrimsTheOldest(t *testing.T, c Config) {
	const each, kept, total = 1 << 10, 64, 1000
	h := open(t, c, 1)[0]
	policy := &stream.Policy{Match: "*", History: stream.History{Bytes: kept * each}}
	pad := strings.Repeat("x", each-broker.HeaderBytes)
	for i := range total / 50 {
		var texts []string
		for j := range 50 {
			texts = append(texts, (fmt.Sprint(i*50+j+1, " ") + pad)[:len(pad)])
		}
		h.append(t, appends(policy, "order", texts...)...)
	}
	page, all := h.readAll(t, broker.Query{Policy: policy, Type: "order", Events: 100})
	if page.Top != total || len(all) < kept/4 || len(all) > 2*kept+c.Slack {
		t.Errorf("got %d events of %d bytes and the top %d, want about %d and %d", len(all), each, page.Top, kept, total)
	}
	for _, entry := range all {
		if want := fmt.Sprint(entry.Offset, " x"); !strings.HasPrefix(text(entry.Data), want) {
			t.Errorf("got %.20q at %d, want %q", text(entry.Data), entry.Offset, want)
		}
	}
}

func ageTrimsTheOldest(t *testing.T, c Config) {
	h := open(t, c, 1)[0]
	young := &stream.Policy{Match: "young", History: stream.History{Age: time.Hour}}
	h.append(t, appends(young, "young", numbered("young", 20)...)...)
	if !c.OldStay {
		old := &stream.Policy{Match: "old", History: stream.History{Age: 200 * time.Millisecond}}
		h.append(t, appends(old, "old", numbered("old", 5)...)...)
		h.awaitFirst(t, old, "old", 6)
	}
	if page, all := h.readAll(t, broker.Query{Policy: young, Type: "young", Events: 8}); page.First != 1 || page.Top != 20 || len(all) != 20 {
		t.Errorf("got first %d, top %d and %d events that may be an hour old, want 1, 20 and 20", page.First, page.Top, len(all))
	}
}

// awaitFirst appends to a stream until events ahead of an offset are kept no more.
func (h *hub) awaitFirst(t *testing.T, policy *stream.Policy, typ string, first uint64) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for pause := time.NewTicker(50 * time.Millisecond); ; {
		page := h.read(t, broker.Query{Policy: policy, Type: typ, Events: 1})
		if page.First >= first {
			pause.Stop()
			return
		}
		select {
		case <-deadline.C:
			t.Fatalf("got first %d and top %d of events that may be %v old, want %d at least", page.First, page.Top, policy.History.Age, first)
		case <-pause.C:
		}
		h.append(t, appends(policy, typ, "a newer one")...)
	}
}

func theNewestOfEachIDSurvives(t *testing.T, c Config) {
	const kept = 5
	h := open(t, c, 1)[0]
	policy := &stream.Policy{Match: "*", History: stream.History{Events: kept, LatestPerID: true}}
	var list []*broker.Append
	newest := map[string]int{}
	for i := range 60 {
		id := fmt.Sprint("id:", i%20)
		switch {
		case i == 30:
			id = "seldom . *"
		case i >= 40:
			id = fmt.Sprint("id:", i%4)
		case i%20 == 19:
			id = ""
		}
		newest[id] = i + 1
		list = append(list, &broker.Append{Policy: policy, Type: "price", ID: id, Data: message(fmt.Sprint(i + 1))})
		if len(list) == 6 {
			h.append(t, list...)
			list = nil
		}
	}
	h.awaitRows(t, broker.Query{Policy: policy, Type: "price", Events: 3}, func(page broker.Page, row, survivors []broker.Entry) string {
		return survivorsProblem(page, row, survivors, newest, c.Slack)
	})
}

// awaitRows reads a stream and its survivors until there is no problem with them.
func (h *hub) awaitRows(t *testing.T, q broker.Query, problem func(page broker.Page, row, survivors []broker.Entry) string) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	pause := time.NewTicker(20 * time.Millisecond)
	defer pause.Stop()
	for {
		page, row := h.readAll(t, q)
		ahead := q
		ahead.Survivors = true
		_, survivors := h.readAll(t, ahead)
		found := problem(page, row, survivors)
		if found == "" {
			return
		}
		select {
		case <-pause.C:
		case <-deadline.C:
			t.Fatal(found)
		}
	}
}

func bytesTrimsTheOldestSurvivors(t *testing.T, c Config) {
	const each, fit, ids, kept = 1 << 10, 64, 150, 4
	h := open(t, c, 1)[0]
	policy := &stream.Policy{Match: "*", History: stream.History{Events: kept, Bytes: fit * each, LatestPerID: true}}
	pad := strings.Repeat("x", each-broker.HeaderBytes)
	var list []*broker.Append
	for i := range 2 * ids {
		data := message((fmt.Sprint(i+1, " ") + pad)[:len(pad)])
		list = append(list, &broker.Append{Policy: policy, Type: "price", ID: fmt.Sprint(i % ids), Data: data})
		if len(list) == 30 {
			h.append(t, list...)
			list = nil
		}
	}
	h.awaitRows(t, broker.Query{Policy: policy, Type: "price", Events: 50}, func(page broker.Page, row, survivors []broker.Entry) string {
		switch all := len(row) + len(survivors); {
		case page.Top != 2*ids || page.First > page.Top-kept+1 || page.First+uint64(c.Slack) < page.Top-kept+1:
			return fmt.Sprintf("got first %d and top %d, want %d and %d", page.First, page.Top, 2*ids-kept+1, 2*ids)
		case all < fit/4 || all > 2*fit+c.Slack:
			return fmt.Sprintf("got %d events in a row and %d survivors, of %d bytes each, want about %d together: History.Bytes is for both", len(row), len(survivors), each, fit)
		}
		for i, entry := range survivors {
			want := page.First - uint64(len(survivors)-i)
			if entry.Offset != want || !strings.HasPrefix(text(entry.Data), fmt.Sprint(want, " x")) {
				return fmt.Sprintf("got %.20q at %d as survivor %d of %d, want the event at %d: the oldest have to go first", text(entry.Data), entry.Offset, i+1, len(survivors), want)
			}
		}
		return ""
	})
}

// survivorsProblem says what is wrong with the rows of a stream, or nothing.
func survivorsProblem(page broker.Page, row, survivors []broker.Entry, newest map[string]int, slack int) string {
	if page.Top != 60 || page.First > 56 || page.First+uint64(slack) < 56 || len(row) != int(page.Top-page.First)+1 {
		return fmt.Sprintf("got first %d, top %d and %d events in a row, want 56, 60 and 5", page.First, page.Top, len(row))
	}
	want := map[uint64]bool{}
	for _, offset := range newest {
		if uint64(offset) < page.First {
			want[uint64(offset)] = true
		}
	}
	last := uint64(0)
	for _, entry := range survivors {
		switch {
		case !want[entry.Offset]:
			return fmt.Sprintf("got offset %d among the survivors, want only the newest of each id: %v", entry.Offset, want)
		case text(entry.Data) != fmt.Sprint(entry.Offset):
			return fmt.Sprintf("got %q at %d among the survivors", text(entry.Data), entry.Offset)
		case entry.Offset <= last:
			return fmt.Sprintf("got offset %d behind %d among the survivors, want them in order", entry.Offset, last)
		}
		last = entry.Offset
	}
	if len(survivors) != len(want) {
		return fmt.Sprintf("got %d survivors, want %d", len(survivors), len(want))
	}
	return ""
}
