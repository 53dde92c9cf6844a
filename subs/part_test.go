package subs

import (
	"math"
	"slices"
	"strings"
	"testing"
)

func TestSubscribeTwiceIsOnce(t *testing.T) {
	x := New(1)
	p := x.Part(0)
	for i, want := range []bool{true, false, false} {
		if got := p.Subscribe(5, []byte("a:1")); got != want {
			t.Errorf("time %d: got added %v, want %v", i, got, want)
		}
	}
	if got := p.Members(x.MatchString("a", "1").TypeID); !slices.Equal(got, []uint32{5}) {
		t.Errorf("got members %v, want [5]", got)
	}
	if got := p.Count(5); got != 1 {
		t.Errorf("got count %d, want 1", got)
	}
}

func TestUnsubscribe(t *testing.T) {
	tests := []struct {
		name   string
		member uint32
		topic  string
		want   bool
	}{
		{name: "removes a subscriber", member: 1, topic: "a", want: true},
		{name: "doesn't know the member", member: 2, topic: "a"},
		{name: "doesn't know the member's chunk", member: 99 * chunkSize, topic: "a"},
		{name: "doesn't know the topic", member: 1, topic: "b"},
		{name: "doesn't take the type for type and id", member: 1, topic: "a:1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			x := New(1)
			p := x.Part(0)
			p.Subscribe(1, []byte("a"))
			if got := p.Unsubscribe(tt.member, []byte(tt.topic)); got != tt.want {
				t.Errorf("got removed %v, want %v", got, tt.want)
			}
			wantCount := 1
			if tt.want {
				wantCount = 0
			}
			if got := p.Count(1); got != wantCount {
				t.Errorf("got count %d, want %d", got, wantCount)
			}
			checkInvariants(t, x)
		})
	}
}

func TestHas(t *testing.T) {
	x := New(1)
	p := x.Part(0)
	for _, topic := range []string{"a", "b", "b:1", "c:1", "d"} {
		p.Subscribe(1, []byte(topic))
	}
	p.Unsubscribe(1, []byte("d"))
	before := x.Len()
	for _, tt := range []struct {
		member uint32
		topic  string
		want   bool
	}{
		{1, "a", true}, {1, "b", true}, {1, "b:1", true}, {1, "c:1", true},
		{1, "c", false}, {1, "a:1", false}, {1, "d", false}, {1, "e", false},
		{2, "a", false}, {99 * chunkSize, "a", false},
	} {
		if got := p.Has(tt.member, []byte(tt.topic)); got != tt.want {
			t.Errorf("member %d, topic %q: got %v, want %v", tt.member, tt.topic, got, tt.want)
		}
	}
	if got := x.Len(); got != before {
		t.Errorf("got %d topics afterwards, want %d", got, before)
	}
	p.Drop(1)
	if p.Has(1, []byte("a")) {
		t.Error("got a topic of a member that was dropped, want none")
	}
}

func TestTopicBytesAreNotKept(t *testing.T) {
	x := New(1)
	p := x.Part(0)
	buffer := []byte("order:7")
	p.Subscribe(1, buffer)
	names := p.AppendTopics(nil, 1)
	copy(buffer, "xxxxxxx")
	if got := x.MatchString("order", "7").TypeID; got == nil {
		t.Error("got no topic after the caller's bytes changed, want order:7")
	}
	if !slices.Equal(names, []string{"order:7"}) {
		t.Errorf("got names %v, want [order:7]", names)
	}
}

func TestSlotMayBeReusedAfterDrop(t *testing.T) {
	x := New(1)
	p := x.Part(0)
	for i := range 50 {
		p.Subscribe(3, topicBytes("old:%d", i))
	}
	if got := p.Drop(3); got != 50 {
		t.Errorf("got %d dropped, want 50", got)
	}
	if got := p.Drop(3); got != 0 {
		t.Errorf("second time: got %d dropped, want 0", got)
	}
	p.Subscribe(3, []byte("new"))
	if got := p.AppendTopics(nil, 3); !slices.Equal(got, []string{"new"}) {
		t.Errorf("got topics %v, want [new]", got)
	}
	checkInvariants(t, x)
}

func TestDropInPiecesLeavesTheOthersAsTheyAre(t *testing.T) {
	for _, many := range []int{1, 2, 8, 9, 10, 13, 100, 1024, 5000} {
		for _, most := range []int{1, 64} {
			x := New(1)
			p := x.Part(0)
			for i := range many {
				for member := range uint32(3) {
					p.Subscribe(member, topicBytes("t:%d", i))
				}
			}
			rounds := 0
			for dropped, done := 0, false; !done; rounds++ {
				var removed int
				removed, done = p.DropSome(1, most)
				dropped += removed
				if removed > most+maxFull {
					t.Fatalf("many=%d: got %d topics dropped in one piece, want about %d", many, removed, most)
				}
				if got := p.Count(1); got != many-dropped || done != (got == 0) {
					t.Fatalf("many=%d: got %d topics and done %v, want %d left", many, got, done, many-dropped)
				}
				if rounds%100 == 0 {
					checkInvariants(t, x)
				}
			}
			if most == 1 && many > 16 && rounds < many-16 {
				t.Errorf("many=%d: got all dropped in %d pieces, want about one each", many, rounds)
			}
			if got := p.Count(0) + p.Count(2); got != 2*many {
				t.Errorf("many=%d: got %d topics of the others, want %d", many, got, 2*many)
			}
			p.Subscribe(1, []byte("new"))
			checkInvariants(t, x)
		}
	}
}

func TestClearedIndexIsEmpty(t *testing.T) {
	x := New(2)
	for member := range uint32(2000) {
		x.Part(int(member%2)).Subscribe(member, []byte("all"))
		x.Part(int(member%2)).Subscribe(member, topicBytes("own:%d", member))
	}
	x.Clear()
	if x.Len() != 0 || x.Subscriptions() != 0 || x.MatchString("all", "").Parts != 0 {
		t.Errorf("got %d topics and %d subscriptions, want none", x.Len(), x.Subscriptions())
	}
	checkInvariants(t, x)
}

func TestUnknownMemberHasNothing(t *testing.T) {
	p := New(1).Part(0)
	for _, member := range []uint32{0, 1, chunkSize, math.MaxUint32} {
		if n, topics, dropped := p.Count(member), p.AppendTopics(nil, member), p.Drop(member); n != 0 || topics != nil || dropped != 0 {
			t.Errorf("member %d: got %d, %v, %d, want nothing", member, n, topics, dropped)
		}
	}
	if got := p.Members(nil); got != nil {
		t.Errorf("nil topic: got %v, want nil", got)
	}
}

func TestPartWithoutMembersOfATopicSeesNone(t *testing.T) {
	x := New(3)
	x.Part(1).Subscribe(1, []byte("a"))
	m := x.MatchString("a", "")
	for _, i := range []int{0, 2} {
		if got := x.Part(i).Members(m.Type); got != nil {
			t.Errorf("part %d: got %v, want nil", i, got)
		}
	}
}

func TestManyTopicsOfAMember(t *testing.T) {
	for _, many := range []int{1, 2, 3, 5, 8, 9, 10, 13, 17, 1000, 5000} {
		x := New(1)
		p := x.Part(0)
		p.Subscribe(0, topicBytes("t:%d", 0))
		for i := range many {
			if !p.Subscribe(1, topicBytes("t:%d", i)) || p.Subscribe(1, topicBytes("t:%d", i)) {
				t.Fatalf("many=%d: topic %d wasn't added exactly once", many, i)
			}
		}
		if got, names := p.Count(1), p.AppendTopics(nil, 1); got != many || len(names) != many {
			t.Fatalf("many=%d: got count %d and %d names", many, got, len(names))
		}
		for i := range many {
			topic := topicBytes("t:%d", i*7919%many)
			if !p.Unsubscribe(1, topic) || p.Unsubscribe(1, topic) {
				t.Fatalf("many=%d: topic %s wasn't removed exactly once", many, topic)
			}
		}
		if got := p.Count(1); got != 0 {
			t.Fatalf("many=%d: got count %d after all were removed", many, got)
		}
		if rec := p.roster.get(1); rec.more != nil && len(rec.more.slots) > minSet {
			t.Fatalf("many=%d: an empty set kept %d slots, want %d at most", many, len(rec.more.slots), minSet)
		}
		checkInvariants(t, x)
	}
}

func TestListShrinksWhenMostMembersLeft(t *testing.T) {
	x := New(1)
	p := x.Part(0)
	for member := range uint32(10_000) {
		p.Subscribe(member, []byte("all"))
	}
	for member := range uint32(9_990) {
		p.Drop(member)
		members := p.Members(x.MatchString("all", "").Type)
		if c := cap(members); c > minShrink && c >= 4*len(members)+4 {
			t.Fatalf("got room for %d with %d members, want less than four times as much", c, len(members))
		}
	}
	checkInvariants(t, x)
}

func TestListOfAPartThatLeftHoldsNoMemory(t *testing.T) {
	x := New(2)
	for member := range uint32(1000) {
		x.Part(0).Subscribe(member, []byte("all"))
		x.Part(1).Subscribe(member, []byte("all"))
	}
	for member := range uint32(1000) {
		x.Part(0).Drop(member)
	}
	topic := x.MatchString("all", "").Type
	if got := cap(x.Part(0).Members(topic)); got != 0 {
		t.Errorf("got room for %d in the list of the part that left, want none", got)
	}
	if got := len(x.Part(1).Members(topic)); got != 1000 {
		t.Errorf("got %d members in the other part, want 1000", got)
	}
	checkInvariants(t, x)
}

func TestHeldByIsAMembersShare(t *testing.T) {
	x := New(2)
	long := strings.Repeat("x", 500)
	p := x.Part(0)
	for member := range uint32(100) {
		for i := range 50 {
			p.Subscribe(member, topicBytes("shared:%d%s", i, long))
		}
	}
	for i := range 50 {
		p.Subscribe(200, topicBytes("own:%d%s", i, long))
	}
	p.Subscribe(201, topicBytes("one:%s", long))
	for _, c := range []struct {
		name        string
		member      uint32
		least, most int
	}{
		{"one who has nothing", 300, 0, 0},
		{"one who is far beyond the others", 1 << 20, 0, 0},
		{"one with a long topic of his own", 201, 500, 700},
		{"one with fifty of them", 200, 50 * 500, 50 * 700},
		{"one with fifty that a hundred share", 50, 50 * 16, 50 * 50},
	} {
		if got := p.HeldBy(c.member); got < c.least || got > c.most {
			t.Errorf("%s: got %d bytes, want %d to %d", c.name, got, c.least, c.most)
		}
	}
}
