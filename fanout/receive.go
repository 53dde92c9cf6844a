package fanout

import (
	"time"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/wsframe"
)

// receive parses what an open connection sent and acts on every whole message.
func (l *lane) receive(s *Spoke, view []byte) {
	for {
		m, n, ok, violation := s.parser.Next(view, l.hub.cfg.MaxMessage)
		if violation != nil {
			l.closeWith(s, Cause{Kind: CauseViolation, Code: violation.Code, Reason: violation.Reason})
			return
		}
		if !ok {
			break
		}
		view = view[n:]
		switch m.Op {
		case wsframe.Text, wsframe.Binary:
			l.counts.messages++
			l.message(s, m.Payload)
		case wsframe.Ping:
			l.sendControl(s, wsframe.Pong, m.Payload)
		case wsframe.CloseOp:
			l.peerClosed(s, m.Payload)
		}
		if s.phase != open || l.reactor.Sender().IsRefusing(s.conn.Slot) {
			return
		}
	}
	l.holdBack(s)
}

// message acts on one envelope: at once where no user code has to see it or anything before it, else by way of the
// spoke's inbox.
func (l *lane) message(s *Spoke, raw []byte) {
	err := l.view.Parse(raw)
	kind := event.None
	if err == nil {
		kind = l.view.Control()
	}
	if !l.withinRates(s, kind, len(raw)) {
		return
	}
	if err != nil {
		l.counts.malformed++
		l.hub.noteMalformed(s, err)
		return
	}
	switch kind {
	case event.None:
		l.counts.events++
		if l.isGreeted(s) {
			l.event(s)
		} else {
			l.pen(s).addRaw(raw)
		}
	case event.Subscribe, event.Unsubscribe:
		l.counts.controls++
		if (s.quiet() || defectOvertakesInbox) && l.hub.cfg.Authorize == nil {
			l.controlView(s, nil)
		} else {
			l.pen(s).addControl(raw)
		}
	}
}

// event passes a spoke's event to whoever hears it, then to the other subscribers where the hub relays.
func (l *lane) event(s *Spoke) {
	if l.isHeard(s) {
		l.pen(s).addEvent(&l.view)
	}
	l.relayed(s)
}

// isHeard says whether user code is to see the event in view.
func (l *lane) isHeard(s *Spoke) bool {
	h, v := l.hub, &l.view
	return h.cfg.OnEvent != nil || h.listeners.Load().hears(v.Type, v.ID) || s.own().hears(v.Type, v.ID)
}

// relayed passes the event in view to the other subscribers where the hub relays.
func (l *lane) relayed(s *Spoke) {
	if l.hub.cfg.Relay {
		l.counts.relayed++
		l.relay(s, &l.view)
	}
}

// withinRates takes the message from the spoke's allowance; over it, the spoke is closed. A malformed message counts as an
// event, else it would be a way around the limits.
func (l *lane) withinRates(s *Spoke, kind event.Kind, size int) bool {
	if !l.hub.rated {
		return true
	}
	if s.more().rates.take(&l.hub.cfg, kind, size, time.Now()) {
		return true
	}
	l.counts.overRate++
	l.closeWith(s, Cause{Kind: CauseViolation, Code: CodePolicy, Reason: retryReason(time.Second)})
	return false
}

func (l *lane) sendControl(s *Spoke, op wsframe.Opcode, payload []byte) {
	m := newMessage(l.hub)
	m.seal(append(m.begin(), payload...), op, false)
	l.reactor.Sender().Send(s.conn.Slot, &m.Frame)
	m.Release()
}
