package netpoll

import (
	"net/netip"
	"sync"
)

// handshakeQueue has permits for a few handshakes to compute at a time. Those that have begun go on first, for they are nearly done; among
// the others the addresses of clients are served in rotation, so whoever comes with very many waits for them alone. Any goroutine may use it; mu
// guards all.
//
// I1: free is above zero only while nobody waits.
// I2: order has each address of fresh once, and no other.
type handshakeQueue struct {
	mu   sync.Mutex
	free int
	// begun wait to go on, fresh to begin.
	begun []chan struct{}
	fresh map[netip.Prefix][]chan struct{}
	// order has the addresses of fresh in the order in which they are served.
	order []netip.Prefix
}

func newHandshakeQueue(atOnce int) *handshakeQueue {
	return &handshakeQueue{free: atOnce, fresh: make(map[netip.Prefix][]chan struct{})}
}

// granted is a permit that nobody has to wait for.
var granted = func() chan struct{} {
	permit := make(chan struct{})
	close(permit)
	return permit
}()

// begin returns what is closed when the handshake of a client may begin to compute.
func (q *handshakeQueue) begin(client netip.Addr) <-chan struct{} {
	from := sourceOf(client)
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.free > 0 {
		q.free--
		return granted
	}
	permit := make(chan struct{})
	if len(q.fresh[from]) == 0 {
		q.order = append(q.order, from)
	}
	q.fresh[from] = append(q.fresh[from], permit)
	return permit
}

// sourceOf is what counts as one address: for IPv6 a network of /64, all of which one client can have.
func sourceOf(client netip.Addr) netip.Prefix {
	bits := 64
	if client = client.Unmap(); client.Is4() {
		bits = 32
	}
	from, _ := client.Prefix(bits)
	return from
}

// goOn returns what is closed when a handshake that has begun may compute again.
func (q *handshakeQueue) goOn() <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.free > 0 {
		q.free--
		return granted
	}
	permit := make(chan struct{})
	q.begun = append(q.begun, permit)
	return permit
}

// leave gives a permit back.
func (q *handshakeQueue) leave() {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case len(q.begun) > 0:
		close(q.begun[0])
		q.begun = q.begun[1:]
	case len(q.order) > 0:
		from := q.order[0]
		q.order = q.order[1:]
		waiting := q.fresh[from]
		close(waiting[0])
		if len(waiting) == 1 {
			delete(q.fresh, from)
			return
		}
		q.fresh[from] = waiting[1:]
		q.order = append(q.order, from)
	default:
		q.free++
	}
}
