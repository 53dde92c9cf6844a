package fanout

import "github.com/spokehub/spokehub/event"

// askedAtOnce is how many events of a spoke a worker asks OnPublish about before the loop relays those that may pass.
const askedAtOnce = 16

// mayPublish says whether the spoke's identity and the topic rules cover the event in view.
func (l *loop) mayPublish(s *Spoke) bool {
	who, rules := s.known(), l.hub.shared.rules.Load()
	restricted := who != nil && who.Permissions != nil
	if !restricted && rules == nil {
		return true
	}
	topic := l.topicInView()
	return (!restricted || who.Permissions.Publish.Match(topic, who.User)) && rules.letPublish(topic, who.user())
}

// refuseToPublish drops the event in view, which the spoke may not publish.
func (l *loop) refuseToPublish(s *Spoke) {
	l.counts.forbiddenEvents++
	l.rejectEvent(s, event.Forbidden)
}

// askToPublish asks the embedder about some events at once, from the inbox's next on, and leaves them to the loop. An event counts as
// refused until the hook has let it pass, so one that ends its goroutine refuses.
func (h *Hub) askToPublish(s *Spoke, box *inbox, names *interner) {
	last := min(len(box.items), box.pos+askedAtOnce)
	for at := box.pos; at < last && box.items[at].kind == itemPublish; at++ {
		i := &box.items[at]
		i.kind = itemRefused
		if h.allowsEvent(s, box.event(i, names)) {
			i.kind = itemAllowed
		}
	}
}

// allowsEvent asks whether the spoke may publish the event. If the hook panics, it may not.
func (h *Hub) allowsEvent(s *Spoke, e event.Event) (ok bool) {
	defer h.recoverFrom("OnPublish", s)
	return h.cfg.OnPublish(s, e) == nil
}

// passOn relays the events that OnPublish has let pass, from the inbox's next on, and has a worker call who listens to them. If the
// spoke has to wait with one, those behind it wait too. If one ends the spoke, those behind it are dropped.
func (l *loop) passOn(s *Spoke, box *inbox) fate {
	for at := box.pos; at < len(box.items) && box.items[at].kind.isAnswered(); at++ {
		before := s.phase
		if !l.passOnOne(s, box, &box.items[at]) {
			break
		}
		if s.phase != before {
			dropUnpublished(box.items[at+1:])
			if s.pendingInbox != nil {
				dropUnpublished(s.pendingInbox.items)
			}
		}
	}
	switch box.items[box.pos].kind {
	case itemPassedOn:
		box.pos++
		return itemDone
	case itemEvent:
		return itemForWorker
	}
	return itemLater
}

// passOnOne reports false if the spoke has to wait with the event. The spoke's identity may cover less than when the event came.
func (l *loop) passOnOne(s *Spoke, box *inbox, i *item) bool {
	box.setView(&l.scratch.view, i)
	switch {
	case i.kind == itemRefused || !l.mayPublish(s):
		l.refuseToPublish(s)
		i.kind = itemPassedOn
	case !l.relay(s, nil):
		return false
	case l.isHeard(s):
		i.kind = itemEvent
	default:
		i.kind = itemPassedOn
	}
	return true
}

// dropUnpublished drops the events among items that wait to be asked about or relayed.
func dropUnpublished(items []item) {
	for i := range items {
		switch items[i].kind {
		case itemPublish, itemAllowed, itemRefused:
			items[i].kind = itemPassedOn
		}
	}
}
