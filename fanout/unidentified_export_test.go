package fanout

import (
	"net"

	"github.com/spokehub/spokehub/netpoll"
)

// AddUnidentified adds a connection whose client is to identify itself by __auth.
func (h *Hub) AddUnidentified(conn net.Conn) (*Spoke, error) {
	s, refusal := h.admitAdded(peerOf(conn), false)
	if refusal != nil {
		return nil, ErrTooMany
	}
	return s, h.add(s, conn, entry{verdict: verdict{later: true}})
}

// Tenures is how many spokes the hub keeps a tenure of.
func (h *Hub) Tenures() int {
	n := 0
	for _, l := range h.loops {
		l.ask(func(*netpoll.Reactor) { n += len(l.conns.tenures) })
	}
	return n
}
