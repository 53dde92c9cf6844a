package fanout

import "github.com/spokehub/spokehub/netpoll"

// Do delivers the message to its receivers on one loop and drops that loop's reference.
func (m *message) Do(r *netpoll.Reactor) {
	l := r.Handler().(*loop)
	l.flow.taken += int64(m.Len())
	l.deliver(m)
	m.Release()
}

// deliver queues an event on the one spoke that it is for, or on this loop's members of the topics that it matches.
func (l *loop) deliver(m *message) {
	if s := m.only; s != nil {
		if s.phase == open && l.reactor.Holds(s.conn) {
			l.send(s, m)
		}
		return
	}
	except := netpoll.NoSlot
	if s := m.except; s != nil && s.loop == l && l.reactor.Holds(s.conn) {
		except = s.conn.Slot
	}
	l.sender.Fanout(&m.Frame, l.part.Members(m.match.Type), l.part.Members(m.match.TypeID), except)
}

// send queues a message on one connection.
func (l *loop) send(s *Spoke, m *message) { l.sender.Send(s.conn.Slot, &m.Frame) }

// sendLast queues the last message of a connection, which it releases, and has the connection closed once it is sent.
func (l *loop) sendLast(s *Spoke, m *message) {
	l.sender.SendLast(s.conn.Slot, &m.Frame)
	m.Release()
	l.sender.NotifyDrained(s.conn.Slot)
	l.reactor.Resume(s.conn.Slot)
	l.reactor.SetDeadline(s.conn.Slot, l.hub.cfg.CloseTimeout)
}
