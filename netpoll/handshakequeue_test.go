package netpoll

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
)

func TestHandshakesAreServedByAddressInRotation(t *testing.T) {
	q := newHandshakeQueue(1)
	<-q.begin(netip.MustParseAddr("192.0.2.1"))
	permits := map[string]<-chan struct{}{}
	for _, waiting := range []struct{ name, client string }{
		{"first of many", "192.0.2.7"}, {"second of many", "192.0.2.7"}, {"third of many", "::ffff:192.0.2.7"},
		{"of a network", "2001:db8::1"}, {"of the same network", "2001:db8::2"}, {"of another one", "2001:db8:0:1::1"}, {"of nobody", ""},
	} {
		client, _ := netip.ParseAddr(waiting.client)
		permits[waiting.name] = q.begin(client)
	}
	permits["one that goes on"] = q.goOn()
	for _, want := range []string{
		"one that goes on", "first of many", "of a network", "of another one", "of nobody", "second of many", "of the same network", "third of many",
	} {
		q.leave()
		for name, permit := range permits {
			select {
			case <-permit:
				if name != want {
					t.Fatalf("got the permit of %q, want that of %q", name, want)
				}
				delete(permits, name)
			default:
			}
		}
	}
	if len(permits) != 0 {
		t.Errorf("got %d that wait still, want none", len(permits))
	}
}

func TestHandshakeQueueI1NobodyWaitsWhileOneIsFree(t *testing.T) {
	const atOnce = 2
	q := newHandshakeQueue(atOnce)
	var computing, most atomic.Int64
	compute := func(permit <-chan struct{}) {
		<-permit
		most.Store(max(most.Load(), computing.Add(1)))
		computing.Add(-1)
		q.leave()
	}
	var all sync.WaitGroup
	for n := range 100 {
		all.Go(func() {
			for range 20 {
				compute(q.begin(netip.AddrFrom4([4]byte{192, 0, 2, byte(n % 7)})))
				compute(q.goOn())
			}
		})
	}
	all.Wait()
	if got := most.Load(); got > atOnce {
		t.Errorf("got %d that compute at once, want %d at most", got, atOnce)
	}
	if q.free != atOnce || len(q.begun) != 0 {
		t.Errorf("got %d free and %d that wait to go on, want %d and none", q.free, len(q.begun), atOnce)
	}
}

func TestHandshakeQueueI2AddressesThatWaitForNothingAreForgotten(t *testing.T) {
	q := newHandshakeQueue(1)
	<-q.goOn()
	for n := range 50 {
		q.begin(netip.AddrFrom4([4]byte{192, 0, 2, byte(n % 5)}))
	}
	if len(q.order) != 5 || len(q.fresh) != 5 {
		t.Errorf("got %d addresses in order and %d with their handshakes, want 5 of each", len(q.order), len(q.fresh))
	}
	for range 51 {
		q.leave()
	}
	if len(q.order) != 0 || len(q.fresh) != 0 || q.free != 1 {
		t.Errorf("got %d and %d addresses and %d free, want none and 1", len(q.order), len(q.fresh), q.free)
	}
}

// taken is how many permits are given.
func (q *handshakeQueue) taken() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return shakingAtOnce - q.free
}
