package stream

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestI1OffsetsAreDenseFromFirstToTop(t *testing.T) {
	m := NewMemory(nil)
	defer m.Close()
	p := &Policy{History: History{Events: 5, Bytes: 1024}}
	for want := uint64(1); want <= 100; want++ {
		if want%30 == 0 {
			m.Remove("a")
		}
		if got := mustAppend(t, m, p, "a", &testDraft{memory: int(want*37%29) * 50}); got != want {
			t.Fatalf("got the offset %d, want %d", got, want)
		}
		checkInvariants(t, m)
	}
}

func TestI2EachFrameThatIsKeptHasOneReference(t *testing.T) {
	m := NewMemory(nil)
	defer m.Close()
	p := &Policy{History: History{Events: 3, LatestPerID: true}}
	var frames []*testFrame
	for i := range 20 {
		id := fmt.Append(nil, min(i, 20-i))
		mustAppend(t, m, p, "a", &testDraft{id: id, memory: 100, placed: func(f *testFrame) { frames = append(frames, f) }})
		checkInvariants(t, m)
	}
	kept := int64(0)
	for _, frame := range frames {
		kept += frame.references.Load()
	}
	if kept != 11 {
		t.Errorf("got %d references, want one to the newest of each of 11 ids", kept)
	}
}

func TestI3NewestHasTheNewestEventOfEachIDThatIsKept(t *testing.T) {
	for name, c := range map[string]struct {
		policy Policy
		want   int
	}{
		"for spokes that want the latest": {Policy{History: History{Events: 4}, Behind: Latest}, 4},
		"to keep the latest":              {Policy{History: History{Events: 4, LatestPerID: true}}, 7},
		"not for others":                  {Policy{History: History{Events: 4}, Behind: CatchUp}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			m := NewMemory(nil)
			defer m.Close()
			for i := range 50 {
				mustAppend(t, m, &c.policy, "a", &testDraft{id: fmt.Append(nil, i*i%11), memory: 100})
				checkInvariants(t, m)
			}
			for i := range 7 {
				mustAppend(t, m, &c.policy, "b", &testDraft{id: fmt.Append(nil, i)})
			}
			if got := m.shardOfString("b").table["b"].newest.used; got != c.want {
				t.Errorf("got %d ids, want %d", got, c.want)
			}
			checkInvariants(t, m)
		})
	}
}

func TestI4SurvivorsAreInOrderAndTheNewestOfTheirIDs(t *testing.T) {
	m := NewMemory(nil)
	defer m.Close()
	p := &Policy{History: History{Events: 2, Bytes: 4096, LatestPerID: true}}
	for i := range 200 {
		mustAppend(t, m, p, "a", &testDraft{id: fmt.Append(nil, i*7%60), memory: 100})
		checkInvariants(t, m)
	}
	if got := m.shardOfString("a").table["a"].survivors.count; got < 10 || got > 40 {
		t.Errorf("got %d survivors, want as many as 4096 bytes take", got)
	}
}

func TestI5ASequenceIsInTheTableUntilItIsForgotten(t *testing.T) {
	limit := int64(1 << 30)
	m := NewMemory(func() int64 { return limit })
	defer m.Close()
	p := &Policy{History: History{Events: 2}}
	for i := range 5000 {
		mustAppend(t, m, p, fmt.Sprint(i), &testDraft{memory: 100})
	}
	checkInvariants(t, m)
	for limit = m.Held(); m.Stats().Streams > 1; limit /= 2 {
		mustAppend(t, m, p, "a", &testDraft{memory: 100})
		checkInvariants(t, m)
	}
}

func TestI6ASequenceIsIdleWhileItKeepsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory(nil)
		defer m.Close()
		p := &Policy{History: History{Age: time.Second}}
		for i := range 300 {
			mustAppend(t, m, p, fmt.Sprint(i), &testDraft{})
			checkIdle(t, m, 0)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		checkIdle(t, m, 300)
		for i := range 100 {
			mustAppend(t, m, p, fmt.Sprint(i*3), &testDraft{})
		}
		checkIdle(t, m, 200)
		for i := range 100 {
			m.Remove(fmt.Sprint(i * 3))
		}
		checkIdle(t, m, 300)
	})
}

func checkIdle(t *testing.T, m *Memory, want int64) {
	t.Helper()
	checkInvariants(t, m)
	if got := m.idle.Load(); got != want {
		t.Fatalf("got %d idle sequences, want %d", got, want)
	}
}

func TestI7HeldIsNothingWhenAllAreForgotten(t *testing.T) {
	limit := int64(1 << 30)
	m := NewMemory(func() int64 { return limit })
	defer m.Close()
	p := &Policy{History: History{LatestPerID: true, Age: time.Hour}}
	for i := range 500 {
		m.Append(p, fmt.Append(nil, i%50), &testDraft{id: fmt.Append(nil, i), memory: i % 100}, fmt.Sprint("k", i%40))
		checkHeld(t, m)
	}
	for limit = 0; m.Held() > 0; {
		before := m.Held()
		mustAppend(t, m, p, "a", &testDraft{memory: 100})
		if m.Held() >= before {
			t.Fatalf("got %d bytes held after an Append that was to make room, before %d", m.Held(), before)
		}
	}
	checkInvariants(t, m)
	if stats := m.Stats(); stats.Streams != 0 || stats.Events != 0 {
		t.Errorf("got %+v with nothing held, want no streams and events", stats)
	}
}

func checkHeld(t *testing.T, m *Memory) {
	t.Helper()
	want := int64(0)
	for i := range m.shards {
		for _, s := range m.shards[i].list {
			want += s.memoryLocked()
		}
	}
	if got := m.Held(); got != want {
		t.Fatalf("got %d bytes held, want %d", got, want)
	}
}

func TestI8WhatGetsTooOldIsInTheAgenda(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory(nil)
		defer m.Close()
		hour, brief := &Policy{History: History{Age: time.Hour}}, &Policy{History: History{Age: time.Second}}
		mustAppend(t, m, hour, "a", &testDraft{})
		checkInvariants(t, m)
		if _, _, err := m.Append(hour, []byte("a"), &testDraft{}, "key"); err != nil {
			t.Fatal(err)
		}
		checkInvariants(t, m)
		mustAppend(t, m, brief, "b", &testDraft{})
		for range 20 {
			time.Sleep(20 * time.Second)
			synctest.Wait()
			mustAppend(t, m, brief, "b", &testDraft{})
			checkInvariants(t, m)
			m.agenda.mu.Lock()
			got := len(m.agenda.due)
			m.agenda.mu.Unlock()
			if got != 2 {
				t.Fatalf("got %d sequences in the agenda, want both", got)
			}
		}
	})
}

// checkInvariants checks all invariants of the package. Nobody but the timer may use the store meanwhile. If that has trimmed something, the sums over sequences
// are of several moments, and it looks again.
func checkInvariants(t *testing.T, m *Memory) {
	t.Helper()
	before, held, total, idle := int64(-1), int64(0), int64(0), 0
	for before != m.Held() {
		before = m.Held()
		held, total, idle = checkSequences(t, m)
	}
	if idle != 0 || m.idle.Load() != total {
		t.Errorf("I6: got %d idle sequences outside the lists, want none; %d counted of %d", idle, m.idle.Load(), total)
	}
	if before != held {
		t.Errorf("I7: got %d bytes held, want %d", before, held)
	}
	m.agenda.mu.Lock()
	defer m.agenda.mu.Unlock()
	for place, s := range m.agenda.due {
		if s.appointment.place != place || place > 0 && s.appointment.due < m.agenda.due[(place-1)/2].appointment.due {
			t.Errorf("I8: got %q with the place %d in the agenda, want %d behind those that are due before", s.typ, s.appointment.place, place)
		}
	}
}

// checkSequences says how many bytes all sequences count for, how many of them are idle, and how many idle ones are in no list.
func checkSequences(t *testing.T, m *Memory) (held, total int64, idle int) {
	t.Helper()
	for i := range m.shards {
		d := &m.shards[i]
		d.mu.Lock()
		if len(d.table) != len(d.list) {
			t.Fatalf("I5: got %d sequences in the table and %d in the list, want as many", len(d.table), len(d.list))
		}
		for place, s := range d.list {
			s.mu.Lock()
			checkSequence(t, m, s)
			held += s.counted
			if d.table[s.typ] != s || s.home.place != place || s.forgotten || m.shardOfString(s.typ) != d {
				t.Fatalf("I5: got %q not at its place %d in the table and the list", s.typ, place)
			}
			if s.idle != s.isEmptyLocked() {
				t.Fatalf("I6: got %q idle %v, want %v", s.typ, s.idle, !s.idle)
			}
			if s.idle {
				idle++
				total++
			}
			s.mu.Unlock()
		}
		for s := d.idle.oldest; s != nil; s = s.home.later {
			idle--
			if !s.idle || s.home.later == nil && d.idle.newest != s {
				t.Fatalf("I6: got %q in the list of idle ones, idle %v", s.typ, s.idle)
			}
		}
		d.mu.Unlock()
	}
	return held, total, idle
}

func checkSequence(t *testing.T, m *Memory, s *sequence) {
	t.Helper()
	if s.first+uint64(s.events.length) != s.top+1 || s.first <= s.base {
		t.Fatalf("I1: got %d events in the ring of %q from %d on, top %d, base %d", s.events.length, s.typ, s.first, s.top, s.base)
	}
	newestOf := map[string]uint64{}
	bytes, offset, count := int64(0), s.base, 0
	for i := range s.survivors.list {
		kept := &s.survivors.list[i]
		if kept.entry.frame == nil {
			continue
		}
		if i < s.survivors.head || kept.offset <= offset || kept.offset >= s.first || kept.entry.isSuperseded() {
			t.Fatalf("I4: got the survivor %d of %q at %d behind %d, the ring begins at %d", kept.offset, s.typ, i, offset, s.first)
		}
		offset, bytes, count = kept.offset, bytes+kept.entry.memory(), count+1
		newestOf[string(kept.entry.frame.ID())] = offset
	}
	if s.survivors.count != count || s.survivors.bytes != bytes || s.survivors.behind(0) != count {
		t.Fatalf("I4: got %d survivors of %q with %d bytes, counted %d, want %d with %d", s.survivors.count, s.typ, s.survivors.bytes, s.survivors.behind(0), count, bytes)
	}
	if len(newestOf) != count || count > 0 && !s.policy.History.LatestPerID {
		t.Fatalf("I4: got %d survivors of %q with %d ids, want one an id", count, s.typ, len(newestOf))
	}
	bytes = 0
	var holes []uint64
	for i := range s.events.length {
		e := s.events.at(i)
		bytes += e.memory()
		if e.isHole() {
			holes = append(holes, s.first+uint64(i))
			continue
		}
		newestOf[string(e.frame.ID())] = s.first + uint64(i)
	}
	if !slices.Equal(holes, s.holes) || len(holes) > 0 && holes[0] == s.first {
		t.Fatalf("I1: got the holes %v of %q, want %v, none of them at the beginning, %d", s.holes, s.typ, holes, s.first)
	}
	if s.events.bytes != bytes {
		t.Fatalf("I2: got %d bytes in the ring of %q, want %d", s.events.bytes, s.typ, bytes)
	}
	checkNewest(t, s, newestOf)
	for i := range s.events.length {
		e, offset := s.events.at(i), s.first+uint64(i)
		if e.isHole() {
			continue
		}
		if want := s.tracksIDs() && newestOf[string(e.frame.ID())] != offset; e.isSuperseded() != want {
			t.Fatalf("I3: got the event %d of %q superseded %v, want %v", offset, s.typ, e.isSuperseded(), want)
		}
	}
	if got := s.memoryLocked(); s.counted != got {
		t.Fatalf("I7: got %d bytes counted of %q, want %d", s.counted, s.typ, got)
	}
	if due := s.dueLocked(m.clock()); due != 0 && (s.wake == 0 || s.wake > due+oneTick) {
		t.Fatalf("I8: got %q looked at at %v, want at %v or before", s.typ, s.wake, due)
	}
}

func checkNewest(t *testing.T, s *sequence, newestOf map[string]uint64) {
	t.Helper()
	if !s.tracksIDs() {
		clear(newestOf)
	}
	if s.newest.used != len(newestOf) {
		t.Fatalf("I3: got %d ids of %q, want %d", s.newest.used, s.typ, len(newestOf))
	}
	for i, bucket := range s.newest.buckets {
		if bucket.offset == 0 {
			continue
		}
		id := s.entryLocked(bucket.offset).frame.ID()
		if newestOf[string(id)] != bucket.offset || hashOf(id) != bucket.hash {
			t.Fatalf("I3: got %d for the newest event of %q with the id %q, want %d", bucket.offset, s.typ, id, newestOf[string(id)])
		}
		for place := s.newest.begin(bucket.hash); place != i; place = (place + 1) & (len(s.newest.buckets) - 1) {
			if s.newest.buckets[place].offset == 0 {
				t.Fatalf("I3: got an empty bucket ahead of that of %q of %q", id, s.typ)
			}
		}
	}
}
