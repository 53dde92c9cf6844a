//go:build faults && linux

package simulation

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

// follower is a client that subscribes to types with policies, and comes back for what it has missed. It belongs to the driver.
//
// I1: asks has the control events that have not been answered, in order.
// I2: watches has one in force or asked for each of its topics at most.
type follower struct {
	*socket
	sim   *sim
	id    int
	spoke *fanout.Spoke
	pace  pace
	asks  []*ask
	// asked numbers the control events.
	asked   int
	watches []*watch
	// had has the positions that it and those before it in its seat have had, by topic.
	had map[string][]event.Position
	// left are types of which it has left topics: what it lagged behind with there may be told of once more.
	left map[string]bool
	followerEnd
}

// pace is how a follower reads.
type pace uint8

const (
	readsOn pace = iota
	stalls
	trickles
)

// followerEnd is what the model knows of the end of a follower.
type followerEnd struct {
	// ending says that the driver has done something that ends it.
	ending bool
	closed bool
	// mayFall says that a topic of it closes those that do not keep up, bySide that the hub's side has changed its topics, whatever is on its way.
	mayFall, bySide bool
	// trimmed is how many events were dispatched to it and told of as trimmed since it kept up last.
	trimmed uint64
	// codes are the close codes that may come, and causes those of its end.
	codes  map[int]bool
	causes map[fanout.CauseKind]bool
}

// followers are all that there were, and those in use by seat.
type followers struct {
	all      []*follower
	seats    []*follower
	followed followTally
}

// followTally counts what followers were told.
type followTally struct {
	// results counts the answers to subscriptions and the reasons of gaps.
	results map[string]int
	// superseded and skipped events were told of; trimmed ones as far as the model is certain that they were dispatched, to followers that
	// kept up later.
	superseded, skipped, trimmed uint64
	arrived                      uint64
}

// What the tally of all seeds has of followers besides what they were told.
const (
	followerEvents = "events"
	repeatedKeys   = "repeated keys"
)

// followerTold is what followers must be told in some of the seeds.
var followerTold = []string{"resumed", "gap", "fresh", "trimmed hcatch", "trimmed hbytes", "trimmed hkept", "trimmed haged", "trimmed hlatest",
	"slow hlatest", "slow " + withoutStream, followerEvents, repeatedKeys}

// ask is a control event that awaits its answers.
type ask struct {
	id string
	// ends says that it is to end subscriptions; topics are those that are left to be answered.
	ends   bool
	topics []string
	// watches are those of the topics, nil for a topic that the follower had.
	watches []*watch
	// since has the offsets of the positions that are of the stream, by topic.
	since map[string]uint64
	// tops are those of the streams, when it was sent.
	tops map[string]uint64
	// done is called when it has been answered.
	done func()
}

func (f *follower) String() string { return fmt.Sprintf("follower %d", f.id) }

func (f *follower) fail(format string, args ...any) {
	f.sim.fail("%v: %s", f, fmt.Sprintf(format, args...))
}

func (f *follower) usable() bool { return f.fd >= 0 && !f.ending && !f.closed && !f.ended }

// text sends a message.
func (f *follower) text(message string) {
	f.out = append(f.out, clientFrame(fin|opText, message, uint32(len(f.out))*2654435761+1)...)
}

// exchange sends and reads what it wants to, and reports whether anything came of that.
func (f *follower) exchange() (progress bool) {
	progress = f.flush()
	switch f.pace {
	case stalls:
		return progress
	case trickles:
		progress = f.readSome(100) || progress
	default:
		progress = f.read() || progress
	}
	f.handleFrames()
	return progress
}

func (f *follower) handleFrames() {
	for f.fd >= 0 {
		op, payload, ok, err := f.frame()
		switch {
		case err != nil || ok && f.closed:
			f.fail("got %v, or a frame with opcode %d behind the close frame: %.100q", err, op, payload)
		case !ok:
			if f.ended {
				f.streamEnded()
			}
			return
		case op == opPing:
			if f.usable() {
				f.out = append(f.out, clientFrame(fin|opPong, "", 1)...)
			}
		case op == opClose:
			f.closeFrame(payload)
		case op == opText || op == opBinary:
			f.take(string(payload))
		default:
			f.fail("got a frame with opcode %d", op)
		}
	}
}

func (f *follower) closeFrame(payload []byte) {
	f.closed = true
	code := 1005
	if len(payload) >= 2 {
		code = int(binary.BigEndian.Uint16(payload))
	}
	switch {
	case f.codes[code]:
	case code == fanout.CodeRestart && f.sim.ending:
	case code == fanout.CodeTryLater && f.mayFall:
	default:
		f.fail("got closed with %d %q; it has%s", code, payload[min(2, len(payload)):], f.topics())
	}
}

func (f *follower) streamEnded() {
	if f.sim.traits.plan.Reset == 0 && !f.ending && (!f.closed || len(f.in) > 0 || f.failed != nil) {
		f.fail("got the end with %.60q left, a close frame %v, %v", f.in, f.closed, f.failed)
	}
	f.remember()
	f.close()
}

// remember keeps the positions that the follower has had.
func (f *follower) remember() {
	for _, w := range f.watches {
		if w.state == inForce && w.doubtful == 0 && w.history.epoch != "" && w.history.policy.Match != withoutStream {
			f.had[w.topic] = append(f.had[w.topic], event.Position{Epoch: w.history.epoch, Offset: w.next - 1})
		}
	}
}

// take handles a message.
func (f *follower) take(text string) {
	switch {
	case strings.HasPrefix(text, `{"type":"__ack"`):
		f.acked(text)
	case strings.HasPrefix(text, `{"type":"__gap"`):
		f.gapped(text)
	case strings.HasPrefix(text, `{"type":"__`):
		f.fail("got %s, want no such answer", text)
	case isSnapshot(text):
		f.checkSnapshot(text)
	default:
		f.arrived(text)
	}
}

// acked checks an answer. A control event of many topics has several.
func (f *follower) acked(text string) {
	ack, err := event.ParseAck([]byte(text))
	if err != nil || len(f.asks) == 0 || f.asks[0].id != ack.ID || len(ack.Topics) > len(f.asks[0].topics) ||
		!slices.Equal(ack.Topics, f.asks[0].topics[:len(ack.Topics)]) {
		f.fail("got the answer %s (%v), want one of %+v", text, err, f.asks)
	}
	a := f.asks[0]
	for i, topic := range ack.Topics {
		at, has := ack.Positions[topic]
		f.ackedTopic(a, a.watches[i], topic, at, has)
	}
	a.topics, a.watches = a.topics[len(ack.Topics):], a.watches[len(ack.Topics):]
	if len(a.topics) > 0 {
		return
	}
	f.asks = f.asks[1:]
	if a.done != nil {
		a.done()
	}
}

func (f *follower) ackedTopic(a *ask, w *watch, topic string, at event.AckPosition, has bool) {
	switch {
	case w == nil && has && at.Result != event.Fresh:
		f.fail("got %+v of the topic %s, which it had", at, topic)
	case w == nil:
	case a.ends:
		f.drop(w)
	case w.history.policy.Match == withoutStream:
		if has {
			f.fail("got %+v of the topic %s, which has no stream", at, topic)
		}
		w.confirmDoubtful(a.tops[w.history.policy.Match], w.history.top())
		w.snapshot = f.sim.traits.snapshots && w.doubtful == 0
	case !has:
		f.fail("got no position of the topic %s", topic)
	default:
		f.checkPosition(a, w, at)
		since := a.since[topic]
		w.confirm(since, at)
	}
}

// drop forgets a subscription that has ended.
func (f *follower) drop(w *watch) {
	f.watches = slices.DeleteFunc(f.watches, func(other *watch) bool { return other == w })
}

// checkPosition checks what an answer says of a topic.
func (f *follower) checkPosition(a *ask, w *watch, at event.AckPosition) {
	s, h := f.sim, w.history
	s.auditType(h.policy.Match)
	s.followed.results[string(at.Result)]++
	since, isPosition := a.since[w.topic]
	if at.Position.Epoch != h.epoch || at.Position.Offset < a.tops[h.policy.Match] || at.Position.Offset > h.top() {
		w.fail("got the position %v, want one from %d to %d of %s", at.Position, a.tops[h.policy.Match], h.top(), h.epoch)
	}
	gone, known := h.missing(since, at.Position.Offset)
	switch {
	case !isPosition:
		if at.Result != event.Fresh || at.Missed != 0 {
			w.fail("got %+v, want fresh", at)
		}
	case at.Result != event.Resumed && at.Result != event.Gapped || (at.Missed == 0) != (at.Result == event.Resumed):
		w.fail("got %+v behind %d, want it resumed, or a gap", at, since)
	case known && gone != at.Missed, at.Missed < 0, at.Missed > int64(at.Position.Offset-since):
		w.fail("got %d missed behind %d, want %d up to %d", at.Missed, since, gone, at.Position.Offset)
	}
}

// checkSnapshot checks that the snapshot of a topic comes once, behind the answer and ahead of all events.
func (f *follower) checkSnapshot(text string) {
	for _, w := range f.watches {
		if w.snapshot && string(event.Append(nil, snapshotOf(w.topic))) == text {
			w.snapshot = false
			return
		}
	}
	if !f.bySide && !slices.ContainsFunc(f.watches, func(w *watch) bool { return w.doubtful > 0 || w.leaves }) {
		f.fail("got %s, want no such snapshot", text)
	}
}
