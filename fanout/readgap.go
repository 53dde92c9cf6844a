package fanout

import "time"

// readGap is a time in which the hub did not read a spoke. What the spoke has sent meanwhile comes at once when it ends. So for
// as long again that much more is within its rates.
type readGap struct {
	// began is when the last one began, ended when it ended, and length how long it was, with those shortly before it.
	began, ended, length time.Duration
}

// maxReadGap bounds length.
const maxReadGap = time.Minute

// lengthAt is the length while that matters, and then 0.
func (g readGap) lengthAt(now time.Duration) time.Duration {
	if now-g.ended <= g.length {
		return g.length
	}
	return 0
}

// readGaps are the times in which a loop did not read. They belong to the loop's goroutine.
//
// I1: of holds only open spokes that were not read for a while, and nobody where there are no rates.
type readGaps struct {
	// ofAll is when the reactor did not run, skipped how much of that is in it.
	ofAll   readGap
	skipped time.Duration
	// of is when a spoke had to wait with what it sends, by slot.
	of map[uint32]readGap
}

// gapBefore is how long the hub did not read a spoke that now sends more than it might otherwise.
func (l *loop) gapBefore(s *Spoke, now time.Duration) time.Duration {
	l.noteSkipped()
	return l.conns.gaps.ofAll.lengthAt(now) + l.conns.gaps.of[s.conn.Slot].lengthAt(now)
}

// noteSkipped notes when the reactor has not run for a while.
func (l *loop) noteSkipped() {
	g := &l.conns.gaps
	if skipped := l.reactor.Skipped(); skipped != g.skipped {
		g.ofAll = readGap{ended: l.reactor.Now(), length: min(skipped-g.skipped, maxReadGap)}
		g.skipped = skipped
	}
}

// beginGap notes that the hub stops reading a spoke for its own reasons.
func (l *loop) beginGap(s *Spoke) {
	if !l.hub.cfg.rated {
		return
	}
	if l.conns.gaps.of == nil {
		l.conns.gaps.of = make(map[uint32]readGap)
	}
	g := l.conns.gaps.of[s.conn.Slot]
	g.began = l.reactor.Now()
	l.conns.gaps.of[s.conn.Slot] = g
}

// endGap notes that it reads on.
func (l *loop) endGap(s *Spoke) {
	if g, was := l.conns.gaps.of[s.conn.Slot]; was {
		now := l.reactor.Now()
		g.length = min(g.lengthAt(g.began)+now-g.began, maxReadGap)
		g.ended = now
		l.conns.gaps.of[s.conn.Slot] = g
	}
}

// forgetGap drops what is known of a spoke that ends.
func (l *loop) forgetGap(s *Spoke) { delete(l.conns.gaps.of, s.conn.Slot) }
