package fanout

import (
	"math/bits"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/netpoll"
	"github.com/spokehub/spokehub/wsframe"
)

// DispatchEvent sends an event to the connections that are subscribed to its type or its type and id, to each once and to
// no others. It returns true always: an event that is not valid is counted and logged at debug level, a connection that
// can't take it shows as a callback and in Stats. It copies the payload, takes a lock a topic and a reactor, and does not
// wait for the network; where it brings events faster than the reactors take them, it sleeps up to 10 ms a reactor and call
// (Stats.Waiting tells). Events that one goroutine dispatches reach every spoke in that order. Listeners do not hear it.
func (h *Hub) DispatchEvent(e event.Event) bool { return h.dispatch(e, nil) }

// Relay is DispatchEvent to everybody but from: for a listener that passes an event on to the other subscribers.
func (h *Hub) Relay(from *Spoke, e event.Event) bool { return h.dispatch(e, from) }

func (h *Hub) dispatch(e event.Event, except *Spoke) bool {
	if err := e.Validate(); err != nil {
		h.invalidEvent(err)
		return true
	}
	h.dispatched.Add(1)
	match := h.index.MatchString(e.Type, e.ID)
	if match.Parts == 0 {
		return true
	}
	m := newMessage(h)
	m.match = match
	m.except = except
	m.encode(e)
	m.Retain(bits.OnesCount64(match.Parts) - 1)
	for parts := match.Parts; parts != 0; parts &= parts - 1 {
		h.lanes[bits.TrailingZeros64(parts)].post(m)
	}
	h.brake(match.Parts)
	return true
}

// relay dispatches the event in view to all but its sender: to this lane's members at once if nothing waits before it,
// to other lanes at the end of the turn. An event that is longer than a queue may be would end every subscriber: it ends
// its sender instead, with 1009.
func (l *lane) relay(s *Spoke, v *event.View) {
	match := l.hub.index.Match(v.Type, v.ID)
	if match.Parts == 0 {
		return
	}
	m := newMessage(l.hub)
	m.match = match
	m.except = s
	m.encodeView(v)
	if m.Len() > l.hub.cfg.QueueLimit {
		m.Release()
		l.closeWith(s, Cause{Kind: CauseViolation, Code: wsframe.CodeTooBig, Reason: "event too long to relay"})
		return
	}
	m.Retain(bits.OnesCount64(match.Parts) - 1)
	for parts := match.Parts; parts != 0; parts &= parts - 1 {
		i := bits.TrailingZeros64(parts)
		switch {
		case i != l.index:
			to := l.hub.lanes[i]
			to.lag.posted.Add(int64(m.Len()))
			l.outbound[i] = append(l.outbound[i], m)
			if to.behind() {
				l.waitFor(to, s)
			}
		case l.reactor.Idle():
			l.fanout(m)
			m.Release()
		default:
			l.post(m)
		}
	}
}

// fanout queues a message on this lane's members of the topics it matches.
func (l *lane) fanout(m *message) {
	except := netpoll.NoSlot
	if s := m.except; s != nil && s.lane == l && l.reactor.Holds(s.conn) && !defectRelaysToSender {
		except = s.conn.Slot
	}
	l.reactor.Sender().Fanout(&m.Frame, l.part.Members(m.match.Type), l.part.Members(m.match.TypeID), except)
}

// sendOne queues a message on the one spoke that it is for.
func (l *lane) sendOne(m *message) {
	s := m.only
	if s.phase == open && l.reactor.Holds(s.conn) {
		l.reactor.Sender().Send(s.conn.Slot, &m.Frame)
	}
}
