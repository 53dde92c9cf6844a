package fanout

import (
	"sync/atomic"

	"github.com/spokehub/spokehub/wsframe"
)

// maxOverLimit is how many connections over the limits the hub accepts at a time, to read their requests: a request that is
// not for the hub, such as a health check, is answered even when the hub is full.
const maxOverLimit = 32

var (
	refuseFull = &wsframe.Refusal{Status: 503, Reason: "too many connections", Field: "Retry-After", Value: "2"}
	refuseMany = &wsframe.Refusal{Status: 429, Reason: "too many connections from this address", Field: "Retry-After", Value: "5"}
	refuseDown = &wsframe.Refusal{Status: 503, Reason: "shutting down", Field: "Retry-After", Value: "2"}
)

// admission counts connections against the limits. Any goroutine may use it.
type admission struct {
	// maxConnections is changed by Reconfigure; 0 means no limit.
	maxConnections atomic.Int64
	addresses      addressLimits
	// spokes is how many counted connections the hub serves, httpConns how many net/http serves.
	spokes    atomic.Int64
	httpConns atomic.Int64
	// httpBytes is an estimate of the memory that net/http takes for its connections.
	httpBytes atomic.Int64
	// overLimit is how many connections were let in over the limits. They count in neither of the others.
	overLimit atomic.Int64
	// empty gets a value when spokes comes down to 0.
	empty chan struct{}
}

// admit counts a connection in, or says why not.
func (a *admission) admit(peer peerAddress) *wsframe.Refusal {
	spokes := a.spokes.Add(1)
	if limit := a.maxConnections.Load(); limit > 0 && spokes+a.httpConns.Load() > limit {
		a.removeCounted()
		return refuseFull
	}
	if !a.addresses.add(peer) {
		a.removeCounted()
		return refuseMany
	}
	return nil
}

// admitOverLimit claims one of the places for connections over the limits, if the limits are why the connection was refused
// and a place is free.
func (a *admission) admitOverLimit(refusal *wsframe.Refusal) bool {
	if refusal != refuseFull && refusal != refuseMany {
		return false
	}
	if a.overLimit.Add(1) > maxOverLimit {
		a.overLimit.Add(-1)
		return false
	}
	return true
}

func (a *admission) removeOverLimit() { a.overLimit.Add(-1) }

// handshakeDone says that the spoke's handshake is over, however it went.
func (a *admission) handshakeDone(s *Spoke) {
	if s.marks&handshakeCounted != 0 {
		s.marks &^= handshakeCounted
		a.addresses.handshakeDone(s.peer)
	}
}

// removeSpoke undoes what admit has counted.
func (a *admission) removeSpoke(s *Spoke) {
	a.handshakeDone(s)
	if s.marks&countedIn != 0 {
		s.marks &^= countedIn
		a.addresses.remove(s.peer)
		a.removeCounted()
	}
}

// toHTTP makes an HTTP connection of a spoke that is counted in.
func (a *admission) toHTTP(s *Spoke) {
	a.handshakeDone(s)
	a.httpConns.Add(1)
	s.marks &^= countedIn
	a.removeCounted()
}

func (a *admission) removeHTTP(peer peerAddress) {
	a.addresses.remove(peer)
	a.httpConns.Add(-1)
}

func (a *admission) removeCounted() {
	if a.spokes.Add(-1) == 0 {
		select {
		case a.empty <- struct{}{}:
		default:
		}
	}
}
