package fanout

import (
	"iter"
	"slices"
	"time"
)

const (
	// lookFrames and lookTime bound how much of one queue is read for its topics, lookStep is how many frames are read between looks at the clock.
	lookFrames = 1000
	lookTime   = 200 * time.Microsecond
	lookStep   = 16
	// glanceFrames is how many frames are looked at of a queue that is not read: spokes that become slow all at once cost a microsecond each, no matter
	// what they have queued.
	glanceFrames = 64
	// fillingSlice is for how long a turn finds out about spokes whose queues have passed half of the limit.
	fillingSlice = 500 * time.Microsecond
	// looksPause and looksBurst: a loop reads a queue each 20 ms, and 5 at once, so that reading takes it about a hundredth of its time, and a
	// millisecond of a turn, at the most.
	looksPause = 20 * time.Millisecond
	looksBurst = 100 * time.Millisecond
	// keptSlowness is for how many spokes a loop remembers that they were slow.
	keptSlowness = 1024
)

// slowLook is what a loop knows of spokes that do not keep up. It belongs to the loop's goroutine. It takes no memory until there is one.
//
// I1: last has only spokes that are open.
// I2: filling has each spoke once that is marked filled, and no other.
type slowLook struct {
	last map[*Spoke]*Slowness
	// filling are the spokes whose queues have passed half of the limit, and that turns have yet to look into.
	filling []*Spoke
	// looks is how often queues were read lately.
	looks allowance
	loads topicLoads
	// closed and filled count by cause.
	closed, filled SlowCounts
}

// Filling says that a spoke's queue has passed half of its limit: this turn or the next looks into it. One event may have filled those of all spokes.
func (l *loop) Filling(slot uint32) {
	if s := l.spoke(slot); s.phase == open && s.marks&filled == 0 {
		s.marks |= filled
		l.flow.slow.filling = append(l.flow.slow.filling, s)
		l.reactor.LookAgain()
	}
}

// lookIntoFilling finds out about spokes whose queues have passed half of their limits, for a slice of the turn. Those that have ended meanwhile are passed over.
func (l *loop) lookIntoFilling() {
	q := &l.flow.slow
	if len(q.filling) == 0 {
		return
	}
	looked := 0
	for started := time.Now(); looked < len(q.filling) && time.Since(started) < fillingSlice; looked++ {
		s := q.filling[looked]
		s.marks &^= filled
		if s.phase == open {
			l.noteFilling(s)
		}
	}
	if looked == len(q.filling) {
		q.filling = nil
		return
	}
	q.filling = slices.Delete(q.filling, 0, looked)
	l.reactor.LookAgain()
}

// noteFilling counts, remembers and logs a spoke whose queue has passed half of its limit.
func (l *loop) noteFilling(s *Spoke) {
	w := l.lookInto(s, l.sender.Charge(s.conn.Slot), 0)
	l.flow.slow.filled[w.Cause]++
	if l.flow.slow.last == nil {
		l.flow.slow.last = make(map[*Spoke]*Slowness)
	}
	for other := range l.flow.slow.last {
		if len(l.flow.slow.last) < keptSlowness {
			break
		}
		delete(l.flow.slow.last, other)
	}
	l.flow.slow.last[s] = w
	l.hub.log.fillingSpoke(s, w)
}

// lookInto finds out how an open spoke is doing whose socket is full, and why. size is that of a frame that did not fit, or 0.
func (l *loop) lookInto(s *Spoke, queued, size int) *Slowness {
	slot := s.conn.Slot
	w := &Slowness{
		At: time.Now(), Queued: queued, Limit: l.hub.cfg.QueueLimit, Largest: size,
		Blocked: l.sender.BlockedFor(slot), Frames: l.sender.QueuedFrames(slot),
	}
	for _, sample := range l.sender.AppendSamples(nil, slot) {
		w.Samples = append(w.Samples, QueueSample(sample))
	}
	if p, ok := l.reactor.Path(slot); ok {
		w.Path = &Path{
			RTT: p.RTT, RTTVar: p.RTTVar, MinRTT: p.MinRTT,
			CongestionWindow: p.Window, SegmentSize: p.SegmentSize, Unacked: p.Unacked, Retransmits: p.Resent,
			NotSent: p.NotSent, InFlight: p.InFlight, PeerWindow: p.PeerWindow,
			Times: PathTimes{Busy: p.Busy, ReaderLimited: p.PeerLimited, BufferLimited: p.BufferLimited},
		}
	}
	l.readQueue(slot, w)
	w.Cause = w.likely()
	return w
}

// readQueue reads the frames of a queue, within bounds: for how long the longest one is, and, if not too many queues were read lately, for their
// topics.
func (l *loop) readQueue(slot uint32, w *Slowness) {
	q, seen := &l.flow.slow, 0
	isRead := q.looks.spend(looksPause, looksBurst, l.reactor.Now())
	started := time.Now()
	l.sender.EachQueued(slot, func(view []byte) bool {
		seen++
		w.Largest = max(w.Largest, len(view))
		if !isRead {
			return seen < glanceFrames
		}
		w.Looked++
		q.loads.add(view)
		return seen < lookFrames && (seen%lookStep != 0 || time.Since(started) < lookTime)
	})
	if isRead {
		w.Topics = q.loads.take()
	}
}

// forgetSlow ends what is remembered of a spoke.
func (l *loop) forgetSlow(s *Spoke) {
	delete(l.flow.slow.last, s)
	if len(l.flow.slow.last) == 0 {
		l.flow.slow.last = nil
	}
}

// noteClosedSlow counts and remembers a spoke that is closed because it did not keep up.
func (l *loop) noteClosedSlow(s *Spoke, w *Slowness) {
	w.IsClosed = true
	l.flow.slow.closed[w.Cause]++
	l.hub.slow.add(SlowSpoke{ID: s.id, Address: s.RemoteAddr().String(), User: s.Identity().User, Why: w})
}

// SlowCounts counts by SlowCause.
type SlowCounts [4]uint64

// ByCause yields each cause with its count.
func (c SlowCounts) ByCause() iter.Seq2[SlowCause, uint64] {
	return func(yield func(SlowCause, uint64) bool) {
		for cause, count := range c {
			if !yield(SlowCause(cause), count) {
				return
			}
		}
	}
}

// addSlow adds what loops have counted by cause. It is for the loop's goroutine.
func (st *Stats) addSlow(q *slowLook) {
	for cause := range slowCauses {
		st.SlowClosed[cause] += q.closed[cause]
		st.SlowFilling[cause] += q.filled[cause]
	}
}
