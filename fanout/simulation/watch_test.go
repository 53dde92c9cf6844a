//go:build faults && linux

package simulation

import (
	"fmt"
	"slices"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/stream"
)

// watch is one subscription of a follower to a topic with a policy, and what it must get by that.
//
// I1: of the events ahead of next the follower has got each that is for the topic, or has been told that it won't.
type watch struct {
	follower *follower
	history  *history
	topic    string
	// id is that of the topic, empty for the type alone.
	id    string
	state watchState
	// leaves says that an unsubscription has been sent.
	leaves bool
	// next is the offset of the first event that has not come, base of the first that was dispatched to the subscription, not replayed.
	next, base uint64
	// doubtful offsets, those ahead of it, may be for the topic or not.
	doubtful uint64
	promises
	// early are events that have come ahead of the answer to the subscription.
	early []earlyEvent
}

// watchState is what has become of a subscription.
type watchState uint8

const (
	// asked: it has not been answered.
	asked watchState = iota
	// inForce: it has been answered.
	inForce
	// leaving: it may have ended.
	leaving
)

// earlyEvent is an event for a topic whose subscription has not been answered.
type earlyEvent struct {
	offset uint64
	// other says that the follower gets it by another subscription.
	other bool
}

// promises are what the hub has told of events that do not come.
type promises struct {
	tells []tell
	// debt is how many events are left out that the hub will tell of only behind the range that the answer was about.
	debt int64
	// shared: other subscriptions of the follower are to the same stream, so that what is told may be about theirs.
	shared bool
	// snapshot must come ahead of the first event.
	snapshot bool
}

// tell says that left events of the range will not come; -1 for any number.
type tell struct {
	from, to uint64
	left     int64
	reason   event.GapReason
}

// answered is the reason of what the answer to a subscription tells.
const answered event.GapReason = "answered"

func (w *watch) fail(format string, args ...any) {
	w.follower.fail("topic %s: %s; it has%s", w.topic, fmt.Sprintf(format, args...), w.follower.topics())
}

func (w *watch) matches(e *keptEvent) bool { return w.id == "" || e.known && w.id == e.id }

// arrive notes that an event has come, and says whether the subscription was due to get it.
func (w *watch) arrive(offset uint64) (due bool) {
	if offset < w.next {
		return false
	}
	w.settle(offset)
	if w.snapshot && !w.follower.ending {
		w.fail("got offset %d ahead of the snapshot", offset)
	}
	w.next = offset + 1
	w.dropTells()
	return true
}

// settle checks that all events for the topic ahead of an offset, which have not come, have been told of.
func (w *watch) settle(offset uint64) {
	for ; w.next < offset; w.next++ {
		e := w.history.at(w.next)
		if !w.matches(e) || w.next < w.doubtful {
			continue
		}
		t := w.telling(w.next)
		switch {
		case t == nil && w.isOwed(w.next):
			w.debt++
			continue
		case t == nil:
			w.fail("got offset %d or more without %d", offset, w.next)
		case t.left > 0:
			t.left--
		}
		w.leaveOut(w.next, t.reason)
	}
	w.dropTells()
}

// leaveOut checks that there is a reason to leave an event out.
func (w *watch) leaveOut(offset uint64, reason event.GapReason) {
	f := w.follower
	switch {
	case reason == event.GapSlow && w.history.policy.Behind == stream.Latest:
		if offset < w.base && !w.isLive(offset) {
			w.fail("got no offset %d, since it is superseded, but it was there before the subscription", offset)
		}
		if !w.history.isSuperseded(offset, w.history.top()) {
			w.fail("got no offset %d, since it is superseded, but no newer event has its id", offset)
		}
	case reason == event.GapTrimmed && offset >= w.base && !w.shared && w.doubtful == 0:
		f.trimmed++
	}
}

// isLive says whether an event that was there before the subscription was dispatched to the follower by another one.
func (w *watch) isLive(offset uint64) bool {
	return slices.ContainsFunc(w.follower.watches, func(other *watch) bool {
		return other.history == w.history && other.base <= offset && other.matches(w.history.at(offset))
	})
}

// telling returns what excuses that an event does not come, nil if nothing does.
func (w *watch) telling(offset uint64) (best *tell) {
	for i := range w.tells {
		t := &w.tells[i]
		if t.from <= offset && offset <= t.to && t.left != 0 && (best == nil || t.to < best.to) {
			best = t
		}
	}
	return best
}

// isOwed says whether an event may be one of the newest of their ids that went after the answer had promised them: of these the hub tells
// behind the others.
func (w *watch) isOwed(offset uint64) bool {
	return w.history.policy.History.LatestPerID && slices.ContainsFunc(w.tells, func(t tell) bool {
		return t.reason == answered && t.from <= offset && offset <= t.to
	})
}

// dropTells forgets what was told of events that are all ahead of next. All of these must have been missing.
func (w *watch) dropTells() {
	w.tells = slices.DeleteFunc(w.tells, func(t tell) bool {
		if t.to >= w.next {
			return false
		}
		if t.left > 0 && w.isExact(t) {
			w.fail("got all but %d missing of the events from %d to %d that it was told of (%s)", t.left, t.from, t.to, t.reason)
		}
		if t.reason == answered && w.debt > 0 {
			w.fail("got %d fewer events up to %d than it was told", w.debt, t.to)
		}
		return true
	})
}

// isExact says whether what is told counts the events of the topic alone. For a topic with an id it is at most as many.
func (w *watch) isExact(tell) bool { return !w.shared && w.doubtful == 0 && w.id == "" }

// gap notes a gap that the follower was told of.
func (w *watch) gap(g event.Gap) {
	t := tell{from: g.From, to: g.To, left: g.Missed, reason: g.Reason}
	if w.history.policy.Match == withoutStream {
		t.from, t.to = w.next, w.history.top()
	}
	if t.to < w.next && w.debt == 0 {
		return
	}
	if w.debt > 0 && t.reason == event.GapTrimmed {
		paid := min(w.debt, t.left)
		w.debt -= paid
		t.left -= paid
	}
	w.tells = append(w.tells, t)
	w.dropTells()
}

// confirm notes the answer to the subscription: what the follower has behind its position, and what comes from where on.
func (w *watch) confirm(since uint64, at event.AckPosition) {
	w.state = inForce
	w.snapshot = w.follower.sim.traits.snapshots
	w.base = at.Position.Offset + 1
	w.next = w.base
	if at.Result != event.Fresh {
		w.next = since + 1
	}
	if at.Result == event.Gapped {
		w.tells = append(w.tells, tell{from: w.next, to: at.Position.Offset, left: at.Missed, reason: answered})
	}
	for _, e := range w.early {
		if e.offset < w.base && !e.other {
			w.fail("got offset %d ahead of the answer, which says %s at %d", e.offset, at.Result, at.Position.Offset)
		}
		if e.offset >= w.base {
			w.arrive(e.offset)
		}
	}
	w.early = nil
	w.leaveNow()
}

// leaveNow has a subscription that has been answered end at any time, if an unsubscription is on its way.
func (w *watch) leaveNow() {
	if w.leaves {
		w.state = leaving
	}
}

// confirmDoubtful notes that a subscription is in force that begins somewhere between two offsets.
func (w *watch) confirmDoubtful(least, most uint64) {
	w.state, w.next, w.base = inForce, least+1, least+1
	if most > least {
		w.doubtful = most + 1
	}
	for _, e := range w.early {
		w.arrive(e.offset)
	}
	w.early = nil
	w.leaveNow()
}
