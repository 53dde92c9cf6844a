package fanout

import (
	"math"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/netpoll"
	"github.com/spokehub/spokehub/subs"
)

const (
	// tellAfter is how long the changes of a room are gathered, from the first on, and tellPause how long the teller pauses at least.
	tellAfter = 250 * time.Millisecond
	tellPause = 25 * time.Millisecond
	// tellSlice is how many changes are told in one frame, at up to 200 ns each under the lock of the room.
	tellSlice = 512
)

// roomSize is how many occupants a room has.
type roomSize = atomic.Int32

// teller tells the watchers of rooms of changes. It needs a timer while there are changes to tell, and nothing else.
//
// Owners: timer never changes; armed and waiting are for any goroutine; all else belongs to mu, which is held during a round.
//
// I1: armed is set exactly while the timer runs or a round does. While waiting is not 0, that is so, or about to be.
type teller struct {
	timer *time.Timer
	armed atomic.Bool
	// waiting is how many rooms are queued.
	waiting atomic.Int64
	mu      sync.Mutex
	isOver  bool
	// changes and bytes are how much may be told of the room at hand; joins and leaves are memory for those of a frame.
	changes, bytes int
	joins, leaves  []string
}

func (t *teller) init(p *presence) {
	t.timer = time.AfterFunc(time.Hour, p.tell)
	t.timer.Stop()
}

// arm sets the timer, unless it is set.
func (t *teller) arm() {
	if t.armed.CompareAndSwap(false, true) {
		t.timer.Reset(tellAfter)
	}
}

// stop waits for the end of a round that is under way.
func (t *teller) stop() {
	t.timer.Stop()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.isOver = true
}

// tell is one round: it tells the changes that are due.
func (p *presence) tell() {
	t := &p.teller
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.isOver {
		return
	}
	if next := p.tellDue(); next > 0 {
		t.timer.Reset(max(next, tellPause))
		return
	}
	t.armed.Store(false)
	if t.waiting.Load() > 0 {
		t.arm()
	}
}

// isBehind says whether a loop has very many changes yet to pass on.
func (p *presence) isBehind() bool {
	for _, l := range p.hub.loops {
		if l.shared.changes.bytes.Load() > int64(p.hub.cfg.QueueLimit) {
			return true
		}
	}
	return false
}

// tellDue tells the changes of all rooms that are due, and returns how long it is until others are; 0 if there are none. Where a loop has yet
// to pass on much of what it was told before, more is gathered.
func (p *presence) tellDue() (next time.Duration) {
	now := time.Since(epoch)
	for i := range p.shards {
		s := &p.shards[i]
		for {
			r, left := s.takeDue(now)
			if r == nil {
				if left > 0 && (next == 0 || left < next) {
					next = left
				}
				break
			}
			p.tellRoom(r)
			if p.isBehind() {
				return tellPause
			}
		}
	}
	return next
}

// takeDue takes a room out of the queue whose changes are due, or returns how long it is until some are; 0 if there are none.
func (s *roomShard) takeDue(now time.Duration) (due *room, left time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.changed) == 0 {
		s.changed = nil
		return nil, 0
	}
	first := s.changed[0]
	if left = first.due - now; left > 0 {
		return nil, left
	}
	s.changed[0] = nil
	s.changed = s.changed[1:]
	return first, 0
}

// tellRoom tells the changes of a room, those that have come until now, as far as they fit into the share of a queue that is for answers: a
// client that keeps up must not be closed because very many users come at once. What is left is told later.
func (p *presence) tellRoom(r *room) {
	t := &p.teller
	t.changes, t.bytes = math.MaxInt, p.hub.cfg.QueueLimit/answerShare
	for done := false; !done; {
		var toWake uint64
		toWake, done = p.tellSome(r)
		for ; toWake != 0; toWake &= toWake - 1 {
			p.hub.loops[bits.TrailingZeros64(toWake)].reactor.Post(changesDue{})
		}
	}
}

// tellSome tells some of the first changes of a room in a frame, and returns which loops have to be woken, and whether that was all
// for now.
func (p *presence) tellSome(r *room) (toWake uint64, done bool) {
	t := &p.teller
	r.shard.mu.Lock()
	defer r.shard.mu.Unlock()
	t.changes = min(t.changes, len(r.changed))
	before, taken := r.size.Load(), 0
	t.joins, t.leaves = t.joins[:0], t.leaves[:0]
	for taken < min(t.changes, tellSlice) && t.bytes > 0 {
		user := r.changed[taken]
		taken++
		o := r.occupantLocked(user)
		o.isChanged = false
		switch isPresent := o.connections > 0; {
		case isPresent && !o.isTold:
			o.isTold = true
			t.joins = append(t.joins, user)
			t.bytes -= len(user) + len(`"",`)
		case !isPresent && o.isTold:
			t.leaves = append(t.leaves, user)
			t.bytes -= len(user) + len(`"",`)
			r.removeLocked(user)
		case !isPresent:
			r.removeLocked(user)
		}
	}
	r.changed = r.changed[taken:]
	t.changes -= taken
	if told := len(t.joins) + len(t.leaves); told > 0 {
		r.list = nil
		p.counts.told.Add(uint64(told))
		toWake = p.sendLocked(r)
	}
	if done = t.changes == 0 || t.bytes <= 0; done {
		p.toldLocked(r)
	}
	p.recountLocked(r, before)
	return toWake, done
}

// toldLocked ends the telling of a room. If more has changed, that is told in a round of its own.
func (p *presence) toldLocked(r *room) {
	r.isQueued = false
	p.teller.waiting.Add(-1)
	if len(r.changed) > 0 {
		r.queueLocked(p)
		return
	}
	r.changed = nil
}

// sendLocked queues a frame with the teller's joins and leaves on all loops that have watchers, and returns which have to be woken.
func (p *presence) sendLocked(r *room) (toWake uint64) {
	match := p.watchers.MatchTopic(r.topic)
	if match.Parts == 0 {
		return 0
	}
	f := newFrame()
	f.match = match
	f.seal(event.AppendPresence(f.reserveHeader(), r.topic, p.teller.joins, p.teller.leaves), p.hub.cfg.opcode, false)
	f.Retain(bits.OnesCount64(match.Parts) - 1)
	for parts := match.Parts; parts != 0; parts &= parts - 1 {
		i := bits.TrailingZeros64(parts)
		if p.hub.loops[i].shared.changes.add(p, f) {
			toWake |= 1 << i
		}
	}
	return toWake
}

// changeQueue are frames of changes that a loop is to send to its watchers. mu guards it, bytes may be loaded by anyone.
//
// I1: isDue is set exactly while a task is posted, or about to be, that will take what is queued.
type changeQueue struct {
	mu     sync.Mutex
	frames []*frame
	isDue  bool
	bytes  atomic.Int64
}

// add queues a frame, along with a reference, and reports true if a task is to be posted for it.
func (q *changeQueue) add(p *presence, f *frame) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.frames = append(q.frames, f)
	q.bytes.Add(int64(f.Len()))
	p.counts.held.Add(int64(f.Len()))
	wasDue := q.isDue
	q.isDue = true
	return !wasDue
}

// take takes all that is queued.
func (q *changeQueue) take(p *presence) []*frame {
	q.mu.Lock()
	defer q.mu.Unlock()
	frames := q.frames
	q.frames = nil
	p.counts.held.Add(-q.bytes.Swap(0))
	return frames
}

// begin notes that the task has come.
func (q *changeQueue) begin() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.isDue = false
}

// changesDue is the task that has a loop send what is queued.
type changesDue struct{}

// Do sends it.
func (changesDue) Do(r *netpoll.Reactor) {
	l := r.Handler().(*loop)
	l.shared.changes.begin()
	l.sendChanges(l.shared.changes.take(l.hub.presence), nil, netpoll.NoSlot)
}

// sendChanges sends frames of changes to the loop's watchers; those of topic, if that is not nil, not to newcomer. Those who have yet to be
// sent the end of their list get them behind that.
func (l *loop) sendChanges(frames []*frame, topic *subs.Topic, newcomer uint32) {
	for _, f := range frames {
		except := netpoll.NoSlot
		if f.match.Type == topic {
			except = newcomer
		}
		watchers := l.presence.watching.Members(f.match.Type)
		if listed := l.presence.listed[f.match.Type]; len(listed) > 0 {
			watchers = l.unlisted(watchers, listed)
			for _, x := range listed {
				l.keepChange(x, f)
			}
		}
		l.sender.Fanout(&f.Frame, watchers, nil, except)
		l.sendChangePast(f)
		f.Release()
	}
}

// sendChangePast sends a frame to those watchers that were just passed over with it because they lag behind with events: presence has an
// order of its own.
func (l *loop) sendChangePast(f *frame) {
	passed := l.sender.Passed()
	if len(passed) == 0 {
		return
	}
	slots := append(l.presence.slots[:0], passed...)
	for _, slot := range slots {
		l.sender.SendPast(slot, &f.Frame)
	}
	l.presence.slots = slots
}

// unlisted are the slots of those of the watchers who are not being sent a list. It is valid until the next call.
func (l *loop) unlisted(watchers []uint32, listed map[*Spoke]*listing) []uint32 {
	slots := l.presence.slots[:0]
	for _, slot := range watchers {
		if listed[l.spoke(slot)] == nil {
			slots = append(slots, slot)
		}
	}
	l.presence.slots = slots
	return slots
}
