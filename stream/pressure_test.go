package stream

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"
)

func TestTheLimitHoldsWhateverStrangersBegin(t *testing.T) {
	const limit = 2 << 20
	for name, key := range map[string]string{"without keys": "", "with keys": "key"} {
		t.Run(name, func(t *testing.T) {
			m := NewMemory(func() int64 { return limit })
			defer m.Close()
			p := &Policy{Match: "*", History: History{Age: time.Hour, LatestPerID: true}}
			most := int64(0)
			for i := range 50_000 {
				if _, _, err := m.Append(p, fmt.Appendf(nil, "stranger%d", i), &testDraft{id: []byte("a"), memory: 200}, key); err != nil {
					t.Fatal(err)
				}
				most = max(most, m.Held())
			}
			if most > limit || most < limit/2 {
				t.Errorf("got %d bytes at most, want up to %d", most, limit)
			}
			stats := m.Stats()
			if stats.Appended != 50_000 || stats.Events+int(stats.Trimmed) != 50_000 || stats.Streams > limit/sequenceBytes {
				t.Errorf("got %+v, want 50000 appended and few streams", stats)
			}
			checkInvariants(t, m)
		})
	}
}

func TestTheLargestStreamIsTrimmed(t *testing.T) {
	m := NewMemory(func() int64 { return 1 << 20 })
	defer m.Close()
	p := &Policy{Match: "*", History: History{Events: 1 << 20}}
	for range 10 {
		mustAppend(t, m, p, "small", &testDraft{memory: 100})
	}
	for range 20_000 {
		mustAppend(t, m, p, "large", &testDraft{memory: 100})
	}
	var page Page
	m.Read("small", Query{}, &page)
	if page.Kept != 1 {
		t.Errorf("got the small stream kept from %d on, want all of it", page.Kept)
	}
	m.Read("large", Query{}, &page)
	if page.Kept < 10_000 || page.Top != 20_000 {
		t.Errorf("got the large stream kept from %d to %d, want less than half", page.Kept, page.Top)
	}
	checkInvariants(t, m)
}

func TestStreamsThatKeepNothingAreForgottenFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limit := int64(1 << 30)
		m := NewMemory(func() int64 { return limit })
		defer m.Close()
		brief := &Policy{Match: "*", History: History{Age: time.Second}}
		long := &Policy{Match: "*", History: History{Events: 1000}}
		for i := range 1000 {
			mustAppend(t, m, brief, fmt.Sprint("brief", i), &testDraft{memory: 100})
		}
		for range 100 {
			mustAppend(t, m, long, "long", &testDraft{memory: 100})
		}
		time.Sleep(quiet + time.Minute)
		synctest.Wait()
		if stats := m.Stats(); stats.Streams != 1001 || stats.Events != 100 {
			t.Fatalf("got %+v, want 1001 streams and 100 events", stats)
		}
		checkInvariants(t, m)
		limit = m.Held() - 100*sequenceBytes
		for range 10 {
			mustAppend(t, m, long, "long", &testDraft{memory: 100})
		}
		stats := m.Stats()
		if stats.Events != 110 || stats.Streams > 921 || stats.Bytes > limit {
			t.Errorf("got %+v, want all events and 921 streams at most in %d bytes", stats, limit)
		}
		checkInvariants(t, m)
	})
}

func TestAForgottenStreamGoesOnBehindAllOthers(t *testing.T) {
	limit := int64(1 << 30)
	m := NewMemory(func() int64 { return limit })
	defer m.Close()
	p := &Policy{Match: "*", History: History{Events: 10}}
	for range 7 {
		mustAppend(t, m, p, "a", &testDraft{memory: 100})
	}
	limit = 0
	mustAppend(t, m, p, "b", &testDraft{memory: 100})
	limit = 1 << 30
	if stats := m.Stats(); stats.Streams != 0 || stats.Bytes != 0 {
		t.Fatalf("got %+v, want all forgotten", stats)
	}
	var page Page
	m.Read("a", Query{After: 5, Events: 10}, &page)
	if page.Top != 7 || page.Kept != 8 || page.Missing != -1 || page.From != 6 || page.To != 7 {
		t.Errorf("got %+v of a forgotten stream, want an unknown number missing of 6 and 7", page)
	}
	m.Read("a", Query{After: 7, Events: 10}, &page)
	if page.Top != 7 || page.Missing != 0 {
		t.Errorf("got %+v behind a forgotten stream, want nothing missing", page)
	}
	if got := mustAppend(t, m, p, "b", &testDraft{memory: 100}); got != 8 {
		t.Errorf("got the offset %d, want 8", got)
	}
	m.Read("b", Query{After: 1, Events: 10}, &page)
	if page.Missing != -1 || page.From != 2 || page.To != 7 || len(page.Entries) != 1 {
		t.Errorf("got %+v, want an unknown number missing of 2 to 7, and 8", page)
	}
	page.Release()
	tops, err := m.Tops(nil, "a", "b", "c")
	if err != nil || tops[0].Offset != 7 || tops[1].Offset != 8 || tops[2].Offset != 7 {
		t.Errorf("got the tops %v and %v, want 7, 8 and 7", tops, err)
	}
}

func TestTheStoreHoldsWithALimitThatChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		random := rand.New(rand.NewPCG(1, 1))
		limit := int64(1 << 20)
		m := NewMemory(func() int64 { return limit })
		defer m.Close()
		tops := map[string]uint64{}
		for i := range 20_000 {
			p := &modelPolicies[random.IntN(len(modelPolicies))]
			typ := fmt.Sprint(p.Match, random.IntN(20))
			key := ""
			if random.IntN(4) == 0 {
				key = fmt.Sprint(random.IntN(500))
			}
			position, outcome, err := m.Append(p, []byte(typ), &testDraft{id: fmt.Append(nil, random.IntN(10)), memory: random.IntN(800)}, key)
			if err != nil || outcome == Appended && position.Offset <= tops[typ] {
				t.Fatalf("got %+v and %v behind %d, want a later one", position, err, tops[typ])
			}
			if outcome == Appended {
				tops[typ] = position.Offset
			}
			if random.IntN(100) == 0 {
				time.Sleep(time.Duration(random.IntN(20)) * oneTick)
				limit = random.Int64N(1 << 17)
			}
			if i%500 == 0 {
				synctest.Wait()
				checkInvariants(t, m)
				checkReads(t, m, typ)
			}
		}
	})
}

// checkReads reads all of a stream by small pages, and checks that each event is read once or missing.
func checkReads(t *testing.T, m *Memory, typ string) {
	t.Helper()
	var page Page
	m.Read(typ, Query{Events: 3}, &page)
	missing, seen, top, after := page.Missing, uint64(0), page.Top, uint64(0)
	for len(page.Entries) > 0 {
		for _, e := range page.Entries {
			if e.Offset <= after {
				t.Fatalf("%s: got %d behind %d, want ascending offsets", typ, e.Offset, after)
			}
			after = e.Offset
			seen++
		}
		page.Release()
		m.Read(typ, Query{After: after, Events: 3}, &page)
	}
	if missing >= 0 && uint64(missing)+seen != top {
		t.Errorf("%s: got %d events and %d missing of %d", typ, seen, missing, top)
	}
}
