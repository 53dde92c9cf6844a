package stream

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spokehub/spokehub/event"
)

// mustInsert inserts an event at the next offset of a replica.
func mustInsert(t testing.TB, m *Memory, typ string, offset uint64, d Draft) {
	t.Helper()
	if outcome, err := m.Insert([]byte(typ), offset, 0, d); err != nil || outcome != Appended {
		t.Fatalf("insert %d into %q: got outcome %d and %v, want it appended", offset, typ, outcome, err)
	}
}

// pageOf reads a page, and gives the frames back.
func pageOf(t testing.TB, m *Memory, typ string, q Query) (page Page, offsets []uint64) {
	t.Helper()
	if err := m.Read(typ, q, &page); err != nil {
		t.Fatal(err)
	}
	for i := range page.Entries {
		offsets = append(offsets, page.Entries[i].Offset)
		page.Entries[i].Frame.Release()
	}
	page.Entries = nil
	return page, offsets
}

func topOf(t testing.TB, m *Memory, typ string) event.Position {
	t.Helper()
	tops, err := m.Tops(nil, typ)
	if err != nil {
		t.Fatal(err)
	}
	return tops[0]
}

func TestReplicaBeginsBehindThePositionThatItFollows(t *testing.T) {
	m := NewMemory(nil)
	defer m.Close()
	p := &Policy{History: History{Events: 10}}
	m.Begin(p, "a", event.Position{Epoch: "x", Offset: 40}, nil)
	if page, _ := pageOf(t, m, "a", Query{After: 30, Events: 10}); fmt.Sprintf("%+v", page) != fmt.Sprintf("%+v", Page{Epoch: "x", Top: 40, Kept: 41, Missing: 10, From: 31, To: 40}) {
		t.Errorf("got %+v, want all up to 40 missing, and counted", page)
	}
	mustInsert(t, m, "a", 41, &testDraft{})
	mustInsert(t, m, "a", 42, &testDraft{})
	page, offsets := pageOf(t, m, "a", Query{After: 38, Events: 10})
	if page.Epoch != "x" || page.Missing != 2 || page.From != 39 || page.To != 40 || fmt.Sprint(offsets) != "[41 42]" {
		t.Errorf("got %+v with %v, want 39 and 40 missing ahead of 41 and 42", page, offsets)
	}
	if got := topOf(t, m, "a"); got != (event.Position{Epoch: "x", Offset: 42}) {
		t.Errorf("got the top %+v, want 42 of x", got)
	}
	checkInvariants(t, m)
}

func TestInsertTakesTheNextOffsetAlone(t *testing.T) {
	m := NewMemory(nil)
	defer m.Close()
	p := &Policy{History: History{Events: 10}}
	if _, err := m.Insert([]byte("a"), 1, 0, &testDraft{}); !errors.Is(err, ErrNoReplica) {
		t.Errorf("ahead of Begin: got %v, want ErrNoReplica", err)
	}
	mustAppend(t, m, p, "own", &testDraft{})
	if _, err := m.Insert([]byte("own"), 2, 0, &testDraft{}); !errors.Is(err, ErrNoReplica) {
		t.Errorf("into a stream of the store: got %v, want ErrNoReplica", err)
	}
	m.Begin(p, "a", event.Position{Epoch: "x", Offset: 5}, nil)
	for name, c := range map[string]struct {
		offset uint64
		draft  testDraft
		want   Outcome
		err    error
	}{
		"one that is gone":       {5, testDraft{}, Repeated, nil},
		"one too far ahead":      {7, testDraft{}, NotReady, ErrHole},
		"one that is not ready":  {6, testDraft{notReady: true}, NotReady, nil},
		"a survivor, not wanted": {0, testDraft{}, Repeated, nil},
	} {
		t.Run(name, func(t *testing.T) {
			c.draft.placed = func(*testFrame) { t.Error("got the event placed, want nothing done") }
			if got, err := m.Insert([]byte("a"), c.offset, 0, &c.draft); got != c.want || !errors.Is(err, c.err) {
				t.Errorf("got outcome %d and %v, want %d and %v", got, err, c.want, c.err)
			}
		})
	}
	if _, _, err := m.Append(p, []byte("a"), &testDraft{}, ""); !errors.Is(err, ErrReplica) {
		t.Errorf("append: got %v, want ErrReplica", err)
	}
	if outcome, err := m.InsertSurvivor([]byte("a"), 3, &testDraft{}); outcome != NotReady || err == nil {
		t.Errorf("survivor: got outcome %d and %v, want an error for a policy without LatestPerID", outcome, err)
	}
	checkInvariants(t, m)
}

func TestAnotherEpochDropsWhatWasKept(t *testing.T) {
	m := NewMemory(nil)
	defer m.Close()
	p := &Policy{History: History{Events: 3, LatestPerID: true}}
	var frames []*testFrame
	keep := func(f *testFrame) { frames = append(frames, f) }
	for i := range 8 {
		mustAppend(t, m, p, "a", &testDraft{id: fmt.Append(nil, i), placed: keep})
	}
	m.Begin(p, "a", event.Position{Epoch: "x"}, nil)
	for i := range 8 {
		mustInsert(t, m, "a", uint64(i+1), &testDraft{id: fmt.Append(nil, i), placed: keep})
	}
	m.Begin(p, "a", event.Position{Epoch: "y", Offset: 2}, nil)
	for _, frame := range frames {
		if got := frame.references.Load(); got != 0 {
			t.Errorf("event %d: got %d references, want none after another epoch began", frame.offset, got)
		}
	}
	if got := m.Stats(); got.Streams != 1 || got.Events != 0 || got.Appended != 16 || got.Trimmed != 16 {
		t.Errorf("got %+v, want one stream without events, and all 16 trimmed", got)
	}
	if page, _ := pageOf(t, m, "a", Query{Events: 1}); page.Epoch != "y" || page.Top != 2 || page.Missing != 2 {
		t.Errorf("got %+v, want an empty stream of y at 2", page)
	}
	checkInvariants(t, m)
}

func TestOffsetsOfTheStoreGoOnAfterAReplica(t *testing.T) {
	m := NewMemory(nil)
	defer m.Close()
	p := &Policy{History: History{Events: 3}}
	for range 7 {
		mustAppend(t, m, p, "a", &testDraft{})
	}
	m.Begin(p, "a", event.Position{Epoch: "x", Offset: 1 << 40}, nil)
	mustInsert(t, m, "a", 1<<40+1, &testDraft{})
	m.End("a")
	m.End("a")
	if got := topOf(t, m, "a"); got != (event.Position{Epoch: m.Epoch(), Offset: 7}) {
		t.Errorf("got the top %+v, want 7 of the store's own epoch", got)
	}
	if got := mustAppend(t, m, p, "a", &testDraft{}); got != 8 {
		t.Errorf("got the offset %d, want 8: behind those used before the replica, whose own don't count", got)
	}
	m.End("a")
	if got := m.Stats(); got.Streams != 1 || got.Events != 1 {
		t.Errorf("got %+v, want End to leave a stream of the store alone", got)
	}
	checkInvariants(t, m)
}

func TestReplicaJumpsOverAHole(t *testing.T) {
	m := NewMemory(nil)
	defer m.Close()
	p := &Policy{History: History{LatestPerID: true}}
	m.Begin(p, "a", event.Position{Epoch: "x"}, nil)
	const events = 3*trimAtOnce + 5
	for i := range uint64(events) {
		mustInsert(t, m, "a", i+1, &testDraft{id: fmt.Append(nil, i%4)})
	}
	m.Begin(p, "a", event.Position{Epoch: "x", Offset: events - 1}, nil)
	if page, offsets := pageOf(t, m, "a", Query{After: events - 1, Events: 9}); page.Top != events || len(offsets) != 1 {
		t.Errorf("got %+v with %v, want a position behind the top to change nothing", page, offsets)
	}
	m.Begin(p, "a", event.Position{Epoch: "x", Offset: events + 10}, nil)
	checkInvariants(t, m)
	for i, want := range []Outcome{Appended, Appended, Repeated} {
		got, err := m.InsertSurvivor([]byte("a"), events+uint64(5+2*(i%2)), &testDraft{id: fmt.Append(nil, i)})
		if err != nil || got != want {
			t.Fatalf("survivor %d: got outcome %d and %v, want %d", i, got, err, want)
		}
	}
	mustInsert(t, m, "a", events+11, &testDraft{id: []byte("2")})
	if got, err := m.InsertSurvivor([]byte("a"), events+9, &testDraft{id: []byte("2")}); got != Repeated || err != nil {
		t.Errorf("got outcome %d and %v for a survivor whose id has a newer event, want it repeated", got, err)
	}
	if _, err := m.InsertSurvivor([]byte("a"), events+12, &testDraft{}); !errors.Is(err, ErrHole) {
		t.Errorf("got %v for a survivor ahead of all, want ErrHole", err)
	}
	page, offsets := pageOf(t, m, "a", Query{Events: 9})
	if want := []uint64{events - 1, events + 5, events + 7, events + 11}; fmt.Sprint(offsets) != fmt.Sprint(want) {
		t.Errorf("got the events %v, want %v: the newest of each id", offsets, want)
	}
	if page.Missing != events+10-3 || page.Survivors != 3 || page.From != 1 || page.To != events+10 {
		t.Errorf("got %+v, want all others up to %d missing", page, events+10)
	}
	checkInvariants(t, m)
}

func TestInsertedEventsAreAsOldAsTheyWere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory(nil)
		defer m.Close()
		p := &Policy{History: History{Age: 10 * time.Second}}
		m.Begin(p, "a", event.Position{Epoch: "x"}, nil)
		for i, age := range []time.Duration{time.Hour, 9 * time.Second, 5 * time.Second, 20 * time.Second, -time.Hour} {
			if outcome, err := m.Insert([]byte("a"), uint64(i+1), age, &testDraft{}); err != nil || outcome != Appended {
				t.Fatalf("got outcome %d and %v, want it appended", outcome, err)
			}
			checkInvariants(t, m)
		}
		for _, want := range []string{"[2 3 4 5]", "[3 4 5]", "[5]", "[]"} {
			if _, offsets := pageOf(t, m, "a", Query{Events: 9}); fmt.Sprint(offsets) != want {
				t.Errorf("got the events %v, want %s", offsets, want)
			}
			time.Sleep(4 * time.Second)
			synctest.Wait()
			checkInvariants(t, m)
		}
	})
}

func TestPressureTrimsReplicasAndForgetsNone(t *testing.T) {
	limit := int64(1 << 30)
	m := NewMemory(func() int64 { return limit })
	defer m.Close()
	p := &Policy{History: History{LatestPerID: true}}
	for i := range 50 {
		typ := fmt.Sprint(i)
		m.Begin(p, typ, event.Position{Epoch: "x", Offset: 3}, nil)
		for offset := range uint64(20) {
			mustInsert(t, m, typ, 4+offset, &testDraft{id: fmt.Append(nil, offset), memory: 100})
		}
	}
	limit = 0
	for i := range 300 {
		mustAppend(t, m, p, "stranger", &testDraft{memory: i})
		checkInvariants(t, m)
	}
	for i := range 50 {
		if page, offsets := pageOf(t, m, fmt.Sprint(i), Query{Events: 100}); len(offsets) != 0 || page.Kept != 24 {
			t.Errorf("got %+v with %v, want a replica that keeps nothing", page, offsets)
		}
		if got := topOf(t, m, fmt.Sprint(i)); got != (event.Position{Epoch: "x", Offset: 23}) {
			t.Errorf("got the top %+v, want 23 of x", got)
		}
	}
	mustInsert(t, m, "0", 24, &testDraft{})
	checkInvariants(t, m)
}

func TestReplicasChangeWhileTheyAreUsed(t *testing.T) {
	m := NewMemory(func() int64 { return 20_000 })
	defer m.Close()
	p := &Policy{History: History{Events: 20, Age: time.Millisecond, LatestPerID: true}}
	var frames sync.Map
	var wait sync.WaitGroup
	for worker := range 4 {
		wait.Go(func() {
			var page Page
			for i := range 2000 {
				typ := fmt.Sprint(i % 3)
				top, _ := m.Tops(nil, typ)
				switch (i/3 + worker) % 40 {
				case 0:
					m.Begin(p, typ, event.Position{Epoch: fmt.Sprint(i / 200), Offset: top[0].Offset}, nil)
				case 1:
					m.End(typ)
				case 2:
					m.Begin(p, typ, event.Position{Epoch: top[0].Epoch, Offset: top[0].Offset + 5}, nil)
				case 3:
					m.InsertSurvivor([]byte(typ), top[0].Offset-min(top[0].Offset, 2), &testDraft{placed: func(f *testFrame) { frames.Store(f, nil) }})
				case 4:
					m.Remove(typ)
				case 5:
					m.Append(p, []byte(typ), &testDraft{placed: func(f *testFrame) { frames.Store(f, nil) }}, fmt.Sprint(i))
				case 6:
					m.Read(typ, Query{Events: 10}, &page)
					page.Release()
				default:
					m.Insert([]byte(typ), top[0].Offset+1, 0, &testDraft{id: fmt.Append(nil, i%7), memory: 100, placed: func(f *testFrame) { frames.Store(f, nil) }})
				}
			}
		})
	}
	wait.Wait()
	for i := range 3 {
		m.Remove(fmt.Sprint(i))
	}
	checkInvariants(t, m)
	frames.Range(func(f, _ any) bool {
		if got := f.(*testFrame).references.Load(); got != 0 {
			t.Errorf("event %d: got %d references, want none", f.(*testFrame).offset, got)
		}
		return true
	})
}

func TestWhoSeesAnotherEpochOrAHoleSeesItAnnounced(t *testing.T) {
	p := &Policy{History: History{Events: 8}}
	m := NewMemory(nil)
	defer m.Close()
	m.Begin(p, "a", event.Position{Epoch: "0"}, nil)
	var announced atomic.Int64
	steps := make(chan int64)
	done := make(chan struct{})
	go func() {
		defer close(done)
		var page Page
		for step := range steps {
			epoch, top := strconv.FormatInt(step/2, 10), uint64(step%2)*10
			for {
				if err := m.Read("a", Query{Events: 1}, &page); err != nil {
					t.Error(err)
					break
				}
				isThere := page.Epoch == epoch && page.Top == top
				page.Release()
				if isThere {
					break
				}
			}
			if got := announced.Load(); got != step {
				t.Errorf("the reader sees step %d with step %d announced", step, got)
				for range steps {
				}
			}
		}
	}()
	for step := int64(2); step < 2000; step++ {
		steps <- step
		m.Begin(p, "a", event.Position{Epoch: strconv.FormatInt(step/2, 10), Offset: uint64(step%2) * 10}, func() { announced.Store(step) })
	}
	close(steps)
	<-done
	m.Begin(p, "a", event.Position{Epoch: "999", Offset: 10}, func() { t.Error("announced though nothing happens") })
}
