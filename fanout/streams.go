package fanout

import (
	"math/bits"
	"sync"
	"unsafe"

	"github.com/spokehub/spokehub/stream"
	"github.com/spokehub/spokehub/subs"
)

// streams is what a hub keeps of types that have a policy. It never changes; the store is for any goroutine.
type streams struct {
	// policies is nil where no type has one. Then nothing more is looked at.
	policies *stream.Policies
	store    stream.Store
	// memory is the store.
	memory *stream.Memory
}

// historyShare: one part in so many of Config.MemoryBudget is what streams may take at the most, leastHistoryShare what they may take
// where connections need all.
const (
	historyShare      = 2
	leastHistoryShare = 8
)

func newStreams(h *Hub) streams {
	if h.cfg.policies == nil {
		return streams{}
	}
	budget := h.cfg.MemoryBudget
	memory := stream.NewMemory(func() int64 {
		return min(max(budget-h.connectionBytes(), budget/leastHistoryShare), budget/historyShare)
	})
	return streams{policies: h.cfg.policies, store: memory, memory: memory}
}

// close ends what streams do by themselves.
func (s *streams) close() {
	if s.memory != nil {
		s.memory.Close()
	}
}

// held is how many bytes streams take.
func (s *streams) held() int64 {
	if s.memory == nil {
		return 0
	}
	return s.memory.Held()
}

// policy is that of the type of an event for all subscribers, nil if there is none.
func (h *Hub) policy(out *outgoing) *stream.Policy {
	switch {
	case h.streams.policies == nil || out.only != nil || out.to.isUser:
		return nil
	case out.view != nil:
		return h.streams.policies.For(out.view.Type)
	default:
		return h.streams.policies.ForString(out.event.Type)
	}
}

// typ and id are borrowed.
func (out *outgoing) typ() []byte {
	if out.view != nil {
		return out.view.Type
	}
	return borrow(out.event.Type)
}

func (out *outgoing) id() []byte {
	if out.view != nil {
		return out.view.ID
	}
	return borrow(out.event.ID)
}

func borrow(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// draft is an event on its way into its stream: what the store asks and tells about it (stream.Draft), under the lock of the stream. So
// all loops get the events of a stream in the order of their offsets, and who subscribes and then asks for the top of the stream
// gets all that comes behind that. It comes from a pool.
type draft struct {
	hub    *Hub
	out    outgoing
	policy *stream.Policy
	// epoch is that of the stream which the event goes into.
	epoch string
	kept  *keptFrame
	match subs.Match
	// here is the frame for the loop on which the event was read, if that delivers it without a task.
	here *frame
	// hasRoom says that room has been taken for the event and it has not been placed.
	hasRoom bool
	// isSilent says that the event goes to nobody: it is there for those who come later.
	isSilent bool
}

var draftPool = sync.Pool{New: func() any { return new(draft) }}

// append appends an event to its stream, which sends it to its subscribers, its sender included. Like publish it does nothing where
// the sender can wait and there is no room.
func (h *Hub) append(out *outgoing, policy *stream.Policy) outcome {
	match := h.match(out)
	out.receivers = receiversOf(&match, nil)
	out.size = out.length()
	if out.on != nil && out.size > int64(h.cfg.MaxEvent) {
		return tooLong
	}
	out.size += membersRoom
	if out.waits && !h.hasRoom(out, match.Parts) {
		return noRoom
	}
	out.except = nil
	d := draftPool.Get().(*draft)
	*d = draft{hub: h, out: *out, policy: policy, epoch: h.streams.memory.Epoch(), kept: newKeptFrameOf(out)}
	if d.kept.longest() > h.cfg.longestKept() {
		d.recycle()
		return tooLong
	}
	position, outcome, err := h.streams.store.Append(policy, out.typ(), d, out.key)
	*out, match = d.out, d.match
	if d.hasRoom {
		h.giveBack(out, match.Parts)
	}
	out.position, out.isRepeated = position, outcome == stream.Repeated
	if here := d.here; here != nil {
		out.on.deliver(here)
		here.Release()
	}
	d.recycle()
	switch {
	case err != nil:
		out.err = err
		return unavailable
	case outcome == stream.NotReady:
		return noRoom
	case outcome == stream.Repeated:
		return published
	}
	if out.on == nil && out.waits {
		out.matched = match.Size()
	}
	if out.on == nil && !out.waits {
		h.throttle(match.Parts, out.receivers, out.size)
	}
	return published
}

// recycle returns a draft to its pool. A frame that has not been placed is nobody's.
func (d *draft) recycle() {
	if d.kept != nil {
		d.kept.Recycle()
	}
	*d = draft{}
	draftPool.Put(d)
}

// ID is the event's.
func (d *draft) ID() []byte { return d.kept.ID() }

// Ready finds the receivers, and takes room for the event on its way to their loops.
func (d *draft) Ready() bool {
	if d.isSilent {
		return true
	}
	d.match = d.hub.match(&d.out)
	d.out.receivers = receiversOf(&d.match, nil)
	d.out.size = int64(d.kept.longest())
	d.out.atOnce = d.out.on != nil && d.out.on.reactor.Idle()
	d.hasRoom = (!d.out.waits || d.hub.hasRoom(&d.out, d.match.Parts)) && d.hub.reserve(&d.out, d.match.Parts)
	return d.hasRoom
}

// Place makes the event's frame and posts it to the loops that have receivers.
func (d *draft) Place(offset uint64) stream.Frame {
	h, r := d.hub, d.kept
	d.kept = nil
	r.place(offset, h.cfg.opcode)
	if d.match.Parts == 0 {
		return r
	}
	r.Defer(h.cfg.behind(d.policy))
	r.Retain(1)
	f := newFrame()
	f.buf = f.buf[:0]
	f.sealRaw(f.buf)
	f.setPolicy(d.policy, d.out.typ())
	f.match, f.kept, f.epoch = d.match, r, d.epoch
	f.Retain(bits.OnesCount64(d.match.Parts) - 1)
	for parts := d.match.Parts; parts != 0; parts &= parts - 1 {
		to := h.loops[bits.TrailingZeros64(parts)]
		to.shared.holds.spend(d.out.receivers, int64(r.Len()))
		if d.out.skips(to) {
			d.here = f
		} else {
			to.shared.inflow.posted.Add(int64(r.Len()) - d.out.size)
			if d.out.on != nil {
				to.postQuietly(f, d.out.on)
			} else {
				to.post(f)
			}
		}
	}
	d.out.size, d.hasRoom = int64(r.Len()), false
	return r
}
