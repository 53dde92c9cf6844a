package subs

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

const (
	modelParts   = 3
	modelMembers = 6
	modelTopics  = 24
)

// model is the index in plain maps: part, member, topics. A member is leaving
// once DropSome has left it some topics.
type model struct {
	parts   [modelParts]map[uint32]map[string]bool
	leaving [modelParts]map[uint32]bool
}

// step is one operation on one member of one part.
type step struct {
	operation byte
	part      byte
	member    byte
	topic     byte
}

func newModel() *model {
	m := &model{}
	for i := range m.parts {
		m.parts[i] = map[uint32]map[string]bool{}
		m.leaving[i] = map[uint32]bool{}
	}
	return m
}

// slot spreads the members over chunks, so that chunks are created and freed.
func (s step) slot() uint32 {
	return uint32(s.member%modelMembers) * 700
}

func (s step) name() string {
	n := s.topic % modelTopics
	if n%2 == 0 {
		return fmt.Sprintf("type%d", n/6)
	}
	return fmt.Sprintf("type%d:%d", n/6, n%6)
}

func (m *model) apply(t testing.TB, x *Index, s step) {
	t.Helper()
	i := int(s.part) % modelParts
	p, slot, name := x.Part(i), s.slot(), s.name()
	topics := m.parts[i][slot]
	if m.leaving[i][slot] || s.operation%16 == 15 {
		m.dropSome(t, p, i, slot, 1+int(s.topic)%7)
		return
	}
	switch s.operation % 8 {
	case 0, 1, 2, 3:
		if got, want := p.Subscribe(slot, []byte(name)), !topics[name]; got != want {
			t.Errorf("part %d subscribe %d %q: got %v, want %v", i, slot, name, got, want)
		}
		if topics == nil {
			topics = map[string]bool{}
			m.parts[i][slot] = topics
		}
		topics[name] = true
	case 4, 5, 6:
		if got, want := p.Unsubscribe(slot, []byte(name)), topics[name]; got != want {
			t.Errorf("part %d unsubscribe %d %q: got %v, want %v", i, slot, name, got, want)
		}
		delete(topics, name)
	case 7:
		if got, want := p.Drop(slot), len(topics); got != want {
			t.Errorf("part %d drop %d: got %d, want %d", i, slot, got, want)
		}
		delete(m.parts[i], slot)
	}
	if got, want := p.Count(slot), len(m.parts[i][slot]); got != want {
		t.Errorf("part %d count %d: got %d, want %d", i, slot, got, want)
	}
}

// dropSome removes a member from some topics, and takes it as left where it finds
// that none is left.
func (m *model) dropSome(t testing.TB, p *Part, part int, slot uint32, most int) {
	t.Helper()
	topics := m.parts[part][slot]
	removed, done := p.DropSome(slot, most)
	left := p.AppendTopics(nil, slot)
	if want := len(topics) - removed; len(left) != want || done != (want == 0) {
		t.Errorf("part %d member %d: got %d of %d topics left and done %v after %d were dropped", part, slot, len(left), len(topics), done, removed)
	}
	if least := min(most, len(topics)); removed < least || removed > most+maxFull {
		t.Errorf("part %d member %d: got %d topics dropped, want %d or a few more", part, slot, removed, least)
	}
	m.parts[part][slot] = map[string]bool{}
	for _, name := range left {
		if !topics[name] {
			t.Errorf("part %d member %d: got topic %q left, which it never had", part, slot, name)
		}
		m.parts[part][slot][name] = true
	}
	m.leaving[part][slot] = !done
}

func (m *model) members(part int, name string) []uint32 {
	var out []uint32
	for slot, topics := range m.parts[part] {
		if topics[name] {
			out = append(out, slot)
		}
	}
	slices.Sort(out)
	return out
}

func (m *model) check(t testing.TB, x *Index) {
	t.Helper()
	checkInvariants(t, x)
	counts := map[string]int{}
	for i := range m.parts {
		for slot, topics := range m.parts[i] {
			for name := range topics {
				counts[name]++
			}
			got := slices.Sorted(slices.Values(x.Part(i).AppendTopics(nil, slot)))
			if want := slices.Sorted(maps.Keys(topics)); !slices.Equal(got, want) {
				t.Errorf("part %d member %d: got topics %v, want %v", i, slot, got, want)
			}
			for _, most := range []int{0, 1, len(topics), len(topics) + 1} {
				some := x.Part(i).AppendSome(nil, slot, most)
				slices.Sort(some)
				if len(some) != min(most, len(topics)) || len(slices.Compact(some)) != len(some) {
					t.Errorf("part %d member %d: got %d topics at most as %v, want each once of %v", i, slot, most, some, got)
				}
				for _, name := range some {
					if !topics[name] {
						t.Errorf("part %d member %d: got the topic %s among some, want one of %v", i, slot, name, got)
					}
				}
			}
		}
	}
	if got := maps.Collect(x.Topics()); !maps.Equal(got, counts) {
		t.Errorf("got topics %v, want %v", got, counts)
	}
	for typ := range modelTopics / 6 {
		for id := range 7 {
			m.checkMatch(t, x, fmt.Sprintf("type%d", typ), fmt.Sprint(id))
		}
		m.checkMatch(t, x, fmt.Sprintf("type%d", typ), "")
	}
}

func (m *model) checkMatch(t testing.TB, x *Index, typ, id string) {
	t.Helper()
	match := x.Match([]byte(typ), []byte(id))
	var parts uint64
	for i := range m.parts {
		byType, byTypeID := m.members(i, typ), m.members(i, typ+":"+id)
		if id == "" {
			byTypeID = nil
		}
		if len(byType)+len(byTypeID) > 0 {
			parts |= 1 << i
		}
		if got := slices.Sorted(slices.Values(x.Part(i).Members(match.Type))); !slices.Equal(got, byType) {
			t.Errorf("part %d match %q %q: type has %v, want %v", i, typ, id, got, byType)
		}
		if got := slices.Sorted(slices.Values(x.Part(i).Members(match.TypeID))); !slices.Equal(got, byTypeID) {
			t.Errorf("part %d match %q %q: type and id has %v, want %v", i, typ, id, got, byTypeID)
		}
	}
	if match.Parts != parts {
		t.Errorf("match %q %q: got parts %b, want %b", typ, id, match.Parts, parts)
	}
}

func TestIndexAgreesWithPlainMaps(t *testing.T) {
	for seed := range uint64(40) {
		random := rand.New(rand.NewPCG(seed, 0))
		x, m := New(modelParts), newModel()
		for range 600 {
			bits := random.Uint32()
			m.apply(t, x, step{operation: byte(bits), part: byte(bits >> 8), member: byte(bits >> 16), topic: byte(bits >> 24)})
			if bits%64 == 0 {
				m.check(t, x)
			}
		}
		m.check(t, x)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// FuzzIndex reads its input as operations, four bytes each.
func FuzzIndex(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 4, 0, 0, 0})
	f.Add([]byte{0, 0, 1, 1, 0, 1, 1, 1, 7, 0, 1, 0, 7, 1, 1, 0})
	f.Add([]byte{0, 0, 1, 1, 0, 0, 2, 1, 0, 0, 3, 1, 4, 0, 1, 1, 4, 0, 3, 1})
	var many []byte
	for i := range byte(modelTopics) {
		many = append(many, 0, 2, 3, i)
	}
	f.Add(append(many, 7, 2, 3, 0))
	f.Fuzz(func(t *testing.T, operations []byte) {
		x, m := New(modelParts), newModel()
		for ; len(operations) >= 4; operations = operations[4:] {
			m.apply(t, x, step{operation: operations[0], part: operations[1], member: operations[2], topic: operations[3]})
		}
		m.check(t, x)
	})
}
