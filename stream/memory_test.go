package stream

import (
	"errors"
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
