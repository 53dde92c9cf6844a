package stream

import (
	"fmt"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/spokehub/spokehub/event"
)

var benchPolicies = []struct {
	name   string
	policy Policy
}{
	{"events", Policy{History: History{Events: 1000}}},
	{"age", Policy{History: History{Events: 1000, Age: time.Minute}}},
	{"latest", Policy{History: History{Events: 1000, LatestPerID: true}}},
	{"bytes", Policy{History: History{Bytes: 1 << 20}}},
}

// BenchmarkAppend is one event on a stream that is full, of 500 ids.
func BenchmarkAppend(b *testing.B) {
	for _, c := range benchPolicies {
		b.Run("keep="+c.name, func(b *testing.B) {
			m := NewMemory(func() int64 { return 1 << 30 })
			defer m.Close()
			drafts, typ, i := steadyDrafts(500, 300), []byte("price"), 0
			b.ReportAllocs()
			for b.Loop() {
				i++
				m.Append(&c.policy, typ, drafts[i*7%len(drafts)], "")
			}
		})
	}
}

// BenchmarkInsert is BenchmarkAppend to a replica.
func BenchmarkInsert(b *testing.B) {
	for _, c := range benchPolicies {
		b.Run("keep="+c.name, func(b *testing.B) {
			m := NewMemory(func() int64 { return 1 << 30 })
			defer m.Close()
			drafts, typ, offset := steadyDrafts(500, 300), []byte("price"), uint64(0)
			m.Begin(&c.policy, "price", event.Position{Epoch: "x"}, nil)
			b.ReportAllocs()
			for b.Loop() {
				offset++
				m.Insert(typ, offset, time.Millisecond, drafts[offset*7%uint64(len(drafts))])
			}
		})
	}
}

// BenchmarkAppendWithManyIDs is one event on a stream that keeps the newest of each of that many ids.
func BenchmarkAppendWithManyIDs(b *testing.B) {
	for _, ids := range []int{1000, 100_000} {
		b.Run(fmt.Sprintf("ids=%d", ids), func(b *testing.B) {
			m := NewMemory(nil)
			defer m.Close()
			p := &Policy{History: History{Events: 1000, Bytes: 1 << 30, LatestPerID: true}}
			drafts, typ := steadyDrafts(ids, 300), []byte("price")
			for _, draft := range drafts {
				m.Append(p, typ, draft, "")
			}
			i := 0
			b.ReportAllocs()
			for b.Loop() {
				i = (i + 7919) % ids
				m.Append(p, typ, drafts[i], "")
			}
		})
	}
}

// BenchmarkAppendWithKey is one event with a key of its own.
func BenchmarkAppendWithKey(b *testing.B) {
	m := NewMemory(nil)
	defer m.Close()
	p := &Policy{History: History{Events: 1000}}
	draft, typ, i := steadyDrafts(1, 300)[0], []byte("price"), 0
	b.ReportAllocs()
	for b.Loop() {
		i++
		m.Append(p, typ, draft, "4f2c1e9a-"+strconv.Itoa(i))
	}
}

// BenchmarkParallelAppend is one event of many goroutines, to one stream or to one each.
func BenchmarkParallelAppend(b *testing.B) {
	for _, streams := range []int{1, 1000} {
		b.Run(fmt.Sprintf("streams=%d", streams), func(b *testing.B) {
			m := NewMemory(func() int64 { return 1 << 30 })
			defer m.Close()
			p := &Policy{History: History{Events: 1000}}
			var goroutines atomic.Int64
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				draft := steadyDrafts(1, 300)[0]
				typ := fmt.Appendf(nil, "type%d", int(goroutines.Add(1))%streams)
				for pb.Next() {
					m.Append(p, typ, draft, "")
				}
			})
		})
	}
}

// BenchmarkAppendToAStreamOfItsOwn is an event that begins a stream, and makes room in a store that is at its limit.
func BenchmarkAppendToAStreamOfItsOwn(b *testing.B) {
	m := NewMemory(func() int64 { return 64 << 20 })
	defer m.Close()
	p := &Policy{History: History{Age: time.Hour}}
	draft := steadyDrafts(1, 300)[0]
	typ := make([]byte, 0, 32)
	for i := range 200_000 {
		m.Append(p, strconv.AppendInt(typ, int64(i), 36), draft, "")
	}
	i := 1 << 30
	b.ReportAllocs()
	for b.Loop() {
		i++
		m.Append(p, strconv.AppendInt(typ, int64(i), 36), draft, "")
	}
	b.ReportMetric(float64(m.Stats().Streams), "streams")
}

// BenchmarkRead is one page of 64 events from the middle, of a ring or of survivors.
func BenchmarkRead(b *testing.B) {
	for _, c := range []struct {
		name  string
		after uint64
	}{{"ring", 100_500}, {"survivors", 50_000}} {
		b.Run("from="+c.name, func(b *testing.B) {
			m := NewMemory(nil)
			defer m.Close()
			p := &Policy{History: History{Events: 1000, Bytes: 1 << 30, LatestPerID: true}}
			for _, draft := range steadyDrafts(101_000, 300) {
				m.Append(p, []byte("price"), draft, "")
			}
			var page Page
			b.ReportAllocs()
			for b.Loop() {
				m.Read("price", Query{After: c.after, Events: 64}, &page)
				if len(page.Entries) != 64 {
					b.Fatalf("got %d events, want 64", len(page.Entries))
				}
				page.Release()
			}
		})
	}
}

// BenchmarkMemory is what the store takes for an event that is kept, beside its frame.
func BenchmarkMemory(b *testing.B) {
	const events = 100_000
	for _, c := range []struct {
		name   string
		policy Policy
	}{
		{"events", Policy{History: History{Events: events, Bytes: 1 << 30}}},
		{"latest", Policy{History: History{Events: 100, Bytes: 1 << 30, LatestPerID: true}}},
	} {
		b.Run("keep="+c.name, func(b *testing.B) {
			drafts := steadyDrafts(events, 0)
			for range b.N {
				m := NewMemory(nil)
				before := heapBytes()
				for _, draft := range drafts {
					m.Append(&c.policy, []byte("price"), draft, "")
				}
				b.ReportMetric(float64(heapBytes()-before)/events, "B/event")
				b.ReportMetric(float64(m.Held())/events, "held-B/event")
				m.Close()
			}
			runtime.KeepAlive(drafts)
		})
	}
	b.Run("streams", func(b *testing.B) {
		draft := steadyDrafts(1, 0)[0]
		for range b.N {
			m := NewMemory(nil)
			before := heapBytes()
			for i := range events {
				m.Append(&Policy{History: History{Age: time.Hour}}, fmt.Appendf(nil, "stranger%d", i), draft, "")
			}
			b.ReportMetric(float64(heapBytes()-before)/events, "B/stream")
			b.ReportMetric(float64(m.Held())/events, "held-B/stream")
			m.Close()
		}
	})
}

func heapBytes() int64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}
