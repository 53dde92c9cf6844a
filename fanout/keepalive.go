package fanout

import (
	"math/rand/v2"
	"time"

	"github.com/spokehub/spokehub/netpoll"
)

// schedulePing sets the time of a spoke's first ping, at random so that spokes that came together are not pinged together.
func (l *loop) schedulePing(s *Spoke) {
	interval := l.hub.cfg.PingInterval
	if interval > 0 {
		interval = interval/2 + time.Duration(rand.Int64N(int64(interval/2)+1))
	}
	l.reactor.SetDeadline(s.conn.Slot, interval)
}

// checkPeer pings a spoke, whether it sends or not: its own watchdog may wait for that. It ends one that was pinged and has
// not been heard since, nor for the peer timeout. A spoke is heard when bytes of it come, and when a full socket takes more,
// which it does only if the peer reads. One that is not read because the hub has no room for what it sends counts as heard.
//
// The reactor calls it behind a last read and a last write of the spoke. Where it could not read, nobody is ended for silence.
func (l *loop) checkPeer(s *Spoke) {
	cfg, slot := &l.hub.cfg, s.conn.Slot
	if cfg.PingInterval <= 0 {
		return
	}
	silent, waiting := l.reactor.SilentFor(slot), l.sincePing(s)
	unanswered := s.pinged != 0 && silent > waiting
	left := cfg.PingInterval
	if unanswered && s.marks&hubNotReading == 0 {
		left = max(cfg.PeerTimeout-silent, cfg.PeerTimeout-cfg.PingInterval-waiting)
		if left <= 0 && !l.reactor.IsHeavy() {
			l.closeSilent(s)
			return
		}
	}
	l.reactor.SetDeadline(slot, max(netpoll.Tick, min(cfg.PingInterval, left)))
	if left > 0 {
		l.ping(s, unanswered)
	}
}

// sincePing is how long ago the ping was queued that the spoke has yet to answer, to the Tick.
func (l *loop) sincePing(s *Spoke) time.Duration {
	return time.Duration(l.tick()-s.pinged) * netpoll.Tick
}

// tick is the reactor's time, which has left 0 when the first ping is due.
func (l *loop) tick() uint32 { return uint32(l.reactor.Now() / netpoll.Tick) }

// ping queues a ping whatever the limit of the queue, because no ping may be what a queue overflows by. But none joins one
// that still waits in a full socket: so there are no more of them than the spoke makes progress.
func (l *loop) ping(s *Spoke, unanswered bool) {
	slot := s.conn.Slot
	if unanswered && l.sender.BlockedFor(slot) > 0 {
		return
	}
	if !unanswered {
		s.pinged = l.tick()
	}
	l.counts.pings++
	l.sender.SendLast(slot, l.hub.cfg.ping)
}

// closeSilent ends a spoke that has not answered. If its peer comes back after all, it finds the rest of a half-sent frame and
// a close frame that tells it to come again.
func (l *loop) closeSilent(s *Spoke) {
	l.sender.Cut(s.conn.Slot, netpoll.DropClosed)
	l.closeWith(s, Cause{Kind: CauseSilent, Code: CodeGoingAway, Reason: retryReason(retryAfter)})
}
