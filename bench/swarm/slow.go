//go:build linux

package swarm

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"

	"github.com/spokehub/spokehub/event"
)

const (
	// slowTurn is the time between two reads of a slow spoke.
	slowTurn = int64(20 * time.Millisecond)
	// slowSegment is the longest TCP segment that a slow spoke takes, in bytes: that of an Ethernet. Loopback has segments of 64 KiB, for which
	// the server's kernel would buffer megabytes.
	slowSegment = 1448
	gapPrefix   = `{"type":"` + event.TypeGap + `"`
)

var emptyPing = appendFrame(nil, opPing, nil)

// slowGroup are the slow spokes of a group in one process.
type slowGroup struct {
	slots []int32
	// last is when they read, due when they read next.
	last, due int64
}

// slowReader is what a slow spoke knows besides.
type slowReader struct {
	// slot is where the spoke is.
	slot int32
	// credit is how many bytes it may read.
	credit int
	// pinged is when it sent the ping that has not been answered, 0 if there is none; roundTrip is how long the last one took, 0 before.
	pinged, roundTrip int64
}

// prepare sets up a socket before it connects.
func (s Slow) prepare(fd int) error {
	return errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, s.Buffer),
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_MAXSEG, slowSegment),
	)
}

// slowDown has a spoke that is ready read at the rate of its plan from now on.
func (p *process) slowDown(s *spoke) {
	p.poller.remove(int(s.fd))
	g := p.groups[s.group]
	g.slow.slots = append(g.slow.slots, s.slow.slot)
	g.slow.last, g.slow.due = p.clock.last, p.clock.last
}

// speedUp lets the slow spokes of a group read all that comes.
func (p *process) speedUp(g *group) (spokes int) {
	for _, slot := range g.slow.slots {
		if s := &p.spokes[slot]; s.state == stateReady && p.poller.add(int(s.fd), slot) == nil {
			spokes++
		}
	}
	g.slow.slots = nil
	return spokes
}

// readSlowly lets slow spokes read what they may by now, and returns when to call it again.
func (p *process) readSlowly(g *group, now int64) (due int64) {
	if len(g.slow.slots) == 0 {
		return never
	}
	if now < g.slow.due {
		return g.slow.due
	}
	share := int(float64(g.plan.Slow.Rate) * float64(now-g.slow.last) / 1e9)
	g.slow.last, g.slow.due = now, now+slowTurn
	for _, slot := range g.slow.slots {
		if s := &p.spokes[slot]; s.state == stateReady {
			p.readShare(s, share)
			p.pingSlowly(s, now)
		}
	}
	return g.slow.due
}

// readShare reads as many bytes as a slow spoke may. What it finds nothing for is lost, but for one share.
func (p *process) readShare(s *spoke, share int) {
	s.slow.credit += share
	for s.slow.credit > 0 && s.state == stateReady {
		partial := copy(p.buffers.plain, s.partial)
		if partial == len(p.buffers.plain) {
			p.lose(s, tooLarge)
			return
		}
		n := p.readSocket(s, p.buffers.plain[partial:min(partial+s.slow.credit, len(p.buffers.plain))])
		if n == 0 {
			s.slow.credit = min(s.slow.credit, share)
			return
		}
		s.slow.credit -= n
		s.partial = s.partial[:0]
		p.receive(s, p.buffers.plain[:partial+n])
	}
}

// pingSlowly sends a ping once the last one has been answered.
func (p *process) pingSlowly(s *spoke, now int64) {
	if s.slow.pinged == 0 && s.state == stateReady {
		s.slow.pinged = now
		p.send(s, emptyPing)
	}
}

// answered notes that a slow spoke's ping has been answered.
func (g *group) answered(s *slowReader, now int64) {
	s.roundTrip, s.pinged = now-s.pinged, 0
	g.RoundTrip.Record(s.roundTrip)
}

// aged compares the age of an event that a slow spoke has got with two round trips and the interval. A ping that is on its way for longer than
// the last one took shows that a round trip takes that long by now.
func (g *group) aged(s *slowReader, age, now int64) {
	trip := s.roundTrip
	if trip == 0 || len(g.slow.slots) == 0 {
		return
	}
	if s.pinged > 0 {
		trip = max(trip, now-s.pinged)
	}
	g.WorstAge = max(g.WorstAge, float64(age)/float64(2*trip+int64(g.plan.Slow.Interval)))
}

// gap counts what the server says that a spoke will not get.
func (g *group) gap(view []byte) {
	told, err := event.ParseGap(view)
	if err == nil && told.Reason == event.GapBroker && g.plan.Clustered {
		g.BrokerGaps++
		return
	}
	if err != nil || told.Missed < 0 {
		g.Faults.Malformed++
		return
	}
	g.Told += uint64(told.Missed)
}
