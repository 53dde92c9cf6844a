package subs

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

func TestMatch(t *testing.T) {
	x := New(2)
	x.Part(0).Subscribe(1, []byte("order"))
	x.Part(0).Subscribe(2, []byte("order:7"))
	x.Part(1).Subscribe(3, []byte("order:7"))
	x.Part(1).Subscribe(4, []byte("order:a:b"))
	x.Part(1).Subscribe(5, []byte("odd:"))
	x.Part(1).Subscribe(6, []byte("7:order"))
	long := strings.Repeat("x", 256)
	x.Part(1).Subscribe(8, []byte(long+":"+long))

	tests := []struct {
		name         string
		typ, id      string
		wantParts    uint64
		first        []uint32
		second       []uint32
		hasType      bool
		hasTypeAndID bool
	}{
		{name: "an empty id finds the type alone", typ: "order", wantParts: 1, first: []uint32{1}, hasType: true},
		{name: "an id finds both topics", typ: "order", id: "7", wantParts: 3, first: []uint32{1, 2}, second: []uint32{3}, hasType: true, hasTypeAndID: true},
		{name: "an id of nobody finds the type", typ: "order", id: "8", wantParts: 1, first: []uint32{1}, hasType: true},
		{name: "an id with a colon is split at the first", typ: "order", id: "a:b", wantParts: 3, first: []uint32{1}, second: []uint32{4}, hasType: true, hasTypeAndID: true},
		{name: "a type of nobody finds nothing", typ: "offer"},
		{name: "type and id don't swap", typ: "7", id: "order", wantParts: 2, second: []uint32{6}, hasTypeAndID: true},
		{name: "an empty id doesn't find a topic that ends in a colon", typ: "odd"},
		{name: "the longest topic is found", typ: long, id: long, wantParts: 2, second: []uint32{8}, hasTypeAndID: true},
		{name: "an empty type finds nothing"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := x.Match([]byte(tt.typ), []byte(tt.id))
			if again := x.MatchString(tt.typ, tt.id); again != m {
				t.Errorf("MatchString: got %v, want %v as Match", again, m)
			}
			if m.Parts != tt.wantParts {
				t.Errorf("parts: got %b, want %b", m.Parts, tt.wantParts)
			}
			if got := m.Type != nil; got != tt.hasType {
				t.Errorf("has the type: got %v, want %v", got, tt.hasType)
			}
			if got := m.TypeID != nil; got != tt.hasTypeAndID {
				t.Errorf("has type and id: got %v, want %v", got, tt.hasTypeAndID)
			}
			for i, want := range [][]uint32{tt.first, tt.second} {
				p := x.Part(i)
				got := append(slices.Clone(p.Members(m.Type)), p.Members(m.TypeID)...)
				if slices.Sort(got); !slices.Equal(got, want) {
					t.Errorf("part %d: got members %v, want %v", i, got, want)
				}
			}
		})
	}
}

func TestPartCountBounds(t *testing.T) {
	tests := []struct {
		name      string
		parts     int
		wantPanic bool
	}{
		{name: "none panics", parts: 0, wantPanic: true},
		{name: "one works", parts: 1},
		{name: "the most work", parts: MaxParts},
		{name: "one too many panics", parts: MaxParts + 1, wantPanic: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			defer func() {
				if got := recover() != nil; got != tt.wantPanic {
					t.Errorf("got panic %v, want %v", got, tt.wantPanic)
				}
			}()
			x := New(tt.parts)
			x.Part(tt.parts-1).Subscribe(0, []byte("a"))
			if got, want := x.MatchString("a", "").Parts, uint64(1)<<(tt.parts-1); got != want {
				t.Errorf("got parts %#x, want %#x", got, want)
			}
		})
	}
}

func TestTopicsYieldsEveryNameWithItsMembers(t *testing.T) {
	x := New(3)
	want := map[string]int{}
	for i := range 3 {
		for member := range uint32(40) {
			for _, name := range []string{"all", "own:" + string(rune('a'+member%26))} {
				if x.Part(i).Subscribe(member, []byte(name)) {
					want[name]++
				}
			}
		}
	}
	if got := maps.Collect(x.Topics()); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestTopicsHoldsNoLockWhileItYields(t *testing.T) {
	x := New(1)
	p := x.Part(0)
	for i := range 1000 {
		p.Subscribe(uint32(i), topicBytes("t%d", i))
	}
	seen := 0
	for name := range x.Topics() {
		for _, member := range p.Members(x.MatchString(name, "").Type) {
			p.Drop(member)
		}
		if seen++; seen == 500 {
			break
		}
	}
	if got := x.Len(); seen != 500 || got != 500 {
		t.Errorf("got %d yielded and %d topics left, want 500 and 500", seen, got)
	}
	checkInvariants(t, x)
}

func TestTopicsLeavesOutATopicBetweenItsBitAndItsMember(t *testing.T) {
	x := New(1)
	x.addPart(x.keyOf("soon"), 0)
	if got := maps.Collect(x.Topics()); len(got) != 0 {
		t.Errorf("got %v, want none", got)
	}
}

func TestEqualHashesAreToldApartByName(t *testing.T) {
	const hash = occupied | 0x1234
	var s shard
	member := record{}
	topics := map[string]*Topic{}
	for _, name := range []string{"a", "b", "a:b", "b:a", "c"} {
		topics[name] = &Topic{topicID: topicID{name: name, hash: hash}}
		s.insert(topics[name])
		member.insert(entry{topic: topics[name], hash: hash})
	}
	for _, gone := range []string{"b", "a", "c"} {
		s.remove(topics[gone])
		if e, ok := member.remove(hash, gone); !ok || e.topic != topics[gone] {
			t.Errorf("remove %q: got %v, %v, want its entry", gone, e, ok)
		}
		delete(topics, gone)
		for _, name := range []string{"a", "b", "a:b", "b:a", "c"} {
			if got := s.find(key{hash: hash, prefix: name}); got != topics[name] {
				t.Errorf("without %q: find %q: got %v, want %v", gone, name, got, topics[name])
			}
			if e := member.find(hash, name); (e != nil) != (topics[name] != nil) {
				t.Errorf("without %q: entry of %q: got %v", gone, name, e)
			}
		}
	}
	if got := s.find(key{hash: hash, prefix: "a", suffix: "b", isSplit: true}); got != topics["a:b"] {
		t.Errorf("split key: got %v, want %v", got, topics["a:b"])
	}
}

func TestHashesSpreadOverNamesMadeOfTheSameParts(t *testing.T) {
	const n = 40
	x := New(1)
	hashes := map[uint32]bool{}
	for i := range n {
		for j := range n {
			hashes[x.keyOf(string(topicBytes("part%d:part%d", i, j))).hash] = true
		}
	}
	if got := len(hashes); got < n*n*99/100 {
		t.Errorf("got %d hashes of %d names, want nearly all different", got, n*n)
	}
}
