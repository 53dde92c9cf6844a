package subs

import (
	"runtime"
	"testing"
	"unsafe"
)

func TestSteadyStateAllocatesNothing(t *testing.T) {
	x := New(2)
	p := x.Part(0)
	for member := range uint32(1000) {
		p.Subscribe(member, []byte("all"))
		p.Subscribe(member, []byte("room:1"))
		x.Part(1).Subscribe(member, []byte("all"))
	}
	for i := range 200 {
		p.Subscribe(5000, topicBytes("own:%d", i))
	}
	all, room, typ, id := []byte("all"), []byte("room:1"), []byte("room"), []byte("1")
	names := make([]string, 0, 4)
	sum := 0
	tests := []struct {
		name string
		run  func()
	}{
		{name: "match of bytes", run: func() { sum += int(x.Match(typ, id).Parts) }},
		{name: "match of strings", run: func() { sum += int(x.MatchString("room", "1").Parts) }},
		{name: "unsubscribe and subscribe again", run: func() { p.Unsubscribe(3, all); p.Subscribe(3, all) }},
		{name: "both topics in turn", run: func() {
			p.Unsubscribe(3, all)
			p.Unsubscribe(3, room)
			p.Subscribe(3, room)
			p.Subscribe(3, all)
		}},
		{name: "a lone member that comes and goes", run: func() { p.Subscribe(90_000, all); p.Unsubscribe(90_000, all) }},
		{name: "drop and subscribe again", run: func() { p.Drop(90_000); p.Subscribe(90_000, all) }},
		{name: "a member of many topics", run: func() { p.Subscribe(5000, all); p.Unsubscribe(5000, all) }},
		{name: "subscribe to what it has", run: func() { p.Subscribe(3, all) }},
		{name: "unsubscribe from what it hasn't", run: func() { p.Unsubscribe(3, typ) }},
		{name: "walk", run: func() {
			for _, member := range p.Members(x.Match(all, nil).Type) {
				sum += int(member)
			}
		}},
		{name: "topics into a slice with room", run: func() { names = p.AppendTopics(names[:0], 3) }},
		{name: "counts", run: func() { sum += x.Len() + x.Subscriptions() + p.Count(5000) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.run()
			if got := testing.AllocsPerRun(200, tt.run); got != 0 {
				t.Errorf("got %v allocations, want 0", got)
			}
		})
	}
}

func TestMemoryLayout(t *testing.T) {
	tests := []struct {
		name      string
		got, most uintptr
	}{
		{name: "a record is 24 bytes", got: unsafe.Sizeof(record{}), most: 24},
		{name: "a chunk fills its size class", got: unsafe.Sizeof(chunk{}), most: 24 << 10},
		{name: "a topic fits a class of 80", got: unsafe.Sizeof(Topic{}), most: 80},
		{name: "a list of a further part is 32 bytes", got: unsafe.Sizeof(list{}), most: 32},
		{name: "a shard fits a cache line", got: unsafe.Sizeof(shard{}), most: 64},
		{name: "an entry is 16 bytes", got: unsafe.Sizeof(entry{}), most: 16},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.got > tt.most {
				t.Errorf("got %d bytes, want %d at most", tt.got, tt.most)
			}
		})
	}
}

func TestMemoryComesBackWhenMembersLeave(t *testing.T) {
	const members = 15_000
	x := New(2)
	before := heapBytes()
	for member := range uint32(members) {
		p := x.Part(int(member % 2))
		p.Subscribe(member/2, []byte("common"))
		p.Subscribe(member/2, topicBytes("own:%d", member))
	}
	grown := heapBytes() - before
	for member := range uint32(members) {
		x.Part(int(member % 2)).Drop(member / 2)
	}
	left := heapBytes() - before
	if left > grown/10 {
		t.Errorf("got %d of %d bytes left, want a tenth at most", left, grown)
	}
	runtime.KeepAlive(x)
}

func heapBytes() int64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}
