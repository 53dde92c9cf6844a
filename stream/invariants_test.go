package stream

import "testing"

// checkInvariants checks all invariants of the package. Nobody but the timer may use the store meanwhile.
func checkInvariants(t *testing.T, m *Memory) {
	t.Helper()
	held, idle, waiting := int64(0), 0, 0
	for i := range m.shards {
		d := &m.shards[i]
		d.mu.Lock()
		if len(d.table) != len(d.list) {
			t.Fatalf("I5: got %d sequences in the table and %d in the list, want as many", len(d.table), len(d.list))
		}
		for place, s := range d.list {
			s.mu.Lock()
			checkSequence(t, s)
			held += s.counted
			if d.table[s.typ] != s || s.home.place != place || s.forgotten || m.shardOfString(s.typ) != d {
				t.Fatalf("I5: got %q not at its place %d in the table and the list", s.typ, place)
			}
			if s.idle != s.isEmptyLocked() {
				t.Fatalf("I6: got %q idle %v, want %v", s.typ, s.idle, !s.idle)
			}
			if s.idle {
				idle++
			}
			if s.wake != 0 {
				waiting++
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
	if idle != 0 {
		t.Errorf("I6: got %d idle sequences outside the lists, want none", idle)
	}
	if got := m.Held(); got != held {
		t.Errorf("I7: got %d bytes held, want %d", got, held)
	}
	m.agenda.mu.Lock()
	defer m.agenda.mu.Unlock()
	if len(m.agenda.due) != waiting {
		t.Errorf("I8: got %d sequences in the agenda, want %d", len(m.agenda.due), waiting)
	}
}

func checkSequence(t *testing.T, s *sequence) {
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
	if len(newestOf) != count {
		t.Fatalf("I4: got %d survivors of %q with %d ids, want one an id", count, s.typ, len(newestOf))
	}
	bytes = 0
	for i := range s.events.length {
		e := s.events.at(i)
		bytes += e.memory()
		newestOf[string(e.frame.ID())] = s.first + uint64(i)
	}
	if s.events.bytes != bytes {
		t.Fatalf("I2: got %d bytes in the ring of %q, want %d", s.events.bytes, s.typ, bytes)
	}
	checkNewest(t, s, newestOf)
	if got := s.memoryLocked(); s.counted != got {
		t.Fatalf("I7: got %d bytes counted of %q, want %d", s.counted, s.typ, got)
	}
	if due := s.dueLocked(0); (due != 0) && s.wake == 0 {
		t.Fatalf("I8: got %q with something that gets too old and no turn", s.typ)
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
	for i, slot := range s.newest.slots {
		if slot.offset == 0 {
			continue
		}
		id := s.entryLocked(slot.offset).frame.ID()
		if newestOf[string(id)] != slot.offset || hashOf(id) != slot.hash {
			t.Fatalf("I3: got %d for the newest event of %q with the id %q, want %d", slot.offset, s.typ, id, newestOf[string(id)])
		}
		for place := s.newest.begin(slot.hash); place != i; place = (place + 1) & (len(s.newest.slots) - 1) {
			if s.newest.slots[place].offset == 0 {
				t.Fatalf("I3: got an empty slot ahead of that of %q of %q", id, s.typ)
			}
		}
	}
}
