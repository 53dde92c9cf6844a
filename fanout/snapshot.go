package fanout

import (
	"sync/atomic"

	"github.com/spokehub/spokehub/event"
)

// snapshot is what the loop knows of a spoke while OnSubscribed has yet to return for a topic of it. All that is dispatched to the
// spoke meanwhile waits behind its gate (netpoll.Sender.Gate), so that the order of a dispatcher's events stays over all topics; only
// what the hook sends, and answers, go out. It exists from the moment at which the first of these subscriptions is in force.
//
// I1: loopConns.snapshots has the snapshot of each open spoke that is gated, and no other.
// I2: the gate opens when the last hook that was owed has returned, behind all that the hooks have sent.
type snapshot struct {
	// owed is how many control events and calls of subscribed have topics that OnSubscribed has yet to return for. The loop owns it.
	owed int
	// over says that the spoke takes nothing any more. Any goroutine may use it.
	over atomic.Bool
}

// freshTopics are those topics of a control event that are in force by it and were not before: a bit each, in the order of the
// event. The loop owns them, then the worker that has the event.
type freshTopics struct {
	bits []uint64
}

func (t *freshTopics) has(place int) bool {
	return place/64 < len(t.bits) && t.bits[place/64]>>(place%64)&1 != 0
}

func (t *freshTopics) add(place int) {
	for place/64 >= len(t.bits) {
		t.bits = append(t.bits, 0)
	}
	t.bits[place/64] |= 1 << (place % 64)
}

// topicsBefore is how many topics the spoke has, for carriedOut.
func (l *loop) topicsBefore(s *Spoke) int {
	if l.hub.cfg.OnSubscribed == nil {
		return 0
	}
	return l.part.Count(s.conn.Slot)
}

// carriedOut notes that the next topic of a control event has been carried out, and gates the spoke if it has one more topic than
// before. Nothing may be dispatched in between.
func (l *loop) carriedOut(s *Spoke, p *progress, before int) {
	if l.hub.cfg.OnSubscribed == nil {
		return
	}
	if l.part.Count(s.conn.Slot) > before {
		if p.fresh == nil {
			p.fresh = new(freshTopics)
			l.gate(s)
		}
		p.fresh.add(p.carriedOut)
	}
	p.carriedOut++
}

// subscribed has OnSubscribed called for topics that the spoke was just subscribed to other than by a control event. The caller must
// not have returned to the reactor since, so that no event comes in between. It keeps topics.
func (l *loop) subscribed(s *Spoke, topics []string) {
	if l.hub.cfg.OnSubscribed != nil && len(topics) > 0 {
		l.gate(s)
		l.note(s, itemSubscribed, &detail{topics: topics})
	}
}

// gate begins to hold the spoke's deliveries, for one more control event or call of subscribed.
func (l *loop) gate(s *Spoke) {
	p := l.conns.snapshots[s]
	if p == nil {
		p = new(snapshot)
		l.conns.snapshots[s] = p
		l.sender.Gate(s.conn.Slot)
	}
	p.owed++
}

// isGated says whether OnSubscribed has yet to return for an open spoke.
func (l *loop) isGated(s *Spoke) bool { return l.conns.snapshots[s] != nil }

// ungate notes that the hooks of one control event or call of subscribed have returned.
func (l *loop) ungate(s *Spoke) {
	p := l.conns.snapshots[s]
	if p == nil {
		return
	}
	p.owed--
	if p.owed == 0 {
		delete(l.conns.snapshots, s)
		l.sender.Ungate(s.conn.Slot)
		l.goOnFeeding(s)
	}
}

// endSnapshot tells the hook of a spoke that is closed or removed that nothing more is taken. What is gated is dropped with the close
// frame, for it must not come without its snapshot; a new owner gets it.
func (l *loop) endSnapshot(s *Spoke) {
	if p := l.conns.snapshots[s]; p != nil {
		p.over.Store(true)
		delete(l.conns.snapshots, s)
	}
}

// goOnWithSnapshot has a worker call OnSubscribed, once the spoke has been sent the answer that it is owed, and opens the gate when
// that is done: the inbox comes back behind all that the hook has sent.
func (l *loop) goOnWithSnapshot(s *Spoke, d *detail) fate {
	switch {
	case s.phase != open:
		return itemDone
	case d.isTold():
		l.ungate(s)
		return itemDone
	case s.marks&answersBlocked != 0:
		return itemLater
	}
	d.snapshot = l.conns.snapshots[s]
	return itemForWorker
}

// isTold says whether OnSubscribed has returned for all topics of an item.
func (d *detail) isTold() bool { return len(d.topics) > 0 && d.told == len(d.topics) }

// tellSubscribed calls OnSubscribed for all topics of an item, if the loop has come to that already. A hook that ends its goroutine
// costs its own topic alone: another worker goes on with the next.
func (h *Hub) tellSubscribed(s *Spoke, box *inbox, i *item) {
	d := i.detail
	if d.snapshot == nil {
		return
	}
	if d.topics == nil {
		d.topics = box.freshTopics(i)
	}
	for d.told < len(d.topics) {
		d.told++
		h.tellOne(s, d.snapshot, d.topics[d.told-1])
	}
}

// freshTopics are the topics of a control event that are new.
func (b *inbox) freshTopics(i *item) (fresh []string) {
	var view event.View
	b.setView(&view, i)
	topics, _ := view.Topics(nil)
	for place, topic := range topics {
		if i.detail.progress.fresh.has(place) {
			fresh = append(fresh, string(topic))
		}
	}
	return fresh
}

func (h *Hub) tellOne(s *Spoke, p *snapshot, topic string) {
	var returned atomic.Bool
	defer h.recoverFrom("OnSubscribed", s)
	defer returned.Store(true)
	h.cfg.OnSubscribed(s, topic, func(e event.Event) bool {
		if returned.Load() || p.over.Load() {
			return false
		}
		h.dispatch(&outgoing{event: e, only: s, ahead: p})
		return !p.over.Load()
	})
}

// deliverAhead queues an event of a snapshot ahead of what is gated.
func (l *loop) deliverAhead(s *Spoke, f *frame) {
	if l.conns.snapshots[s] != f.ahead {
		f.ahead.over.Store(true)
		return
	}
	if !l.sender.SendAhead(s.conn.Slot, &f.Frame) {
		f.ahead.over.Store(true)
	}
	l.holdIfMet(f)
}
