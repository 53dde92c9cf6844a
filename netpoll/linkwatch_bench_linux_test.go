package netpoll

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"runtime"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// hiddenConn hides from the reactor what a connection stands on, so that it is served by two goroutines.
type hiddenConn struct{ net.Conn }

// linkWays are the two ways to serve a connection of TLS that was made elsewhere.
var linkWays = map[string]func(net.Conn) net.Conn{
	"watched":    func(c net.Conn) net.Conn { return c },
	"goroutines": func(c net.Conn) net.Conn { return hiddenConn{c} },
}

// cpuTime is what this process has used so far, both ends of its connections together, in nanoseconds.
func cpuTime() int64 {
	var u unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &u)
	return u.Utime.Nano() + u.Stime.Nano()
}

func memoryInUse() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc + m.StackInuse)
}

func openLinks(b *testing.B, r *Reactor, n int, way func(net.Conn) net.Conn) (slots []uint32, peers []net.Conn) {
	for range n {
		ours, peer := tlsPair(b, tls.VersionTLS13, tls.Server)
		on(b, r, func() { slots = append(slots, r.OpenLink(way(ours))) })
		peers = append(peers, peer)
		b.Cleanup(func() { peer.Close() })
	}
	return slots, peers
}

func BenchmarkForeignTLSEcho(b *testing.B) {
	for _, e := range waitLoops {
		for name, way := range linkWays {
			b.Run(fmt.Sprintf("engine=%v/way=%s", e, name), func(b *testing.B) {
				h := newRecorder()
				r := start(b, Config{Handler: h, Engine: e, Alone: true})
				h.onInput = func(n uint32, view []byte) { r.sender.Send(n, NewFrame(view, true)) }
				_, peers := openLinks(b, r, 1, way)
				message := pattern(170)
				b.ReportAllocs()
				before := cpuTime()
				for b.Loop() {
					if _, err := peers[0].Write(message); err != nil {
						b.Fatal(err)
					}
					if _, err := io.ReadFull(peers[0], message); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(cpuTime()-before)/float64(b.N), "cpu-ns/op")
			})
		}
	}
}

func BenchmarkForeignTLSFanout(b *testing.B) {
	const members = 1000
	for _, e := range waitLoops {
		for name, way := range linkWays {
			b.Run(fmt.Sprintf("engine=%v/way=%s", e, name), func(b *testing.B) {
				empty := memoryInUse()
				r := start(b, Config{Handler: newRecorder(), Engine: e, Alone: true})
				slots, peers := openLinks(b, r, members, way)
				awaitTurn(r)
				idle := (memoryInUse() - empty) / members
				frame := NewFrame(pattern(170), true)
				var got sync.WaitGroup
				for _, peer := range peers {
					go func() {
						buf := make([]byte, frame.Len())
						for {
							if _, err := io.ReadFull(peer, buf); err != nil {
								return
							}
							got.Done()
						}
					}()
				}
				b.ResetTimer()
				before := cpuTime()
				for range b.N {
					got.Add(members)
					on(b, r, func() { r.sender.Fanout(frame, slots, nil, NoSlot) })
					got.Wait()
				}
				b.ReportMetric(float64(cpuTime()-before)/float64(b.N)/members, "cpu-ns/delivery")
				b.ReportMetric(idle, "idle-B/connection")
			})
		}
	}
}
