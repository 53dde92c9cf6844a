package fanout

import (
	"github.com/spokehub/spokehub/netpoll"
	"github.com/spokehub/spokehub/stream"
)

// Do delivers the frame of an event to its receivers on one loop and drops that loop's reference.
func (f *frame) Do(r *netpoll.Reactor) {
	l := r.Handler().(*loop)
	l.flow.taken += f.length()
	l.deliver(f)
	f.Release()
	if l.flow.taken >= progressStep {
		l.publishProgress()
	}
}

// length is that of what is sent.
func (f *frame) length() int64 { return int64(f.sent().Len()) }

// progressStep is how many bytes a loop may have taken before it tells those who wait for it, if its turn lasts that long.
const progressStep = 16 << 10

// deliver queues an event on the one spoke that it is for, or on this loop's members of the topics that it matches.
func (l *loop) deliver(f *frame) {
	if s := f.only; s != nil {
		if f.ahead != nil {
			l.deliverAhead(s, f)
			return
		}
		if s.phase == open && l.reactor.Holds(s.conn) {
			l.send(s, f)
			l.holdIfMet(f)
		}
		return
	}
	except := netpoll.NoSlot
	if s := f.except; s != nil && s.loop == l && l.reactor.Holds(s.conn) {
		except = s.conn.Slot
	}
	if len(l.flow.walks) > 0 && f.kept != nil {
		l.tellHolesTo(f)
	}
	l.sender.Fanout(f.sent(), l.part.Members(f.match.Type), l.part.Members(f.match.TypeID), except)
	l.holdIfMet(f)
	if passed := l.sender.Passed(); len(passed) > 0 {
		l.deliverPast(f, passed)
	}
}

// holdIfMet holds the topics back by which the event just queued has met congested members, and those of a long event.
func (l *loop) holdIfMet(f *frame) {
	ofType, ofTypeAndID := l.sender.Met()
	if f.length() > l.shared.holds.long && (f.policy == nil || f.policy.Behind == stream.Close) {
		ofType, ofTypeAndID = l.firstOf(f)
	}
	if ofType != netpoll.NoSlot || ofTypeAndID != netpoll.NoSlot {
		l.holdTopics(f, ofType, ofTypeAndID)
	}
}

// firstOf is a receiver of each topic of an event, or the one receiver that it is for.
func (l *loop) firstOf(f *frame) (ofType, ofTypeAndID uint32) {
	ofType, ofTypeAndID = netpoll.NoSlot, netpoll.NoSlot
	if f.only != nil {
		return f.only.conn.Slot, netpoll.NoSlot
	}
	if members := l.part.Members(f.match.Type); len(members) > 0 {
		ofType = members[0]
	}
	if members := l.part.Members(f.match.TypeID); len(members) > 0 {
		ofTypeAndID = members[0]
	}
	return ofType, ofTypeAndID
}

// send queues a frame that is for one spoke alone, whether that lags or not.
func (l *loop) send(s *Spoke, f *frame) { l.sender.SendPast(s.conn.Slot, &f.Frame) }

// sendLast queues the last frame of a connection, drops the caller's reference to it, and has the connection closed once it is
// sent.
func (l *loop) sendLast(s *Spoke, f *frame) {
	l.sender.SendLast(s.conn.Slot, &f.Frame)
	f.Release()
	l.sender.NotifyDrained(s.conn.Slot)
	l.reactor.Resume(s.conn.Slot)
	l.awaitEnd(s)
}
