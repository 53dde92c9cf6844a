package fanout

import (
	"time"

	"github.com/spokehub/spokehub/netpoll"
)

// beginHandshake notes when the handshake of a spoke began. A spoke that is in it has not been pinged, so pinged keeps the moment, in
// microseconds: no spoke takes memory for what ends within seconds.
func (s *Spoke) beginHandshake(at time.Duration) { s.pinged = uint32(at / time.Microsecond) }

// endHandshake counts how long the handshake took that ends with 101, up to 71 minutes.
func (l *loop) endHandshake(s *Spoke) {
	took := uint32(netpoll.Moment()/time.Microsecond) - s.pinged
	s.pinged = 0
	l.counts.handshakeTook(time.Duration(took) * time.Microsecond)
}

func (n *loopCounters) handshakeTook(d time.Duration) { n.handshakeTimes.Observe(d, 1) }
