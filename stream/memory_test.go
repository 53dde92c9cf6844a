package stream

import (
	"errors"
	"strings"
	"testing"
)

func TestEventsAreKeptInOrder(t *testing.T) {
	m := NewMemory(nil)
	defer m.Close()
	p := &Policy{Match: "*", History: History{Events: 3}}
	for want := uint64(1); want <= 5; want++ {
		if got := mustAppend(t, m, p, "price", &testDraft{memory: 100}); got != want {
			t.Fatalf("got the offset %d, want %d", got, want)
		}
	}
	var page Page
	if err := m.Read("price", Query{After: 1, Events: 10}, &page); err != nil {
		t.Fatal(err)
	}
	if page.Top != 5 || page.Kept != 3 || page.Missing != 1 || page.From != 2 || page.To != 2 || len(page.Entries) != 3 || page.Entries[0].Offset != 3 {
		t.Errorf("got the page %+v, want 3, 4 and 5, and 2 missing", page)
	}
	page.Release()
}

func TestAKeyIsAppendedOnce(t *testing.T) {
	m := NewMemory(nil)
	defer m.Close()
	p := &Policy{Match: "*", History: History{Events: 3}}
	first, outcome, err := m.Append(p, []byte("price"), &testDraft{}, "k")
	if err != nil || outcome != Appended {
		t.Fatalf("got %d and %v, want it appended", outcome, err)
	}
	mustAppend(t, m, p, "price", &testDraft{})
	again, outcome, err := m.Append(p, []byte("price"), &testDraft{}, "k")
	if err != nil || outcome != Repeated || again != first {
		t.Errorf("got %+v, outcome %d and %v, want %+v and a repeat", again, outcome, err, first)
	}
}

func TestATypeWithoutHistoryHasNoStream(t *testing.T) {
	m := NewMemory(nil)
	defer m.Close()
	for name, p := range map[string]*Policy{"no policy": nil, "no history": {Match: "*", Behind: Skip}} {
		if _, _, err := m.Append(p, []byte("price"), &testDraft{}, ""); !errors.Is(err, ErrNoHistory) {
			t.Errorf("%s: got %v, want %v", name, err, ErrNoHistory)
		}
	}
}

func TestAnEventThatIsTooLargeIsPlacedAndNotKept(t *testing.T) {
	m := NewMemory(nil)
	defer m.Close()
	p := &Policy{History: History{Bytes: 1024, LatestPerID: true}}
	for _, id := range []string{"a", "b", "a", "c"} {
		mustAppend(t, m, p, "price", &testDraft{id: []byte(id), memory: 100})
	}
	var large *testFrame
	if got := mustAppend(t, m, p, "price", &testDraft{id: []byte("b"), memory: 1024, placed: func(f *testFrame) { large = f }}); got != 5 {
		t.Errorf("got the offset %d, want 5", got)
	}
	if got := large.references.Load(); got != 0 {
		t.Errorf("got %d references to it, want none", got)
	}
	var page Page
	m.Read("price", Query{Events: 10}, &page)
	if page.Top != 5 || page.Kept != 6 || page.Missing != 3 || page.Survivors != 2 || len(page.Entries) != 2 || page.Entries[0].Offset != 3 || page.Entries[1].Offset != 4 {
		t.Errorf("got %+v, want the newest events of a and c", page)
	}
	page.Release()
	checkInvariants(t, m)
}

func TestADraftThatIsNotReadyChangesNothing(t *testing.T) {
	m := NewMemory(nil)
	defer m.Close()
	p := &Policy{History: History{Events: 3}}
	placed := false
	draft := &testDraft{notReady: true, placed: func(*testFrame) { placed = true }}
	position, outcome, err := m.Append(p, []byte("a"), draft, "k")
	if err != nil || outcome != NotReady || position.Offset != 0 || placed {
		t.Errorf("got %+v, outcome %d and %v, placed %v, want nothing", position, outcome, err, placed)
	}
	draft.notReady = false
	if position, outcome, err = m.Append(p, []byte("a"), draft, "k"); err != nil || outcome != Appended || position.Offset != 1 {
		t.Errorf("got %+v, outcome %d and %v once it is ready, want the first event", position, outcome, err)
	}
	checkInvariants(t, m)
}

func TestAPageIsWithinItsBounds(t *testing.T) {
	m := NewMemory(nil)
	defer m.Close()
	p := &Policy{History: History{Events: 100}}
	for range 10 {
		mustAppend(t, m, p, "a", &testDraft{memory: 100})
	}
	for name, c := range map[string]struct {
		query Query
		want  int
	}{
		"all":                       {Query{Events: 100}, 10},
		"few":                       {Query{Events: 3}, 3},
		"none":                      {Query{}, 0},
		"fewer than none":           {Query{Events: -1}, 0},
		"as many as fit":            {Query{Events: 100, Bytes: 399}, 3},
		"one that does not fit":     {Query{Events: 100, Bytes: 1}, 1},
		"those behind":              {Query{After: 8, Events: 100}, 2},
		"none behind the newest":    {Query{After: 10, Events: 100}, 0},
		"none ahead of the stream":  {Query{After: 1000, Events: 100}, 0},
		"none behind what there is": {Query{After: 1<<64 - 1, Events: 100}, 0},
	} {
		var page Page
		if err := m.Read("a", c.query, &page); err != nil || len(page.Entries) != c.want || page.Missing != 0 || page.Top != 10 {
			t.Errorf("%s: got %d events of %+v and %v, want %d", name, len(page.Entries), page, err, c.want)
		}
		page.Release()
	}
}

func TestWhatWasReadOutlivesItsRemoval(t *testing.T) {
	m := NewMemory(nil)
	defer m.Close()
	p := &Policy{History: History{Events: 3}}
	var frame *testFrame
	mustAppend(t, m, p, "a", &testDraft{placed: func(f *testFrame) { frame = f }})
	var page Page
	m.Read("a", Query{Events: 10}, &page)
	if err := m.Remove("a"); err != nil {
		t.Fatal(err)
	}
	if got := frame.references.Load(); got != 1 {
		t.Errorf("got %d references while the page is there, want its own", got)
	}
	page.Release()
	if got := frame.references.Load(); got != 0 || len(page.Entries) != 0 || cap(page.Entries) == 0 {
		t.Errorf("got %d references and %d entries once it is released, want none and room for more", got, len(page.Entries))
	}
	if got := mustAppend(t, m, p, "a", &testDraft{}); got != 2 {
		t.Errorf("got the offset %d behind the removal, want 2", got)
	}
	if err := m.Remove("never was"); err != nil {
		t.Errorf("got %v for a type without a stream, want no error", err)
	}
}

func TestEveryStoreHasAnEpochOfItsOwn(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		m := NewMemory(nil)
		epoch := m.Epoch()
		m.Close()
		if seen[epoch] || len(epoch) != 10 || strings.Trim(epoch, epochLetters) != "" {
			t.Fatalf("got the epoch %q, want ten letters and digits that are new", epoch)
		}
		seen[epoch] = true
	}
}
