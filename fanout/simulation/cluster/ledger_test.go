package cluster

import (
	"fmt"
	"strings"

	"github.com/spokehub/spokehub/fanout"
)

// fate is what has become of an event at a client that was subscribed to it.
type fate uint8

const (
	// unexplained: it has not come, and the client does not know.
	unexplained fate = iota
	delivered
	// told: a gap, or an ack of a subscription that goes on somewhere, says that it is missing, or that some are: trimmed, superseded, or lost by the broker.
	told
	// replaced: the stream has lost it or begun anew, and the client knows the epoch that followed.
	replaced
	// skipped: the client was too slow for a type that skips, and was told how many it has missed.
	skipped
	// closed: the connection ended.
	closed
	// unnoticed: no hub can notice the loss, see faultKinds.mayLoseSilently, or the hub that published it ended badly.
	unnoticed

	manyFates
)

var namesOfFates = [manyFates]string{"unexplained", "delivered", "told missing", "replaced", "skipped", "closed", "unnoticed"}

// ledger counts pairs of an event and a client that was certainly subscribed to it, or got it, by what has become of them.
type ledger [manyFates]int

func (l *ledger) add(o *ledger) {
	for f := range o {
		l[f] += o[f]
	}
}

// String is the sum: what was to be delivered, and what has become of it, the unexplained last.
func (l *ledger) String() string {
	sum := 0
	parts := make([]string, manyFates)
	for f := range manyFates {
		sum += l[f]
		parts[(f+manyFates-1)%manyFates] = fmt.Sprint(l[f], " ", namesOfFates[f])
	}
	return fmt.Sprint(sum, " events for clients = ", strings.Join(parts, " + "))
}

// fates is what has become of events at one client, by number.
type fates map[int]fate

// note notes what has become of an event, once. What comes first holds: a stream that lost its newest events has those ahead of them again in its next epoch.
func (f fates) note(number int, is fate) {
	if f[number] == unexplained {
		f[number] = is
	}
}

// takeStock accounts for each event at each client. The views and the plain checks say what has become of events by their places; whether a client was subscribed is
// taken from the moments at which it was answered and at which events were published. It returns the sums, and the first pair that has no account.
func (w *world) takeStock() (l ledger, fault string) {
	all := w.published.snapshot()
	arrived, again := 0, 0
	for _, c := range w.clients {
		log, _ := c.entries()
		settleSent(c, log, all)
		arrived += arrivals(log)
	}
	for _, c := range w.clients {
		known := c.fatesOf(all)
		again += known.again
		for i := range all {
			p := &all[i]
			is, isKnown := known.fates[p.number]
			if !isKnown {
				if !known.isOwed(p) {
					continue
				}
				is = known.why(p)
			}
			l[is]++
			if is == unexplained && fault == "" {
				fault = fmt.Sprintf("%s: nobody knows what has become of event %d, %s:%s of hub %d, published between %d and %d",
					c.name(), p.number, p.event.Type, p.event.ID, p.node.number, p.began, p.ended)
			}
		}
	}
	if fault == "" && l[delivered]+again != arrived {
		fault = fmt.Sprintf("clients got %d events, of which %d are different ones and %d came again, as they had to", arrived, l[delivered], again)
	}
	return l, fault
}

// checkDelivered compares what hubs say that they have delivered with what has come. What was on its way to a client as it ended is not known.
func (w *world) checkDelivered() string {
	came, over := map[*node]uint64{}, map[*node]bool{}
	for _, c := range w.clients {
		log, ended := c.entries()
		over[c.node] = over[c.node] || ended
		came[c.node] += uint64(arrivals(log))
	}
	for _, n := range w.alive() {
		if st := n.hub.Stats(); st.Delivered < came[n] || st.Delivered > came[n] && !over[n] {
			return fmt.Sprintf("hub %d: got %d events delivered, of which %d have come, some clients ended: %v", n.number, st.Delivered, came[n], over[n])
		}
	}
	return ""
}

// arrivals is how many events have come.
func arrivals(log []entry) (n int) {
	for i := range log {
		if log[i].kind == gotEvent {
			n++
		}
	}
	return n
}

// hubSums are the ledgers of all hubs, ended ones too.
func (w *world) hubSums() string {
	var sum fanout.Stats
	for _, n := range w.nodes {
		st := n.final
		if !n.isOver {
			st = n.hub.Stats()
		}
		sum.Deliveries += st.Deliveries
		sum.Delivered += st.Delivered
		sum.DroppedBackpressure += st.DroppedBackpressure
		sum.DroppedClosed += st.DroppedClosed
		sum.DroppedTrimmed += st.DroppedTrimmed
		sum.DroppedSuperseded += st.DroppedSuperseded
		sum.DroppedSkipped += st.DroppedSkipped
		sum.Queued += st.Queued
	}
	return fmt.Sprintf("%d deliveries of hubs = %d delivered + %d of clients too slow + %d of closed ones + %d trimmed + %d superseded + %d skipped + %d queued", sum.Deliveries,
		sum.Delivered, sum.DroppedBackpressure, sum.DroppedClosed, sum.DroppedTrimmed, sum.DroppedSuperseded, sum.DroppedSkipped, sum.Queued)
}

// account is what a client knows of events.
type account struct {
	plainCheck
	fates fates
	// again is how many events came of which something else had become before, or that had come before: those of a stream that is in its next epoch, or that the client
	// has asked for again.
	again int
}

// fatesOf finds what has become of events, as far as the client's notes say.
func (c *client) fatesOf(all []publication) *account {
	a := &account{fates: fates{}}
	a.plainCheck = c.plainCheck()
	for _, typ := range streamTypes {
		v := newView(c, typ)
		v.fates = a.fates
		for i := range a.log {
			v.take(&a.log[i])
		}
		a.again += v.again
		if !a.ended {
			v.finish()
		}
	}
	_ = a.checkArrivals(all)
	for number := range a.got {
		a.fates.note(number, delivered)
	}
	if !a.ended {
		_ = a.checkMissing(all, a.fates)
	}
	return a
}

// isOwed says whether an event was for the client for certain: it was published, while the client was subscribed, and before the connection ended.
func (a *account) isOwed(p *publication) bool {
	isTaken := !isStream(p.event.Type) && p.from != a.client || a.client.world.truth.times(p.number) > 0
	return isTaken && p.began < a.client.endedAt() && a.certainly(p) != nil
}

// why is what has become of an event of which the client's notes don't say it.
func (a *account) why(p *publication) fate {
	switch {
	case a.ended:
		return closed
	case isStream(p.event.Type) && !a.client.world.truth.isCurrent(p):
		return replaced
	}
	return unexplained
}
