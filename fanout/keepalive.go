package fanout

import (
	"math/rand/v2"
	"time"
)

// schedulePing sets the time of a spoke's first check, at random so that spokes that came together are not pinged together.
func (l *loop) schedulePing(s *Spoke) {
	interval := l.hub.cfg.PingInterval
	if interval > 0 {
		interval = interval/2 + time.Duration(rand.Int64N(int64(interval/2)+1))
	}
	l.reactor.SetDeadline(s.conn.Slot, interval)
}

// checkPeer pings a spoke that has been silent for the ping interval, and ends one that has been for the peer timeout. A
// spoke whose reading is paused counts as heard.
func (l *loop) checkPeer(s *Spoke) {
	cfg, slot := &l.hub.cfg, s.conn.Slot
	if cfg.PingInterval <= 0 {
		return
	}
	if s.marks&notRead != 0 {
		l.reactor.SetDeadline(slot, cfg.PingInterval)
		return
	}
	silent := l.reactor.SilentFor(slot)
	switch {
	case silent >= cfg.PeerTimeout:
		l.end(s, Cause{Kind: CauseSilent})
	case silent >= cfg.PingInterval:
		l.counts.pings++
		l.reactor.SetDeadline(slot, min(cfg.PingInterval, cfg.PeerTimeout-silent))
		l.sender.Send(slot, cfg.ping)
	default:
		l.reactor.SetDeadline(slot, cfg.PingInterval-silent)
	}
}
