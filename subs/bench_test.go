package subs

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

var sink atomic.Uint64

func names(format string, n int) [][]byte {
	out := make([][]byte, n)
	for i := range out {
		out[i] = topicBytes(format, i)
	}
	return out
}

// BenchmarkChurn is one unsubscribe and one subscribe of a member in the middle
// of a topic of that size.
func BenchmarkChurn(b *testing.B) {
	for _, subs := range []int{1, 1000, 100_000} {
		b.Run(fmt.Sprintf("subs=%d", subs), func(b *testing.B) {
			p := New(1).Part(0)
			topic := []byte("price:EURUSD")
			for member := range subs {
				p.Subscribe(uint32(member), topic)
			}
			p.Subscribe(uint32(subs), topic)
			b.ReportAllocs()
			member := 0
			for b.Loop() {
				member = (member + 7919) % subs
				p.Unsubscribe(uint32(member), topic)
				p.Subscribe(uint32(member), topic)
			}
		})
	}
}

// BenchmarkChurnOfMany is one unsubscribe and one subscribe of a member that
// has that many topics, each of two members.
func BenchmarkChurnOfMany(b *testing.B) {
	for _, topics := range []int{2, 8, 1000, 10_000} {
		b.Run(fmt.Sprintf("topics=%d", topics), func(b *testing.B) {
			p := New(1).Part(0)
			all := names("room:%d", topics)
			for _, topic := range all {
				p.Subscribe(0, topic)
				p.Subscribe(1, topic)
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				i = (i + 7919) % topics
				p.Unsubscribe(1, all[i])
				p.Subscribe(1, all[i])
			}
		})
	}
}

// BenchmarkOwnTopic is the life of a topic with one member: it is freed and
// created again.
func BenchmarkOwnTopic(b *testing.B) {
	x := New(1)
	p := x.Part(0)
	all := names("own:%d", 10_000)
	for i, topic := range all {
		p.Subscribe(uint32(i), topic)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		i = (i + 7919) % len(all)
		p.Unsubscribe(uint32(i), all[i])
		p.Subscribe(uint32(i), all[i])
	}
}

// BenchmarkDrop drops a member with that many topics, each of a thousand
// members, and subscribes it again.
func BenchmarkDrop(b *testing.B) {
	for _, topics := range []int{1, 10, 100} {
		b.Run(fmt.Sprintf("topics=%d", topics), func(b *testing.B) {
			p := New(1).Part(0)
			all := names("room:%d", topics)
			for member := range uint32(1000) {
				for _, topic := range all {
					p.Subscribe(member, topic)
				}
			}
			b.ReportAllocs()
			member := uint32(0)
			for b.Loop() {
				member = (member + 379) % 1000
				p.Drop(member)
				for _, topic := range all {
					p.Subscribe(member, topic)
				}
			}
		})
	}
}

func BenchmarkMatch(b *testing.B) {
	x := New(2)
	types, ids := names("type%d", 1000), names("%d", 1000)
	for i := range types {
		x.Part(0).Subscribe(uint32(i), types[i])
		x.Part(1).Subscribe(uint32(i), topicBytes("%s:%s", types[i], ids[i]))
	}
	run := func(name string, match func(i int) Match) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var parts uint64
			i := 0
			for b.Loop() {
				if i++; i == len(types) {
					i = 0
				}
				parts += match(i).Parts
			}
			sink.Add(parts)
		})
	}
	run("key=type", func(i int) Match { return x.Match(types[i], nil) })
	run("key=type-and-id", func(i int) Match { return x.Match(types[i], ids[i]) })
	run("key=none", func(i int) Match { return x.Match(ids[i], nil) })
}

// BenchmarkContention matches on several cores at once: one topic, so under one
// lock, and a thousand topics over all the shards.
func BenchmarkContention(b *testing.B) {
	for _, topics := range []int{1, 1000} {
		b.Run(fmt.Sprintf("match/topics=%d", topics), func(b *testing.B) {
			x := New(1)
			all := names("type%d", topics)
			for _, topic := range all {
				x.Part(0).Subscribe(0, topic)
			}
			b.RunParallel(func(pb *testing.PB) {
				var parts uint64
				for i := 0; pb.Next(); i++ {
					parts += x.Match(all[i*7919%topics], nil).Parts
				}
				sink.Add(parts)
			})
		})
		b.Run(fmt.Sprintf("churn/topics=%d", topics), func(b *testing.B) {
			x := New(MaxParts)
			all := names("type%d", topics)
			var next atomic.Int64
			b.RunParallel(func(pb *testing.PB) {
				p := x.Part(int(next.Add(1)) - 1)
				for i := 0; pb.Next(); i++ {
					topic := all[i*7919%topics]
					p.Subscribe(uint32(i%1000), topic)
					p.Unsubscribe(uint32(i%1000), topic)
				}
			})
		})
	}
}

// BenchmarkWalk sums the members of a topic: from the dense list, and from a map
// and a map under a lock, which the list replaces.
func BenchmarkWalk(b *testing.B) {
	for _, subs := range []int{1000, 100_000} {
		x := New(1)
		p := x.Part(0)
		set := map[uint32]struct{}{}
		for member := range uint32(subs) {
			p.Subscribe(member, []byte("all"))
			set[member] = struct{}{}
		}
		perMember := func(b *testing.B) {
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(subs), "ns/member")
		}
		b.Run(fmt.Sprintf("of=list/subs=%d", subs), func(b *testing.B) {
			var sum uint64
			for b.Loop() {
				for _, member := range p.Members(x.MatchString("all", "").Type) {
					sum += uint64(member)
				}
			}
			sink.Add(sum)
			perMember(b)
		})
		b.Run(fmt.Sprintf("of=map/subs=%d", subs), func(b *testing.B) {
			var mu sync.Mutex
			var sum uint64
			for b.Loop() {
				mu.Lock()
				for member := range set {
					sum += uint64(member)
				}
				mu.Unlock()
			}
			sink.Add(sum)
			perMember(b)
		})
	}
}

// BenchmarkMemory reports heap bytes a member (and a subscription): the member's
// entries, the lists, the topics, their names and the name tables.
func BenchmarkMemory(b *testing.B) {
	shapes := []struct {
		name    string
		members int
		topics  func(member int) [][]byte
	}{
		{name: "common", members: 100_000, topics: func(int) [][]byte { return [][]byte{[]byte("common")} }},
		{name: "own", members: 100_000, topics: func(m int) [][]byte { return [][]byte{topicBytes("own:%d", m)} }},
		{name: "common-and-own", members: 100_000, topics: func(m int) [][]byte { return [][]byte{[]byte("common"), topicBytes("own:%d", m)} }},
		{name: "room-of-100", members: 100_000, topics: func(m int) [][]byte { return [][]byte{topicBytes("room:%d", m/100)} }},
		{name: "1000-each", members: 1000, topics: func(m int) [][]byte { return names("room:%d", 1000) }},
	}
	for _, parts := range []int{1, 8} {
		for _, shape := range shapes {
			b.Run(fmt.Sprintf("parts=%d/topics=%s", parts, shape.name), func(b *testing.B) {
				var perMember, perSubscription, left float64
				for b.Loop() {
					x := New(parts)
					before := heapBytes()
					for member := range shape.members {
						for _, topic := range shape.topics(member) {
							x.Part(member%parts).Subscribe(uint32(member/parts), topic)
						}
					}
					grown := float64(heapBytes() - before)
					perMember = grown / float64(shape.members)
					perSubscription = grown / float64(x.Subscriptions())
					for member := range shape.members {
						x.Part(member % parts).Drop(uint32(member / parts))
					}
					left = float64(heapBytes()-before) / float64(shape.members)
					runtime.KeepAlive(x)
				}
				b.ReportMetric(perMember, "B/member")
				b.ReportMetric(perSubscription, "B/subscription")
				b.ReportMetric(left, "B/left")
			})
		}
	}
}
