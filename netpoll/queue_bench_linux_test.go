package netpoll

import (
	"fmt"
	"testing"
)

// BenchmarkFanout queues frames and takes them off again, eight a connection; no byte is sent. Lists in order walk the
// slots as a fresh hub has them.
func BenchmarkFanout(b *testing.B) {
	for _, count := range []int{1000, 10000, 100000} {
		b.Run(fmt.Sprintf("members=%d", count), func(b *testing.B) {
			r, _ := still(b, Config{Handler: quietHandler{newRecorder()}, QueueLimit: 1 << 30})
			members := slotsOf(r, count)
			frame := NewFrame(pattern(128), true)
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				r.sender.Fanout(frame, members, nil, NoSlot)
				if i%8 == 7 {
					b.StopTimer()
					for _, n := range members {
						r.sender.Cut(n, DropClosed)
					}
					for r.sender.hasWork() {
						r.flush()
					}
					b.StartTimer()
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(count), "ns/member")
		})
	}
}

// BenchmarkFanoutAndSend is the whole way of eight frames to a socket that takes them in one call.
func BenchmarkFanoutAndSend(b *testing.B) {
	for _, count := range []int{1000, 10000} {
		b.Run(fmt.Sprintf("members=%d/frames=8", count), func(b *testing.B) {
			r, _ := still(b, Config{Handler: quietHandler{newRecorder()}})
			sink := drain(b)
			members := slotsOf(r, count)
			for _, n := range members {
				r.conns.table.At(n).fd = sink
			}
			frame := NewFrame(pattern(128), true)
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				r.sender.Fanout(frame, members, nil, NoSlot)
				if i%8 == 7 {
					for r.sender.hasWork() {
						r.flush()
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(count), "ns/delivery")
		})
	}
}

// BenchmarkPost is a post that wakes a sleeping reactor, and its answer; and one to a reactor that is awake.
func BenchmarkPost(b *testing.B) {
	for _, e := range engines() {
		b.Run("engine="+e.String()+"/answered=true", func(b *testing.B) {
			r := start(b, Config{Handler: quietHandler{newRecorder()}, Engine: e})
			answered := make(chan struct{}, 1)
			task := TaskFunc(func(*Reactor) { answered <- struct{}{} })
			b.ReportAllocs()
			for b.Loop() {
				r.Post(task)
				<-answered
			}
		})
		b.Run("engine="+e.String()+"/answered=false", func(b *testing.B) {
			r := start(b, Config{Handler: quietHandler{newRecorder()}, Engine: e})
			task := new(nopTask)
			b.ReportAllocs()
			for range b.N {
				r.Post(task)
			}
			on(b, r, func() {})
		})
	}
}

func BenchmarkWheel(b *testing.B) {
	for _, count := range []int{1000, 100000} {
		b.Run(fmt.Sprintf("connections=%d/op=set", count), func(b *testing.B) {
			w := newWheel()
			var table connTable
			for range count {
				table.take()
			}
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				n := uint32(i % count)
				w.set(n, &table.table.At(n).deadline, w.now+250)
			}
		})
		b.Run(fmt.Sprintf("connections=%d/op=tick", count), func(b *testing.B) {
			w := newWheel()
			var table connTable
			for i := range count {
				n := table.take()
				w.set(n, &table.table.At(n).deadline, uint32(1+i%250))
			}
			expired := func(n uint32) { w.set(n, &table.table.At(n).deadline, w.now+250) }
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				w.pass(uint32(i+1), &table, expired)
			}
		})
	}
}
