package fanout

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"sync/atomic"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/netpoll"
	"github.com/spokehub/spokehub/subs"
	"github.com/spokehub/spokehub/wsframe"
)

const tick = netpoll.Tick

// lane is one reactor with the spokes that live on it: the reactor's Handler. Its fields belong to the reactor's
// goroutine, but for load, held and lag, which any may read.
//
// I1: spoke(slot) is the spoke of every slot in use but listeners'.
// I2: outbound[i] holds, in order, what this turn has for lane i; it is empty between turns.
// I3: over holds why a connection over the limits will be refused, by slot; each has one of the hub's places for those.
// I4: waiting holds the spokes that are not read because a lane they relay to is behind; took what was taken in this turn.
type lane struct {
	hub     *Hub
	index   int
	reactor *netpoll.Reactor
	part    *subs.Part
	load    atomic.Int64
	held    atomic.Int64
	lag     lag

	spokes   netpoll.Table[*Spoke]
	heads    map[uint32]*[]byte
	over     map[uint32]*wsframe.Refusal
	view     event.View
	topics   [][]byte
	ready    []*Spoke
	spare    []*Spoke
	runnable []*Spoke
	outbound [][]netpoll.Task
	waiting  []waiter
	draining bool
	took     int64
	arrivals []arrivals
	pressure Backpressure
	counts   laneCounts
}

// laneCounts is what a lane counts besides its reactor.
type laneCounts struct {
	handshakes   uint64
	refused      uint64
	disconnected uint64
	messages     uint64
	events       uint64
	controls     uint64
	malformed    uint64
	badTopics    uint64
	relayed      uint64
	pings        uint64
	closes       map[uint16]uint64
	refusals     map[int]uint64
	overRate     uint64
}

func newLane(h *Hub, index int) (*lane, error) {
	l := &lane{
		hub:      h,
		index:    index,
		part:     h.index.Part(index),
		heads:    make(map[uint32]*[]byte),
		over:     make(map[uint32]*wsframe.Refusal),
		outbound: make([][]netpoll.Task, h.cfg.Reactors),
		arrivals: make([]arrivals, h.cfg.Reactors),
	}
	l.counts.closes = make(map[uint16]uint64)
	l.counts.refusals = make(map[int]uint64)
	r, err := netpoll.New(netpoll.Config{Handler: l, Engine: h.cfg.Engine, QueueLimit: h.cfg.QueueLimit})
	if err != nil {
		return nil, err
	}
	l.reactor = r
	return l, nil
}

// put registers a spoke under the slot that the reactor gave it.
func (l *lane) put(s *Spoke, slot uint32) {
	l.spokes.Extend(slot + 1)
	*l.spokes.At(slot) = s
	s.conn = l.reactor.Conn(slot)
}

// spoke is the one in a slot of the reactor.
func (l *lane) spoke(slot uint32) *Spoke { return *l.spokes.At(slot) }

// all yields the lane's spokes, whatever their phase.
func (l *lane) all() iter.Seq[*Spoke] {
	return func(yield func(*Spoke) bool) {
		for slot := range l.spokes.Len() {
			if s := l.spoke(slot); s != nil && !yield(s) {
				return
			}
		}
	}
}

// Input brings bytes of a connection.
func (l *lane) Input(slot uint32, view []byte) {
	s := l.spoke(slot)
	switch s.phase {
	case handshaking:
		l.shake(s, view)
	case open:
		l.receive(s, view)
	}
}

// Hangup ends a connection whose peer is gone. One that has only ended its side, and is about to be told why it is closed
// or refused, gets that first.
func (l *lane) Hangup(slot uint32, err error) {
	s := l.spoke(slot)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	if s.phase == closing && err == nil {
		s.marks |= peerEnded
		l.reactor.Pause(slot)
		return
	}
	l.remove(s, Cause{Kind: CausePeerGone, Err: err})
	l.end(s, netpoll.DropClosed)
}

// Overflow ends a connection whose queue would exceed its limit.
func (l *lane) Overflow(slot uint32, queued, frame int) {
	l.refuse(l.spoke(slot), queued, frame, netpoll.DropOverflow)
}

// Drained goes on with closing when the close frame is with the kernel.
func (l *lane) Drained(slot uint32) { l.linger(l.spoke(slot)) }

// Expired looks after a connection whose deadline has come.
func (l *lane) Expired(slot uint32) {
	s := l.spoke(slot)
	switch s.phase {
	case handshaking:
		l.shakeTimeout(s)
	case open:
		l.checkPeer(s)
	default:
		l.overdue(s)
	}
}

// Turn hands over what a batch of readiness brought: inboxes to the workers, relayed events and new connections to the
// other lanes.
func (l *lane) Turn() {
	l.catchUp()
	l.handOver()
	for i := range l.outbound {
		l.passOn(i)
	}
	l.keepBudget()
}

func (l *lane) passOn(i int) {
	to := l.hub.lanes[i]
	if out := l.outbound[i]; len(out) > 0 {
		if defectReversesOutbound {
			slices.Reverse(out)
		}
		if !to.reactor.PostAll(out) {
			for _, t := range out {
				m := t.(*message)
				to.lag.posted.Add(-int64(m.Len()))
				m.Release()
			}
		}
		clear(out)
		l.outbound[i] = out[:0]
	}
	if came := l.arrivals[i]; len(came) > 0 {
		l.arrivals[i] = nil
		if !to.reactor.Post(came) {
			l.discard(to, came)
		}
	}
}

// Panicked ends a connection over which the lane's own code panicked: what it knows of it can't be trusted any more.
func (l *lane) Panicked(slot uint32, value any, stack []byte) {
	l.hub.panics.Add(1)
	l.hub.cfg.Logger.Error("reactor panicked; the hub goes on", "reactor", l.index, "panic", fmt.Sprint(value), "stack", string(stack))
	if slot == netpoll.NoSlot || slot >= l.spokes.Len() || l.spoke(slot) == nil {
		return
	}
	s := l.spoke(slot)
	cause := Cause{Kind: CauseInternal, Code: CodeInternal}
	if s.phase == open {
		l.closeWith(s, cause)
		return
	}
	l.remove(s, cause)
	l.end(s, netpoll.DropClosed)
}

// Failed says that the reactor broke: without it the hub can't keep its promises, so all of it ends.
func (l *lane) Failed(err error) {
	l.hub.cfg.Logger.Error("a reactor failed; the hub stops", "reactor", l.index, "error", err)
	for s := range l.all() {
		l.remove(s, Cause{Kind: CauseInternal, Err: err})
		l.end(s, netpoll.DropClosed)
	}
	l.handOver()
	go l.hub.abort(err)
}

// ask runs f on the reactor and waits for it. After the reactor's end it does nothing.
func (l *lane) ask(f func(r *netpoll.Reactor)) {
	done := make(chan struct{})
	if l.reactor.Post(netpoll.TaskFunc(func(r *netpoll.Reactor) {
		defer close(done)
		f(r)
	})) {
		<-done
	}
}

// checkPeer pings a spoke that was silent and gives up one that was so for too long. One that is not read counts as heard.
func (l *lane) checkPeer(s *Spoke) {
	if l.draining {
		l.drainNow(s)
		return
	}
	cfg := &l.hub.cfg
	if cfg.PingInterval <= 0 {
		return
	}
	if s.marks&(held|lagging) != 0 {
		l.reactor.SetDeadline(s.conn.Slot, cfg.PingInterval)
		return
	}
	silent := l.reactor.SilentFor(s.conn.Slot)
	switch {
	case silent >= cfg.PeerTimeout:
		l.remove(s, Cause{Kind: CauseSilent})
		l.end(s, netpoll.DropClosed)
		return
	case silent >= cfg.PingInterval:
		l.counts.pings++
		l.reactor.SetDeadline(s.conn.Slot, min(cfg.PingInterval, cfg.PeerTimeout-silent))
		l.reactor.Sender().Send(s.conn.Slot, l.hub.ping)
	default:
		l.reactor.SetDeadline(s.conn.Slot, cfg.PingInterval-silent)
	}
}
