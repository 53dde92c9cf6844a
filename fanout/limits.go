package fanout

import (
	"net/netip"
	"sync"
	"time"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/wsframe"
)

// allowance is a token bucket in one word (the generic cell rate algorithm, ITU-T I.371): the time at which it will be
// full again. A second's worth may be taken at once.
type allowance int64

func (a *allowance) take(perSecond, amount int, now int64) bool {
	if perSecond <= 0 {
		return true
	}
	full := max(int64(*a), now) + int64(amount)*int64(time.Second)/int64(perSecond)
	if full-now > max(int64(time.Second), int64(amount)*int64(time.Second)/int64(perSecond)) {
		return false
	}
	*a = allowance(full)
	return true
}

// rates is what a spoke may still send. It belongs to the reactor.
type rates struct {
	events   allowance
	bytes    allowance
	controls allowance
}

func (r *rates) take(cfg *Config, kind event.Kind, size int, at time.Time) bool {
	now := at.UnixNano()
	if !r.bytes.take(cfg.MaxBytesPerSecond, size, now) {
		return false
	}
	if kind == event.None {
		return r.events.take(cfg.MaxEventsPerSecond, 1, now)
	}
	return r.controls.take(cfg.MaxControlsPerSecond, 1, now)
}

// sources counts connections and unfinished handshakes by source address, where the configuration limits them.
//
// I1: an address is in the map only while it has a connection. Peers without one, as on Unix sockets, are not counted.
type sources struct {
	mu     sync.Mutex
	counts map[netip.Addr]source
}

type source struct {
	connections int
	handshakes  int
}

var (
	refuseFull = &wsframe.Refusal{Status: 503, Reason: "too many connections", Field: "Retry-After", Value: "2"}
	refuseMany = &wsframe.Refusal{Status: 429, Reason: "too many connections from this address", Field: "Retry-After", Value: "5"}
	refuseDown = &wsframe.Refusal{Status: 503, Reason: "shutting down", Field: "Retry-After", Value: "2"}
)

func (c *Config) limitsSources() bool {
	return c.MaxConnectionsPerAddress > 0 || c.MaxHandshakesPerAddress > 0
}

// admit counts a connection in, or says why not. Guests count too.
func (h *Hub) admit(peer peerAddress) *wsframe.Refusal {
	if h.state.Load() != serving {
		return refuseDown
	}
	live := h.live.Add(1)
	if h.cfg.MaxConnections > 0 && live+h.guests.Load() > int64(h.cfg.MaxConnections) {
		h.oneLess()
		return refuseFull
	}
	if !h.sources.enter(&h.cfg, peer) {
		h.oneLess()
		return refuseMany
	}
	return nil
}

func (c *sources) enter(cfg *Config, peer peerAddress) bool {
	if !cfg.limitsSources() || !peer.known() {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.counts == nil {
		c.counts = make(map[netip.Addr]source)
	}
	ip := peer.addrPort().Addr()
	n := c.counts[ip]
	if limit := cfg.MaxConnectionsPerAddress; limit > 0 && n.connections >= limit {
		return false
	}
	if limit := cfg.MaxHandshakesPerAddress; limit > 0 && n.handshakes >= limit {
		return false
	}
	n.connections++
	n.handshakes++
	c.counts[ip] = n
	return true
}

func (c *sources) shaken(cfg *Config, peer peerAddress) {
	c.change(cfg, peer, func(n *source) { n.handshakes-- })
}

func (c *sources) leave(cfg *Config, peer peerAddress) {
	c.change(cfg, peer, func(n *source) { n.connections-- })
}

func (c *sources) change(cfg *Config, peer peerAddress, f func(*source)) {
	if !cfg.limitsSources() || !peer.known() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	ip := peer.addrPort().Addr()
	n := c.counts[ip]
	f(&n)
	if n.connections <= 0 {
		delete(c.counts, ip)
		return
	}
	c.counts[ip] = n
}
