package brokers

import "github.com/spokehub/spokehub/fanout"

// allows says what a fault may do.
type allows struct {
	// losses: plain events of other hubs may be lost, as long as that is told.
	losses bool
	// epochs: streams may begin anew.
	epochs bool
}

// isTold says whether every client that misses plain events has been told of some.
func (w *world) isTold() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.clients {
		c.mu.Lock()
		for topic, book := range c.plain {
			for hub := range w.hubs {
				if book.came[hub] < w.published[hub][topic] && book.gaps == 0 {
					c.mu.Unlock()
					return false
				}
			}
		}
		c.mu.Unlock()
	}
	return true
}

// checkBooks accounts for every event at every client.
func (w *world) checkBooks(may allows) {
	w.t.Helper()
	w.await("every client that misses something to be told", w.isTold)
	w.checkPresence()
	w.mu.Lock()
	defer w.mu.Unlock()
	pairs, delivered, told, unknown := 0, 0, 0, 0
	for i, c := range w.clients {
		c.mu.Lock()
		for _, fault := range c.faults {
			w.t.Errorf("client %d of hub %d: %s", i, c.hub, fault)
		}
		if c.ended != nil {
			w.t.Errorf("client %d of hub %d ended: %v", i, c.hub, c.ended)
		}
		for topic, book := range c.plain {
			for hub := range w.hubs {
				missing := w.published[hub][topic] - book.came[hub]
				pairs += w.published[hub][topic]
				delivered += book.came[hub]
				told += missing
				switch {
				case missing > 0 && hub == c.hub:
					w.t.Errorf("client %d: %d events of %s of its own hub are missing", i, missing, topic)
				case missing > 0 && book.gaps == 0:
					w.t.Errorf("client %d: %d events of %s of hub %d are missing, and no gap tells of them", i, missing, topic, hub)
				case missing > 0 && !may.losses:
					w.t.Errorf("client %d: %d events of %s of hub %d are missing (told), want none", i, missing, topic, hub)
				}
			}
		}
		for topic, book := range c.streams {
			for _, r := range w.receipts[topic] {
				pairs++
				got, came := book.seen[r.position]
				switch {
				case came && got != r.payload:
					w.t.Errorf("client %d: got %+v at %s %v, want %+v", i, got, topic, r.position, r.payload)
				case came:
					delivered++
				case book.told > 0 || book.unknown > 0:
					told++
				default:
					unknown++
					w.t.Errorf("client %d: %+v was acknowledged at %s %v, and neither came nor is told missing", i, r.payload, topic, r.position)
				}
			}
			if book.epochs > 1 && !may.epochs {
				w.t.Errorf("client %d: got %d epochs of %s, want one", i, book.epochs, topic)
			}
			if topic == wholeStream && book.told > 0 && !may.epochs {
				w.t.Errorf("client %d: %d events of %s are told missing, though the broker has them", i, book.told, topic)
			}
		}
		c.mu.Unlock()
	}
	w.t.Logf("ledger of %d clients: %d events to deliver = %d delivered + %d told missing + %d unexplained; %d publishes refused",
		len(w.clients), pairs, delivered, told, unknown, w.refused.Load())
	for i, h := range w.hubs {
		w.checkLedger(i, h)
	}
}

// checkLedger holds a hub's own ledger against its rule, once nothing is under way.
func (w *world) checkLedger(i int, h *fanout.Hub) {
	w.t.Helper()
	var st fanout.Stats
	for range 100 {
		st = h.Stats()
		sum := st.Delivered + st.HandedBack + st.DroppedBackpressure + st.DroppedClosed + st.DroppedBudget + st.DroppedTrimmed + st.DroppedSuperseded + st.DroppedSkipped + st.Queued
		if st.Deliveries == sum {
			return
		}
	}
	w.t.Errorf("hub %d: the ledger does not add up: %+v", i, st)
}
