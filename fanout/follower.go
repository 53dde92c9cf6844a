package fanout

import (
	"bytes"
	"errors"
	"sync"
	"time"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/stream"
)

const (
	// followPage is how many events are read from the broker at a time.
	followPage = 512
	// mostAhead and mostAheadBytes are how many events, and bytes of them, are kept that have come ahead of those which are read.
	mostAhead      = 1024
	mostAheadBytes = 1 << 20
	// followPause is how long it takes until the broker is read again that could not be read, or had not yet what it had announced; it doubles up
	// to longestFollowPause.
	followPause        = 50 * time.Millisecond
	longestFollowPause = 2 * time.Second
	// emptyReads is how often in a row the broker may not have what it has announced until that counts as lost.
	emptyReads = 8
)

// follower keeps a replica of a stream in the memory of this hub, with all that the broker has of it, and has each event be delivered as it comes.
// mu guards all fields behind it; under it the lock of the stream is taken, and what that allows.
//
// I1: the replica has the stream's events up to next-1, as far as they are kept.
// I2: while isLive nothing of the stream is known to be missing behind them; else one goroutine reads it, fill.
// I3: ahead has events only while it is not live.
// I4: sent is whom events have gone to since the goroutine that delivers them has last waited for the loops.
type follower struct {
	cluster *cluster
	want    *want
	policy  *stream.Policy
	typ     string

	mu     sync.Mutex
	epoch  string
	next   uint64
	isLive bool
	isOver bool
	ahead  aheadEvents
	sent   sentFrames
	past
}

// past is what a follower knows of what has been delivered. When a stream has another epoch, it may begin with events that it had in the one before: as when
// a server comes back with most of what it had. Spokes get the others.
type past struct {
	// lane has the last event of each origin.
	lane broker.Lane
	// isReplaying says that the stream has another epoch of which the spokes have not been told yet, since all of it so far has been delivered in
	// the one before.
	isReplaying bool
	// fresh is the first offset of the epoch that has not.
	fresh uint64
}

// aheadEvents are messages of events that have come in a row ahead of their turn, the first one of which has the offset from.
type aheadEvents struct {
	// epoch is that of the events, and announced the highest offset that has come of it. An engine that does not know the epoch says nothing.
	epoch     string
	announced uint64
	from      uint64
	messages  [][]byte
	bytes     int
}

// errTooLongHere is an event that another hub could send and this one can't.
var errTooLongHere = errors.New("an event that is longer than Config.QueueLimit allows here, which the spokes are told to have missed: send shorter ones, or give all hubs of the cluster the same limit")

// follow begins to follow a stream, to which the hub has been subscribed.
func (t *interest) follow(w *want) {
	s := w.of.shard
	s.mu.Lock()
	defer s.mu.Unlock()
	if w.phase != wantAsked || w.follower != nil {
		return
	}
	f := &follower{cluster: t.cluster, want: w, policy: w.of.policy, typ: w.key.Type}
	w.follower = f
	t.counts.streams.Add(1)
	t.counts.held.Add(followerBytes)
	t.cluster.goFill(f)
}

// goFill has a goroutine read what a follower has not.
func (c *cluster) goFill(f *follower) {
	if c.running.ctx.Err() == nil {
		c.running.group.Go(func() { f.fill(c.running.ctx) })
	}
}

// end has nothing be delivered any more, and drops the replica. No lock of a shard may be held, since events are matched under mu.
func (f *follower) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.isOver = true
	f.ahead = aheadEvents{}
	if f.epoch != "" {
		f.cluster.hub.streams.memory.End(f.typ)
	}
}

// deliver takes an event that has come from the broker, whose message is borrowed.
func (f *follower) deliver(at event.Position, message []byte, view *event.View, h broker.Header) {
	f.mu.Lock()
	if f.isOver {
		f.mu.Unlock()
		return
	}
	switch {
	case !f.isLive:
		f.keepAhead(at, message)
	case at.Epoch != "" && at.Epoch != f.epoch || at.Offset > f.next:
		f.isLive = false
		f.keepAhead(at, message)
		f.cluster.goFill(f)
	case at.Offset < f.next:
		f.cluster.counts.repeated.Add(1)
	default:
		f.insert(at.Offset, view, h)
	}
	sent := f.takeSent()
	f.mu.Unlock()
	f.cluster.hub.awaitLoops(sent.parts)
}

// sentFrames say whom events have gone to.
type sentFrames struct {
	parts     uint64
	receivers receivers
	size      int64
}

func (f *follower) takeSent() sentFrames {
	sent := f.sent
	f.sent = sentFrames{}
	return sent
}

// insert adds the next event to the replica, which sends it to its subscribers. One that fits into no queue is passed over.
func (f *follower) insert(offset uint64, view *event.View, header broker.Header) {
	h := f.cluster.hub
	isRepeat := false
	if header.Sequence > 0 {
		isRepeat, _ = f.lane.See(header.Origin, header.Sequence, 0)
	}
	if f.isReplaying && !isRepeat {
		f.endReplay(offset)
	}
	d := draftPool.Get().(*draft)
	*d = draft{hub: h, out: outgoing{view: view}, policy: f.policy, epoch: f.epoch, isSilent: f.isReplaying}
	d.kept = newKeptFrameOf(&d.out)
	if d.kept.longest() > h.cfg.longestKept() {
		d.recycle()
		f.cluster.refuse(errTooLongHere)
		f.skipTo(offset + 1)
		return
	}
	if _, err := h.streams.memory.Insert(borrow(f.typ), offset, ageOf(header), d); err != nil {
		h.log.unreadStream(f.typ, err)
	}
	f.sent.parts |= d.match.Parts
	f.sent.receivers, f.sent.size = d.out.receivers, max(f.sent.size, d.out.size)
	d.recycle()
	f.next = offset + 1
}

// endReplay tells the spokes that the stream has another epoch, in which they get the events from an offset on.
func (f *follower) endReplay(fresh uint64) {
	f.isReplaying, f.fresh = false, fresh
	f.cluster.hub.tellHole(f.typ, event.Position{Epoch: f.epoch}, fresh-1, -1)
}

// insertSurvivor adds an event to the replica that is kept because it is the newest of its id.
func (f *follower) insertSurvivor(offset uint64, view *event.View) {
	h := f.cluster.hub
	d := draftPool.Get().(*draft)
	*d = draft{hub: h, out: outgoing{view: view}, policy: f.policy, isSilent: true}
	d.kept = newKeptFrameOf(&d.out)
	if _, err := h.streams.memory.InsertSurvivor(borrow(f.typ), offset, d); err != nil {
		h.log.unreadStream(f.typ, err)
	}
	d.recycle()
}

// skipTo has an offset be the next one, if it lies further ahead. What lies ahead of it is gone: from the broker, or because no hub has written it or this one can't send
// it. The spokes are told, unless they are yet to be told of the epoch.
func (f *follower) skipTo(next uint64) {
	if next <= f.next {
		return
	}
	h := f.cluster.hub
	h.streams.memory.Begin(f.policy, f.typ, event.Position{Epoch: f.epoch, Offset: next - 1}, func() {
		if !f.isReplaying {
			h.tellHole(f.typ, event.Position{Epoch: f.epoch, Offset: f.next - 1}, next-1, int64(next-f.next))
		}
	})
	f.next = next
}

// keepAhead keeps an event that has come while the broker is read, if it follows those that are kept already; else it begins a new row.
func (f *follower) keepAhead(at event.Position, message []byte) {
	a, offset := &f.ahead, at.Offset
	announced := max(a.announced, offset)
	if a.epoch != at.Epoch {
		announced = offset
	}
	if a.epoch != at.Epoch || offset != a.from+uint64(len(a.messages)) || len(a.messages) >= mostAhead || a.bytes+len(message) > mostAheadBytes {
		clear(a.messages)
		*a = aheadEvents{epoch: at.Epoch, from: offset, messages: a.messages[:0]}
	}
	a.announced = announced
	a.messages = append(a.messages, bytes.Clone(message))
	a.bytes += len(message)
}
