package fanout

import (
	"slices"
	"strings"
	"time"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/netpoll"
)

// walk tells the spokes of a loop of what they miss, some each turn: of all that has come before it began, so that it takes the same time whether that is about one type or
// about all. It belongs to the loop's goroutine.
//
// I1: spokes in slots below next have been told.
// I2: a spoke is told of the hole of a stream ahead of the events of that stream that were posted behind it.
type walk struct {
	// holes are those of streams, by type, and losses those of types without a stream.
	holes  map[string]*typeHoles
	losses []*plainTask
	next   uint32
	// met is memory for the types with holes of a spoke.
	met []*typeHoles
}

// typeHoles are the holes of one stream, in order. topic is what they are about to the spoke of, while that is looked at.
type typeHoles struct {
	all   []*hole
	of    *Spoke
	topic string
}

// hole is one hole of a stream.
type hole struct {
	gap event.Gap
	// newest is the last spoke that there was when it came: later ones miss nothing.
	newest uint64
	// told are spokes in slots to come that have been told, or find out by themselves. allTold says that those who had the type as a topic are among them.
	told    map[*Spoke]struct{}
	allTold bool
}

const (
	// walkSlice is for how long a turn walks, walkStep how many slots are looked at between looks at the clock, and walkTopics about how many topics of theirs.
	walkSlice  = time.Millisecond
	walkStep   = 32
	walkTopics = 512
)

// holeTask is the task that tells a loop's spokes of a hole in a stream, in its place among the events.
type holeTask struct {
	typ string
	gap event.Gap
}

// beginsEpoch says whether the task tells that the stream has another epoch.
func (t *holeTask) beginsEpoch() bool { return t.gap.Missed < 0 }

// tellHole tells all spokes that are subscribed to a type of a stream, or to an id of it, that they miss the events behind a position up to
// an offset: so many, or with -1 nobody knows. With another epoch than that of the events so far it says that the stream has that from now
// on; then to may be the offset of the position, 0, if nothing is known to be gone of the new one.
//
// A spoke is told behind the events that were posted ahead of the call, and ahead of those that are posted after it. So the caller calls it
// on the goroutine that inserts the events of the stream, ahead of the next Insert, and has Memory.Begin announce it. Spokes that lag in the type are not
// told: they find the hole by reading the store, and lag until it has been announced. Only one that has caught up with an epoch which is being replayed may be told twice. It
// does not wait for the loops.
func (h *Hub) tellHole(typ string, before event.Position, to uint64, missed int64) {
	gap := event.Gap{Epoch: before.Epoch, From: before.Offset + 1, To: to, Missed: missed, Reason: event.GapBroker}
	task := &holeTask{typ: typ, gap: gap}
	for _, l := range h.loops {
		l.reactor.Post(task)
	}
}

// Do has it be part of the next walk. Those who lag read on.
func (t *holeTask) Do(r *netpoll.Reactor) {
	l := r.Handler().(*loop)
	x := &hole{gap: t.gap, newest: l.hub.shared.ids.Load()}
	for s, g := range l.flow.lags.bySpoke {
		if c, _ := g.find(borrow(t.typ)); c != nil {
			x.pass(s)
			c.isAtEnd = false
			l.feedSoon(g)
		}
	}
	w := l.nextWalk()
	of := w.holes[t.typ]
	if of == nil {
		of = new(typeHoles)
		w.holes[t.typ] = of
	}
	of.all = append(of.all, x)
}

// plainTask is the task that tells a loop's spokes that they may miss events of types without a stream.
type plainTask struct {
	types map[string]bool
	// newest is the last spoke that there was.
	newest uint64
}

// tellPlainGap tells all spokes that they may have missed events of some types without a stream, or with nil of all of them: one gap for
// each type that a spoke has topics of. Spokes that came later than newest are not told. It keeps types, which must not change. It does not wait for the loops.
func (h *Hub) tellPlainGap(types map[string]bool, newest uint64) {
	task := &plainTask{types: types, newest: newest}
	for _, l := range h.loops {
		l.reactor.Post(task)
	}
}

// Do has it be part of the next walk. One about all types takes the place of others, so that a broker which comes and goes is not told of faster than a loop can.
func (t *plainTask) Do(r *netpoll.Reactor) {
	w := r.Handler().(*loop).nextWalk()
	if t.types == nil {
		w.losses = slices.DeleteFunc(w.losses, func(other *plainTask) bool { return other.newest <= t.newest })
	}
	w.losses = append(w.losses, t)
}

// nextWalk returns the walk that has yet to begin. There is one at most, behind one that is under way.
func (l *loop) nextWalk() *walk {
	if last := len(l.flow.walks) - 1; last >= 0 && l.flow.walks[last].next == 0 {
		return l.flow.walks[last]
	}
	w := &walk{holes: map[string]*typeHoles{}}
	l.flow.walks = append(l.flow.walks, w)
	l.reactor.LookAgain()
	return w
}

// walkOn goes on with walks, in the order in which they began, for as long as a turn may.
func (l *loop) walkOn() {
	for started := time.Now(); len(l.flow.walks) > 0; {
		if !l.step(l.flow.walks[0]) {
			l.flow.walks = slices.Delete(l.flow.walks, 0, 1)
		}
		if time.Since(started) >= walkSlice {
			break
		}
	}
	if len(l.flow.walks) > 0 {
		l.reactor.LookAgain()
	} else {
		l.flow.walks = nil
	}
}

// step tells the spokes in some slots, and says whether there are more.
func (l *loop) step(w *walk) (more bool) {
	end := min(w.next+walkStep, l.conns.spokes.Len())
	for topics := 0; w.next < end && topics < walkTopics; w.next++ {
		s := l.spoke(w.next)
		if s == nil || s.phase != open {
			continue
		}
		topics += l.part.Count(w.next)
		for _, loss := range w.losses {
			if s.ID() <= loss.newest {
				l.tellPlain(loss, s)
			}
		}
		l.tellHoles(w, s)
	}
	return w.next < l.conns.spokes.Len()
}

// tellHoles tells a spoke of the holes of all streams that it has topics of.
func (l *loop) tellHoles(w *walk, s *Spoke) {
	if len(w.holes) == 0 {
		return
	}
	names, met := l.part.AppendTopics(l.flow.lags.names[:0], s.conn.Slot), w.met[:0]
	for _, name := range names {
		typ, _, _ := strings.Cut(name, ":")
		switch of := w.holes[typ]; {
		case of == nil:
		case of.of == s:
			of.topic = typ
		default:
			of.of, of.topic = s, name
			met = append(met, of)
		}
	}
	for _, of := range met {
		for _, x := range of.all {
			if x.isFor(s) {
				l.tell(s, of.topic, x.gap)
			}
		}
		of.of = nil
	}
	l.flow.lags.names, w.met = names, met
}

// isFor says whether a spoke has yet to be told.
func (x *hole) isFor(s *Spoke) bool {
	_, isTold := x.told[s]
	return !isTold && s.phase == open && s.ID() <= x.newest
}

// tellOnce tells a spoke ahead of its turn, unless it has been told already.
func (l *loop) tellOnce(x *hole, s *Spoke, typ string) {
	if !x.isFor(s) {
		return
	}
	if topic := l.topicOf(s, typ); topic != "" {
		l.tell(s, topic, x.gap)
	}
}

func (x *hole) pass(s *Spoke) {
	if x.told == nil {
		x.told = map[*Spoke]struct{}{}
	}
	x.told[s] = struct{}{}
}

// tellHolesTo tells the receivers of an event of a stream of the holes ahead of it, as far as they have not been told. Who gets the type as a topic later is seen to by
// tellHolesAhead.
func (l *loop) tellHolesTo(f *frame) {
	for _, w := range l.flow.walks {
		of := w.holes[string(f.typ)]
		if of == nil {
			continue
		}
		for _, x := range of.all {
			ofType := l.part.Members(f.match.Type)
			if x.allTold {
				ofType = nil
			}
			x.allTold = x.allTold || len(ofType) > 0
			for _, members := range [2][]uint32{ofType, l.part.Members(f.match.TypeID)} {
				for _, slot := range members {
					if slot >= w.next {
						s := l.spoke(slot)
						l.tellOnce(x, s, string(f.typ))
						x.pass(s)
					}
				}
			}
		}
	}
}

// tellHolesAhead is for a spoke that has just subscribed to a topic of a stream: if it had others of the type, it is told of the holes that
// walks have not told it of yet. The new topic begins behind them.
func (l *loop) tellHolesAhead(s *Spoke, topic, typ []byte) {
	for _, w := range l.flow.walks {
		of := w.holes[string(typ)]
		if of == nil || s.conn.Slot < w.next {
			continue
		}
		for _, x := range of.all {
			if l.hasOther(s, topic, typ) {
				l.tellOnce(x, s, string(typ))
			}
			x.pass(s)
		}
	}
}

// topicOf is the topic that gaps of a type name to a spoke: the one that it has of the type, the type if it has several, or empty if it has
// none.
func (l *loop) topicOf(s *Spoke, typ string) (topic string) {
	q := &l.flow.lags
	q.topic = append(q.topic[:0], typ...)
	if l.part.Has(s.conn.Slot, q.topic) {
		return typ
	}
	q.names = l.part.AppendTopics(q.names[:0], s.conn.Slot)
	for _, name := range q.names {
		if of, _, _ := strings.Cut(name, ":"); of != typ {
			continue
		}
		if topic != "" {
			return typ
		}
		topic = name
	}
	return topic
}

// plainGap is that of types without a stream.
var plainGap = event.Gap{Missed: -1, Reason: event.GapBroker}

// tellPlain tells a spoke of each type without a stream that it has topics of, as far as it has lost events.
func (l *loop) tellPlain(loss *plainTask, s *Spoke) {
	q := &l.flow.lags
	q.names = l.part.AppendTopics(q.names[:0], s.conn.Slot)
	if loss.types != nil {
		q.names = slices.DeleteFunc(q.names, func(name string) bool {
			typ, _, _ := strings.Cut(name, ":")
			return !loss.types[typ]
		})
	}
	slices.SortFunc(q.names, byType)
	for i := 0; i < len(q.names); {
		topic := q.names[i]
		typ, _, _ := strings.Cut(topic, ":")
		end := i + 1
		for end < len(q.names) && byType(q.names[end], typ) == 0 {
			end++
		}
		if end > i+1 {
			topic = typ
		}
		i = end
		if policy, _ := l.streamOf(borrow(typ)); policy == nil {
			l.tell(s, topic, plainGap)
		}
	}
}

// byType has topics of one type in a row.
func byType(a, b string) int {
	ofA, _, _ := strings.Cut(a, ":")
	ofB, _, _ := strings.Cut(b, ":")
	return strings.Compare(ofA, ofB)
}

// tell sends a gap of a topic to a spoke.
func (l *loop) tell(s *Spoke, topic string, gap event.Gap) {
	gap.Topic = topic
	l.counts.gaps++
	f := newFrame()
	f.seal(event.AppendGap(f.reserveHeader(), gap), l.hub.cfg.opcode, false)
	l.send(s, f)
	f.Release()
}
