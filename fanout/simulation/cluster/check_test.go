package cluster

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

// check compares all that was got with what is true. It returns what is wrong, or what is missing yet, as far as it may come.
func (w *world) check() (fault string) {
	all := w.published.snapshot()
	for _, c := range w.clients {
		log, ended := c.entries()
		if c.notes.fault != "" {
			return c.name() + ": " + c.notes.fault
		}
		settleSent(c, log, all)
		for _, typ := range streamTypes {
			v := newView(c, typ)
			for i := range log {
				v.take(&log[i])
			}
			if !ended {
				v.finish()
			}
			if v.fault != "" {
				return v.fault
			}
		}
	}
	for _, c := range w.clients {
		if fault = c.checkPlain(all); fault != "" {
			return fault
		}
	}
	return w.checkTruth(all)
}

// settleSent finds out when the events that a client has sent were dispatched: ahead of the answer to what it sent next that asks for one.
func settleSent(c *client, log []entry, all []publication) {
	var open []int
	waiting := map[string][]int{}
	for i := range log {
		switch e := &log[i]; e.kind {
		case sentEvent:
			open = append(open, e.number)
		case sentSubscribe, sentUnsubscribe:
			waiting[e.id] = open
			open = nil
		case gotAck, gotReject:
			for _, number := range waiting[e.id] {
				all[number-1].ended = e.at
			}
			delete(waiting, e.id)
		}
	}
}

// checkTruth compares what was published with what the streams have, and had.
func (w *world) checkTruth(all []publication) (fault string) {
	w.truth.mu.Lock()
	fault = w.truth.fault
	w.truth.mu.Unlock()
	if fault != "" {
		return fault
	}
	unappended := map[*client]bool{}
	for i := range all {
		p := &all[i]
		times := w.truth.times(p.number)
		switch {
		case !isStream(p.event.Type):
			continue
		case times > 1:
			return fmt.Sprintf("event %d is in %s %d times", p.number, p.event.Type, times)
		case times == 0 && p.key == "" && p.ended < unknown && p.from != nil && !p.from.isOver():
			unappended[p.from] = true
		}
		if p.isAnswered {
			fault = w.checkReceipt(p, times, all)
		} else if times == 0 && p.ended < unknown && w.faults.isHealthy() && !p.node.isOver {
			fault = fmt.Sprintf("event %d of hub %d is not in %s, without a fault", p.number, p.node.number, p.event.Type)
		}
		if fault != "" {
			return fault
		}
	}
	for c := range unappended {
		if !c.gotUnavailable() {
			return c.name() + ": got no reject, though an event of it is in no stream"
		}
	}
	return w.checkOrder(all)
}

// gotUnavailable says whether the client was told that an event could not be appended.
func (c *client) gotUnavailable() bool {
	log, _ := c.entries()
	return slices.ContainsFunc(log, func(e entry) bool {
		return e.kind == gotReject && e.id == "" && e.reject.Reason == event.Unavailable && isStream(typeOf(e.reject.Topic))
	})
}

// checkReceipt compares the receipt of an event with the stream.
func (w *world) checkReceipt(p *publication, times int, all []publication) string {
	switch {
	case p.err != nil && times > 0 && !w.faults.tear && !isUnsure(p.err):
		return fmt.Sprintf("event %d is in %s, though Publish said %v", p.number, p.event.Type, p.err)
	case p.err != nil && !isUnsure(p.err) && !errors.Is(p.err, fanout.ErrBroker):
		return fmt.Sprintf("event %d: got %v from Publish", p.number, p.err)
	case p.err != nil && w.faults.isHealthy() && !p.node.isOver:
		return fmt.Sprintf("event %d: got %v from Publish without a fault", p.number, p.err)
	case p.err != nil:
		return ""
	}
	is, ok := w.truth.at(p.event.Type, p.receipt.Position)
	switch {
	case !ok:
		return fmt.Sprintf("event %d: got a receipt for %s at %v, where nothing is", p.number, p.event.Type, p.receipt.Position)
	case p.receipt.Repeated:
		if first := &all[is.number-1]; times > 0 || first.key != p.key || p.key == "" {
			return fmt.Sprintf("event %d with the key %q: got it repeated at %v, where event %d with the key %q is", p.number, p.key, p.receipt.Position, first.number, first.key)
		}
	case is.number != p.number:
		return fmt.Sprintf("event %d: got a receipt for %v, where event %d is", p.number, p.receipt.Position, is.number)
	}
	return ""
}

// checkOrder wants the events of each sender in its order.
func (w *world) checkOrder(all []publication) string {
	w.truth.mu.Lock()
	defer w.truth.mu.Unlock()
	for typ, s := range w.truth.streams {
		last := map[string]int{}
		for _, number := range s.order {
			p := &all[number-1]
			if last[p.sender] > number {
				return fmt.Sprintf("%s has event %d of %s behind %d", typ, number, p.sender, last[p.sender])
			}
			last[p.sender] = number
		}
		for epoch, events := range s.epochs {
			keys := map[string]int{}
			for _, is := range events {
				if key := all[is.number-1].key; key != "" && keys[key] != 0 {
					return fmt.Sprintf("%s has the events %d and %d with the key %q in %s", typ, keys[key], is.number, key, epoch)
				} else if key != "" {
					keys[key] = is.number
				}
			}
		}
	}
	return ""
}

// checkHistories wants each hub to have of each stream what the network has: a hub without spokes of a stream may have it a moment later than others.
func (w *world) checkHistories() string {
	for _, n := range w.alive() {
		for _, typ := range streamTypes {
			past, err := n.hub.History(typ, event.Position{}, 10000)
			if err != nil {
				return fmt.Sprintf("hub %d, history of %s: %v", n.number, typ, err)
			}
			events, current := w.truth.of(typ, past.Position.Epoch)
			if past.Position.Epoch != current || past.Position.Offset != uint64(len(events)) {
				return fmt.Sprintf("hub %d is behind: got %s at %v, want %s:%d", n.number, typ, past.Position, current, len(events))
			}
			want := min(policyOf(typ).History.Events, len(events))
			if len(past.Events) < want && !w.faults.wipe {
				return fmt.Sprintf("hub %d: got %d events of %s, want %d", n.number, len(past.Events), typ, want)
			}
			if id := lostID(past.Events, events); id != "" && policyOf(typ).History.LatestPerID && !w.faults.wipe {
				return fmt.Sprintf("hub %d: got no event of %s:%s in its history", n.number, typ, id)
			}
			for _, e := range past.Events {
				number, _ := numberOf(e.Payload)
				if is := events[e.Offset-1]; is.number != number || is.id != e.ID {
					return fmt.Sprintf("hub %d: got event %d at %s:%d, want event %d", n.number, number, typ, e.Offset, is.number)
				}
			}
		}
	}
	return ""
}

// lostID is an id of which a stream has had events, and a history has none; empty if there is none.
func lostID(past []event.Event, events []fact) string {
	for _, is := range events {
		if is.id != "" && !slices.ContainsFunc(past, func(e event.Event) bool { return e.ID == is.id }) {
			return is.id
		}
	}
	return ""
}

// checkStats wants the counters of each hub to add up.
func (w *world) checkStats() string {
	for _, n := range w.nodes {
		st := n.final
		if !n.isOver {
			st = n.hub.Stats()
		}
		accounted := st.Delivered + st.HandedBack + st.DroppedBackpressure + st.DroppedClosed + st.DroppedBudget +
			st.DroppedTrimmed + st.DroppedSuperseded + st.DroppedSkipped
		if st.Deliveries != accounted+st.Queued || st.Queued != 0 {
			return fmt.Sprintf("hub %d: got %d deliveries, want %d that are accounted for, and none queued, got %d", n.number, st.Deliveries, accounted, st.Queued)
		}
		if st.BrokerGarbage != 0 || w.faults.isHealthy() && !n.isOver && st.BrokerLosses+st.BrokerDropped+st.Unavailable != 0 {
			return fmt.Sprintf("hub %d: got %d messages of garbage, %d losses, %d dropped, %d unavailable", n.number, st.BrokerGarbage, st.BrokerLosses, st.BrokerDropped, st.Unavailable)
		}
		if st.Panics != 0 || st.BrokerWaiting != 0 && !n.isOver {
			return fmt.Sprintf("hub %d: got %d panics, and %d bytes that wait for the broker", n.number, st.Panics, st.BrokerWaiting)
		}
	}
	return ""
}

// typeOf is the type of a topic.
func typeOf(topic string) string {
	typ, _, _ := strings.Cut(topic, ":")
	return typ
}
