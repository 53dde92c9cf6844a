package subs

import (
	"fmt"
	"strings"
	"testing"
	"unsafe"
)

// checkInvariants checks I1, I2, I4, I5, I6 and I7 for the whole index. No
// owner may be inside a call.
func checkInvariants(t testing.TB, x *Index) {
	t.Helper()
	topics, names := 0, map[string]*Topic{}
	for i := range x.shards {
		s := &x.shards[i]
		inShard := 0
		for at, topic := range s.topics {
			if topic == nil {
				if s.hashes[at] != 0 {
					t.Errorf("I1: shard %d slot %d has a hash and no topic", i, at)
				}
				continue
			}
			inShard++
			if topic.parts == 0 {
				t.Errorf("I1: topic %q is in the table, and no part has members", topic.name)
			}
			if names[topic.name] != nil {
				t.Errorf("I1: two topics of the name %q", topic.name)
			}
			if k := x.keyOf(topic.name); s.find(k) != topic {
				t.Errorf("I1: topic %q is in the table and not found", topic.name)
			}
			names[topic.name] = topic
		}
		if inShard != s.count {
			t.Errorf("I6: shard %d has %d topics, counts %d", i, inShard, s.count)
		}
		topics += inShard
	}
	if got := x.Len(); got != topics {
		t.Errorf("I6: Len is %d, the tables have %d", got, topics)
	}
	listed, held := 0, 0
	for name, topic := range names {
		held += topic.memoryLocked()
		for _, p := range x.parts {
			members := p.Members(topic)
			if bit := topic.parts>>p.number&1 == 1; bit != (len(members) > 0) {
				t.Errorf("I2: topic %q bit of part %d is %v, its list has %d members", name, p.number, bit, len(members))
			}
			if l := topic.list(p.number); l != nil {
				held += l.memory()
			}
			if l := topic.list(p.number); l != nil && int(l.size.Load()) != len(members) {
				t.Errorf("topic %q part %d: size says %d, list has %d", name, p.number, l.size.Load(), len(members))
			}
			for position, member := range members {
				e := entryOf(p, member, topic)
				if e == nil || int(e.position) != position {
					t.Errorf("I4: topic %q part %d: member %d at %d has entry %v", name, p.number, member, position, e)
				}
			}
			listed += len(members)
		}
	}
	entries := 0
	for _, p := range x.parts {
		own, memory := checkRoster(t, p, names)
		entries += own
		held += memory
	}
	if got := x.Held(); got != held {
		t.Errorf("I7: Held is %d bytes, the topics and members take %d", got, held)
	}
	if entries != listed || entries != x.Subscriptions() {
		t.Errorf("I6: %d entries, %d listed, Subscriptions is %d", entries, listed, x.Subscriptions())
	}
}

func checkRoster(t testing.TB, p *Part, names map[string]*Topic) (entries, memory int) {
	t.Helper()
	for i, pg := range p.roster.pages {
		if (pg.chunk == nil) != (pg.used == 0) {
			t.Errorf("I5: part %d page %d: chunk %v, %d used", p.number, i, pg.chunk != nil, pg.used)
		}
		if pg.chunk == nil {
			continue
		}
		used := 0
		memory += int(unsafe.Sizeof(*pg.chunk))
		for j := range pg.chunk {
			rec := &pg.chunk[j]
			if !rec.vacant() {
				used++
			}
			memory += rec.memory()
			own := 0
			for e := range rec.entries {
				own++
				if names[e.topic.name] != e.topic {
					t.Errorf("I4: member %d has an entry for %q, which isn't in the table", i*chunkSize+j, e.topic.name)
				}
			}
			if own != rec.count() {
				t.Errorf("I4: member %d has %d entries, counts %d", i*chunkSize+j, own, rec.count())
			}
			entries += own
		}
		if used != pg.used {
			t.Errorf("I5: part %d page %d: %d records in use, counts %d", p.number, i, used, pg.used)
		}
	}
	if p.roster.spare != nil && *p.roster.spare != (chunk{}) {
		t.Errorf("I5: the spare chunk of part %d isn't empty", p.number)
	}
	return entries, memory
}

func entryOf(p *Part, member uint32, topic *Topic) *entry {
	rec := p.roster.get(member)
	if rec == nil {
		return nil
	}
	return rec.find(topic.hash, topic.name)
}

func topicBytes(format string, args ...any) []byte {
	return fmt.Appendf(nil, format, args...)
}

func TestI1TopicIsInTheTableWhileAPartHasMembers(t *testing.T) {
	x := New(3)
	name := []byte("price:EURUSD")
	for i := range 3 {
		x.Part(i).Subscribe(7, name)
		if got := x.Len(); got != 1 {
			t.Fatalf("after part %d joined: got %d topics, want 1", i, got)
		}
		checkInvariants(t, x)
	}
	for i := range 3 {
		if got := x.Len(); got != 1 {
			t.Fatalf("before part %d left: got %d topics, want 1", i, got)
		}
		x.Part(i).Unsubscribe(7, name)
		checkInvariants(t, x)
	}
	if got := x.Len(); got != 0 {
		t.Fatalf("after all left: got %d topics, want 0", got)
	}
}

func TestI2PartsNameExactlyThePartsWithMembers(t *testing.T) {
	x := New(MaxParts)
	name := []byte("tick")
	var want uint64
	for _, i := range []int{63, 0, 17, 62, 1} {
		x.Part(i).Subscribe(1, name)
		x.Part(i).Subscribe(2, name)
		want |= 1 << i
		if got := x.Match(name, nil).Parts; got != want {
			t.Fatalf("after part %d joined: got parts %#x, want %#x", i, got, want)
		}
	}
	for _, i := range []int{17, 63, 1, 62, 0} {
		x.Part(i).Unsubscribe(1, name)
		if got := x.Match(name, nil).Parts; got != want {
			t.Fatalf("with one member left in part %d: got parts %#x, want %#x", i, got, want)
		}
		x.Part(i).Drop(2)
		want &^= 1 << i
		if got := x.Match(name, nil).Parts; got != want {
			t.Fatalf("after part %d left: got parts %#x, want %#x", i, got, want)
		}
		checkInvariants(t, x)
	}
}

func TestI3FreedTopicNeverComesBack(t *testing.T) {
	x := New(2)
	name := []byte("tick")
	first, second := x.Part(0), x.Part(1)
	first.Subscribe(1, name)
	second.Subscribe(1, name)
	held := x.Match(name, nil)
	first.Drop(1)
	second.Drop(1)
	first.Subscribe(9, name)
	second.Subscribe(9, name)
	fresh := x.Match(name, nil)
	if held.Type == fresh.Type {
		t.Fatal("got the freed topic again, want a new one")
	}
	for i, p := range []*Part{first, second} {
		if got := p.Members(held.Type); len(got) != 0 {
			t.Errorf("part %d: got members %v of the freed topic, want none", i, got)
		}
		if got := p.Members(fresh.Type); len(got) != 1 || got[0] != 9 {
			t.Errorf("part %d: got members %v of the new topic, want [9]", i, got)
		}
	}
	checkInvariants(t, x)
}

func TestI4EntryNamesThePositionAfterEveryMove(t *testing.T) {
	x := New(1)
	p := x.Part(0)
	for member := range uint32(100) {
		for topic := range 20 {
			p.Subscribe(member, topicBytes("t:%d", (int(member)+topic)%30))
		}
	}
	checkInvariants(t, x)
	for member := range uint32(100) {
		switch member % 3 {
		case 0:
			p.Drop(member)
		case 1:
			for topic := range 30 {
				p.Unsubscribe(member, topicBytes("t:%d", topic))
			}
		}
		checkInvariants(t, x)
	}
}

func TestI5ChunksOfNobodyAreGivenBack(t *testing.T) {
	const members = 10 * chunkSize
	x := New(1)
	p := x.Part(0)
	for member := range uint32(members) {
		p.Subscribe(member, []byte("all"))
		p.Subscribe(member, topicBytes("own:%d", member))
	}
	for member := range uint32(members) {
		p.Drop(member)
		if member%chunkSize == chunkSize-1 {
			checkInvariants(t, x)
		}
	}
	for i, pg := range p.roster.pages {
		if pg.chunk != nil {
			t.Errorf("page %d still has a chunk", i)
		}
	}
	for i := range x.shards {
		if got := len(x.shards[i].hashes); got > minTable {
			t.Errorf("shard %d kept %d slots, want %d at most", i, got, minTable)
		}
	}
}

func TestI6CountsAreTheSumsOfTheLists(t *testing.T) {
	x := New(2)
	x.Part(0).Subscribe(1, []byte("a"))
	x.Part(0).Subscribe(1, []byte("a"))
	x.Part(0).Subscribe(1, []byte("b:1"))
	x.Part(1).Subscribe(1, []byte("a"))
	x.Part(1).Unsubscribe(1, []byte("b:1"))
	if topics, subscriptions := x.Len(), x.Subscriptions(); topics != 2 || subscriptions != 3 {
		t.Fatalf("got %d topics and %d subscriptions, want 2 and 3", topics, subscriptions)
	}
	x.Part(0).Drop(1)
	if topics, subscriptions := x.Len(), x.Subscriptions(); topics != 1 || subscriptions != 1 {
		t.Fatalf("got %d topics and %d subscriptions, want 1 and 1", topics, subscriptions)
	}
	checkInvariants(t, x)
}

func TestI7HeldIsTheMemoryOfTopicsAndMembers(t *testing.T) {
	x := New(2)
	long := strings.Repeat("x", 500)
	for member := range uint32(50) {
		x.Part(0).Subscribe(member, []byte("shared"))
		x.Part(1).Subscribe(member*100, []byte("shared"))
		for i := range 20 {
			x.Part(0).Subscribe(member, topicBytes("own%d:%d%s", member, i, long))
		}
	}
	checkInvariants(t, x)
	if got, least := x.Held(), 50*20*500; got < least || got > 2*least {
		t.Errorf("got %d bytes for %d of names, want at most twice as many", got, least)
	}
	x.Part(1).Drop(100)
	x.Part(0).Unsubscribe(7, topicBytes("own%d:%d%s", 7, 3, long))
	checkInvariants(t, x)
	for member := range uint32(50) {
		x.Part(0).Drop(member)
		x.Part(1).Drop(member * 100)
	}
	checkInvariants(t, x)
	if got := x.Held(); got != 0 {
		t.Errorf("got %d bytes when all have left, want none", got)
	}
}
