package fanout

import (
	"context"
	"fmt"
	"math/bits"
	"sync"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/netpoll"
	"github.com/spokehub/spokehub/stream"
	"github.com/spokehub/spokehub/subs"
	"github.com/spokehub/spokehub/wsframe"
)

// DispatchEvent sends an event once to each connection that is subscribed to its type or to its type and id. Events that one
// goroutine dispatches reach every spoke in that order. Listeners are not called.
//
// It always returns true. An invalid event is counted and logged at debug level. A connection that can't take the event shows
// in OnBackpressure and Stats. An event whose frame is longer than Config.QueueLimit fits into no queue, so it closes every
// subscriber with 1013: keep dispatched events below that limit. (An event that Config.Relay passes on closes its sender instead.) One that is too long for the broker
// reaches this hub's subscribers alone; those of hubs that it can't reach so, or whose limit is lower, are told of a gap. Publish and Config.Relay refuse it.
//
// It copies the payload, takes a lock for each topic and each reactor, and does not wait for the network. If events come
// faster than the reactors or healthy subscribers take them, a call sleeps up to 10 ms for each reactor that is behind (see
// Stats.Waiting) or has such a subscriber. Who can wait longer calls Publish.
func (h *Hub) DispatchEvent(e event.Event) bool { return h.dispatch(&outgoing{event: e}) }

// Relay is DispatchEvent to all subscribers but from, for a listener that passes an event on.
func (h *Hub) Relay(from *Spoke, e event.Event) bool {
	return h.dispatch(&outgoing{event: e, except: from})
}

// DispatchEvent sends an event to this spoke alone, whatever it is subscribed to. Otherwise it is like Hub.DispatchEvent: it
// always returns true, copies the payload, does not wait for the network, and closes the spoke if the event is longer than
// Config.QueueLimit.
func (s *Spoke) DispatchEvent(e event.Event) bool {
	return s.loop.hub.dispatch(&outgoing{event: e, only: s})
}

// dispatch validates an event of the embedder and publishes it.
func (h *Hub) dispatch(out *outgoing) bool {
	if err := out.event.Validate(); err != nil {
		h.counters.invalidEvents.Add(1)
		h.log.invalidEvent(err)
		return true
	}
	h.counters.dispatched.Add(1)
	switch h.publish(out) {
	case tooLong:
		h.counters.invalidEvents.Add(1)
		h.log.invalidEvent(fmt.Errorf("%w for its stream: its frame has more than fifteen sixteenths of Config.QueueLimit, %d bytes", ErrTooLong, h.cfg.longestKept()))
	case unavailable:
		h.counters.unavailable.Add(1)
		h.log.unavailableEvent(out.err)
	}
	return true
}

// outgoing is a valid event on its way out: event or, if it is not nil, view, which is borrowed.
type outgoing struct {
	event event.Event
	view  *event.View
	// except does not get the event; nil for nobody.
	except *Spoke
	// only is the one spoke that the event is for, nil for the subscribers.
	only *Spoke
	// to is the user whose spokes the event is for, whatever they are subscribed to.
	to addressee
	// ahead is the snapshot that the event is part of, nil for any other.
	ahead *snapshot
	// on is the loop on whose goroutine the event was read, nil on any other goroutine.
	on *loop
	// waits says that the event need not be sent if there is no room for it. publish then tells in full which loop has none,
	// and for what.
	waits bool
	full  *loop
	found
	ofStream
	// isRemote says that another hub has sent the event.
	isRemote bool
}

// found is what publish has found out about an event.
type found struct {
	receivers receivers
	size      int64
	// matched is how many receivers Publish has found.
	matched int
	// atOnce says that the loop on which the event was read delivers it without a task, since none waits.
	atOnce bool
}

// ofStream is what publish has to know, and has found out, about an event of a stream.
type ofStream struct {
	// key says of which events the stream takes one alone, empty for none.
	key string
	// position is where the event is, or where the first one with its key is if it isRepeated.
	position   event.Position
	isRepeated bool
	// err is why the store does not take it.
	err error
	// ctx is that of who waits until the event is in its stream, if that is elsewhere.
	ctx context.Context
}

// addressee is a user, or nobody in particular. It never changes.
type addressee struct {
	isUser bool
	user   string
}

// outcome is what became of an event.
type outcome uint8

const (
	// published: it has been sent to whoever there is.
	published outcome = iota
	// noRoom: it has not been sent, because a loop is behind, or a receiver is congested.
	noRoom
	// tooLong: it has not been sent, because it fits into no queue.
	tooLong
	// unavailable: it has not been sent, because the store does not take it.
	unavailable
)

// publish is the one function that every event passes on its way out, with or without receivers in this process: events that
// the embedder dispatches to all, to a user or to one spoke, events that are relayed, and those of other hubs. Where on is set this is a reactor's
// goroutine, and view is borrowed.
//
// An event of a stream goes by way of that: through the broker, if there is one (cluster.append), and else Hub.append. Any other goes to this
// hub's spokes first and then to other hubs.
func (h *Hub) publish(out *outgoing) outcome {
	policy := h.policy(out)
	if policy != nil && !policy.History.IsZero() {
		if h.cluster != nil {
			return h.cluster.append(out)
		}
		return h.append(out, policy)
	}
	if out.key != "" {
		out.err = ErrNoStream
		return unavailable
	}
	if h.cluster == nil || out.only != nil || out.isRemote {
		return h.fanOut(out, policy)
	}
	if h.isTooLong(out) {
		return tooLong
	}
	if out.err = h.cluster.whyTooLong(out); out.err != nil {
		return unavailable
	}
	became := h.fanOut(out, policy)
	if became == published {
		h.cluster.outbox.forward(out)
	}
	return became
}

// fanOut sends an event to the spokes of this hub. It finds the loops with receivers (part i of a match is loop i), frames the event once, and
// hands the frame to each of them. It sends nothing where the sender can wait and there is no room, and where an event is too long: that of a spoke
// for Config.MaxEvent, or that of a spoke or of Publish for Config.QueueLimit.
func (h *Hub) fanOut(out *outgoing, policy *stream.Policy) outcome {
	match := h.match(out)
	if match.Parts == 0 {
		return published
	}
	out.receivers = receiversOf(&match, out.only)
	out.size = out.length()
	if out.on != nil && out.size > int64(h.cfg.MaxEvent) {
		return tooLong
	}
	out.size += membersRoom
	out.atOnce = out.on != nil && out.on.reactor.Idle()
	if out.waits && !h.hasRoom(out, match.Parts) {
		return noRoom
	}
	f := newFrame()
	f.match, f.except, f.only, f.ahead = match, out.except, out.only, out.ahead
	f.encode(out, h.cfg.opcode)
	if policy != nil {
		f.setPolicy(policy, out.typ())
		f.Defer(h.cfg.behind(policy))
	}
	out.size = int64(f.Len())
	if (out.on != nil || out.waits || out.isRemote) && f.Len() > h.cfg.QueueLimit {
		f.Release()
		return tooLong
	}
	if !h.reserve(out, match.Parts) {
		f.Release()
		return noRoom
	}
	if out.on == nil && out.waits {
		out.matched = match.Size()
	}
	f.Retain(bits.OnesCount64(match.Parts) - 1)
	for parts := match.Parts; parts != 0; parts &= parts - 1 {
		to := h.loops[bits.TrailingZeros64(parts)]
		to.shared.holds.spend(out.receivers, out.size)
		if out.on != nil {
			out.on.forward(to, f, out.atOnce)
		} else {
			to.post(f)
		}
	}
	switch {
	case out.isRemote:
		h.awaitLoops(match.Parts)
	case out.on == nil && !out.waits:
		h.throttle(match.Parts, out.receivers, out.size)
	}
	return published
}

// membersRoom is about how much longer an event's frame is than what it carries.
const membersRoom = 48

// length is that of what the event carries.
func (out *outgoing) length() int64 {
	if out.view != nil {
		return int64(len(out.view.Type) + len(out.view.ID) + len(out.view.Payload))
	}
	return int64(len(out.event.Type) + len(out.event.ID) + len(out.event.Payload))
}

func (h *Hub) match(out *outgoing) subs.Match {
	switch {
	case out.only != nil:
		return subs.Match{Parts: 1 << out.only.loop.index}
	case out.view != nil:
		return h.index.Match(out.view.Type, out.view.ID)
	case !out.to.isUser:
		return h.index.MatchString(out.event.Type, out.event.ID)
	default:
		return h.users.MatchTopic(out.to.user)
	}
}

// post hands the loop a frame for which there is room, along with the caller's reference. Any goroutine may call it.
func (l *loop) post(f *frame) {
	if !l.reactor.Post(f) {
		l.notPosted(f)
	}
}

// postQuietly is post on the goroutine of another loop, which wakes this one when its turn ends (wakeQuiet): so what one turn has for it comes
// together, and an event of a stream keeps its place all the same.
func (l *loop) postQuietly(f *frame, from *loop) {
	from.work.quiet |= 1 << l.index
	if !l.reactor.PostQuietly(f) {
		l.notPosted(f)
	}
}

// notPosted drops a frame for a loop that has ended.
func (l *loop) notPosted(f *frame) {
	l.shared.inflow.posted.Add(-f.length())
	f.Release()
}

// wakeQuiet wakes the loops that this turn has posted to quietly.
func (l *loop) wakeQuiet() {
	for ; l.work.quiet != 0; l.work.quiet &= l.work.quiet - 1 {
		l.hub.loops[bits.TrailingZeros64(l.work.quiet)].reactor.Wake()
	}
}

// forward is post for an event that was read on this loop. This loop's members get it at once if no task waits ahead of it,
// another loop gets it at the end of the turn.
func (l *loop) forward(to *loop, f *frame, atOnce bool) {
	switch {
	case to != l:
		l.work.outbound[to.index] = append(l.work.outbound[to.index], f)
	case atOnce:
		l.deliver(f)
		f.Release()
	default:
		l.post(f)
	}
}

// forwardAll hands another loop what this turn has for it.
func (l *loop) forwardAll(to *loop) {
	out := l.work.outbound[to.index]
	if len(out) == 0 {
		return
	}
	if !to.reactor.PostAll(out) {
		for _, t := range out {
			f := t.(*frame)
			to.shared.inflow.posted.Add(-int64(f.Len()))
			f.Release()
		}
	}
	clear(out)
	l.work.outbound[to.index] = out[:0]
}

// frame is one WebSocket frame on its way out, or an HTTP response, encoded once for all its receivers. It comes from a pool
// and returns to it when the last reactor has dropped its reference. Whoever made it owns it until it is posted or sent; after
// that it does not change.
//
// I1: nobody writes to buf between Reset and Recycle.
type frame struct {
	netpoll.Frame
	buf []byte
	// match, except and only are the receivers of an event, and ahead is the snapshot that it is part of; match may be of the index
	// of users. Other frames are sent to one spoke directly and leave them empty.
	match  subs.Match
	except *Spoke
	only   *Spoke
	ahead  *snapshot
	typed
}

// typed is what a frame has that is an event of a type with a policy.
//
// I1: typ is the event's type, behind what buf has of the frame.
type typed struct {
	policy *stream.Policy
	typ    []byte
	// kept is the event in its stream, whose frame is sent in place of this one; nil if it has none. epoch is that of its offset.
	kept  *keptFrame
	epoch string
}

// maxPooledFrame is how many bytes a frame may hold and still be pooled.
const maxPooledFrame = 64 << 10

var framePool = sync.Pool{New: func() any { return new(frame) }}

func newFrame() *frame { return framePool.Get().(*frame) }

// setPolicy tells the loops by which policy they deliver an event of that type. The frame has been sealed, if it is sealed at all.
func (f *frame) setPolicy(p *stream.Policy, typ []byte) {
	at := len(f.buf)
	f.buf = append(f.buf, typ...)
	f.policy, f.typ = p, f.buf[at:]
}

// sent is the frame that is queued.
func (f *frame) sent() *netpoll.Frame {
	if f.kept != nil {
		return &f.kept.Frame
	}
	return &f.Frame
}

// encode makes f the frame of an event.
func (f *frame) encode(out *outgoing, op wsframe.Opcode) {
	if out.view != nil {
		f.seal(out.view.Append(f.reserveHeader()), op, true)
		return
	}
	f.seal(event.Append(f.reserveHeader(), out.event), op, true)
}

// reserveHeader returns an empty buffer with room for a header in front.
func (f *frame) reserveHeader() []byte {
	if cap(f.buf) < wsframe.MaxHeader {
		f.buf = make([]byte, wsframe.MaxHeader, 256)
	}
	return f.buf[:wsframe.MaxHeader]
}

// seal puts the header ahead of what was appended to the slice that reserveHeader returned. A counted frame takes part in
// the ledger of Stats.
func (f *frame) seal(buf []byte, op wsframe.Opcode, counted bool) {
	f.buf = buf
	size := len(buf) - wsframe.MaxHeader
	start := wsframe.MaxHeader - wsframe.HeaderLen(size)
	wsframe.AppendHeader(buf[start:start], op, size)
	f.Reset(buf[start:], counted, f)
}

// sealRaw makes buf, which was appended to f's empty buffer, what is sent: a frame with its header, or an HTTP response.
func (f *frame) sealRaw(buf []byte) {
	f.buf = buf
	f.Reset(buf, false, f)
}

// Recycle returns the frame to its pool.
func (f *frame) Recycle() {
	if cap(f.buf) > maxPooledFrame {
		f.buf = nil
	}
	f.match = subs.Match{}
	f.except = nil
	f.only = nil
	f.ahead = nil
	if f.kept != nil {
		f.kept.Release()
	}
	f.typed = typed{}
	framePool.Put(f)
}
