package fanout

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/event"
)

const (
	// maxOutbox is how many bytes of events may wait at most for the broker to take them, and outboxShare what part of the memory budget. What comes on top is
	// lost, which other hubs notice.
	maxOutbox   = 8 << 20
	outboxShare = 16
	// brokerPatience is how long the broker may take for what it is given.
	brokerPatience = 5 * time.Second
	// usersChannel is the control channel of events that are for users.
	usersChannel = "users"
	// maxEscape is how many bytes of an envelope one of a type or id may need, and envelopeRoom more than what surrounds it all takes, the header and a user's name
	// included.
	maxEscape    = 6
	envelopeRoom = 2048
)

// outbox is the queue of events of types without a stream on their way to other hubs. Any goroutine may put something in, a reactor's too; one
// goroutine hands it to the broker. mu guards all fields behind it but handed, whose own lock may be taken under it; held is for any goroutine, and the others never change.
//
// I1: every event gets a sequence, whether it is queued or dropped: so who gets the next one knows what it has missed.
// I2: ends[i] is where messages[i] ends in data.
type outbox struct {
	cluster *cluster
	wake    chan struct{}
	// limit is how many bytes may wait, and held how many there are, those included that the broker is being given.
	limit   int
	held    atomic.Int64
	mu      sync.Mutex
	filling parcel
	spare   parcel
	sent    broker.Numbering
	// isPublishing says that the broker is being given some.
	isPublishing bool
	lost         lostTypes
	handed       handedOver
}

// parcel is a batch of messages.
type parcel struct {
	messages []broker.Message
	ends     []int
	data     []byte
	// events is how many of them are events; the others are what hubs tell each other. tellsLost says that one tells of what was lost.
	events    int
	tellsLost bool
}

func (o *outbox) init(c *cluster) {
	o.cluster, o.wake = c, make(chan struct{}, 1)
	o.limit = int(min(maxOutbox, c.hub.cfg.MemoryBudget/outboxShare))
}

// forward puts an event in, which is copied. It neither blocks nor fails.
func (o *outbox) forward(out *outgoing) {
	if out.to.isUser {
		o.forwardToUser(out)
		return
	}
	typ, id := out.typ(), out.id()
	p := o.cluster.hub.cfg.policies.For(typ)
	o.mu.Lock()
	key, header := o.sent.Next(typ, id, asksIDs(p))
	if o.hasRoomLocked() {
		o.addLocked(key, header, "", out)
	} else {
		o.lost.add(key.Type)
	}
	o.mu.Unlock()
	o.notify()
}

// forwardToUser puts an event in that is for a user.
func (o *outbox) forwardToUser(out *outgoing) {
	o.mu.Lock()
	if o.hasRoomLocked() {
		o.addLocked(broker.Key{Kind: broker.Control, Type: usersChannel}, broker.Header{}, out.to.user, out)
	}
	o.mu.Unlock()
	o.notify()
}

// tell puts in what this hub tells others, with the numbers of a header. What finds no room is lost, which others have to notice.
func (o *outbox) tell(channel string, h broker.Header, body []byte) {
	o.mu.Lock()
	if o.cluster.link.isUp.Load() && len(o.filling.data) < o.limit+o.limit/4 {
		o.tellLocked(channel, h, body)
	}
	o.mu.Unlock()
	o.notify()
}

// awaitRoom waits until a quarter of the outbox at most is taken, so that lists neither are lost nor have events be lost. It says whether that is so, and waits only
// so long: while events come faster than the broker takes them it never is.
func (o *outbox) awaitRoom(ctx context.Context, patience time.Duration) (hasRoom bool) {
	for until := time.Now().Add(patience); o.cluster.link.isUp.Load() && o.held.Load() > int64(o.limit/4) && ctx.Err() == nil; time.Sleep(outboxPace) {
		if !time.Now().Before(until) {
			return false
		}
	}
	return true
}

func (o *outbox) tellLocked(channel string, h broker.Header, body []byte) {
	h.Origin, h.At = o.cluster.origin, time.Now()
	o.filling.data = append(broker.AppendHeader(o.filling.data, h), body...)
	o.endLocked(broker.Key{Kind: broker.Control, Type: channel})
}

// hasRoomLocked says whether one more fits in, and counts one that does not.
func (o *outbox) hasRoomLocked() bool {
	if o.cluster.link.isUp.Load() && len(o.filling.data) < o.limit {
		return true
	}
	o.cluster.counts.dropped.Add(1)
	return false
}

func (o *outbox) addLocked(key broker.Key, header broker.Header, user string, out *outgoing) {
	header.Origin, header.At = o.cluster.origin, time.Now()
	data := broker.AppendHeader(o.filling.data, header)
	if out.to.isUser {
		data = append(binary.AppendUvarint(data, uint64(len(user))), user...)
	}
	o.filling.data = out.appendEnvelope(data)
	o.filling.events++
	o.endLocked(key)
}

func (o *outbox) endLocked(key broker.Key) {
	before := 0
	if n := len(o.filling.ends); n > 0 {
		before = o.filling.ends[n-1]
	}
	o.held.Add(int64(len(o.filling.data) - before))
	broker.Seal(o.filling.data[before:])
	o.filling.messages = append(o.filling.messages, broker.Message{Key: key})
	o.filling.ends = append(o.filling.ends, len(o.filling.data))
}

// appendEnvelope appends the event's envelope.
func (out *outgoing) appendEnvelope(dst []byte) []byte {
	if out.view != nil {
		return out.view.Append(dst)
	}
	return event.Append(dst, out.event)
}

func (o *outbox) notify() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// outboxPace is how soon one parcel follows another at most. In between events gather, which then share what a parcel costs here, at the broker and at the hubs
// that get it. An event behind a silence does not wait.
const outboxPace = 400 * time.Microsecond

// run hands what is in to the broker, until ctx ends.
func (o *outbox) run(ctx context.Context) {
	var last time.Time
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-o.wake:
		}
		if wait := outboxPace - time.Since(last); wait > 0 {
			pause.Reset(wait)
			select {
			case <-ctx.Done():
				return
			case <-pause.C:
			}
		}
		o.publish(ctx)
		last = time.Now()
	}
}

// publish hands a parcel to the broker, if there is one. What comes in meanwhile wakes run again.
func (o *outbox) publish(ctx context.Context) {
	o.mu.Lock()
	o.tellLostLocked()
	full := o.filling
	o.filling, o.spare = o.spare, parcel{}
	o.isPublishing = len(full.messages) > 0
	o.mu.Unlock()
	if len(full.messages) == 0 {
		o.reuse(full)
		return
	}
	begin := 0
	for i, end := range full.ends {
		full.messages[i].Data = full.data[begin:end:end]
		begin = end
	}
	o.handed.note(full.messages, time.Now())
	bounded, cancel := context.WithTimeout(ctx, brokerPatience)
	defer cancel()
	err := o.cluster.broker.Publish(bounded, full.messages)
	lost := 0
	switch {
	case errors.Is(err, broker.ErrTooLong):
		lost = o.tooLong(&full, o.cluster.broker.Longest())
	case err != nil:
		lost = full.events
		o.failed(&full)
	}
	if err != nil {
		o.cluster.counts.dropped.Add(uint64(lost))
		o.cluster.hub.log.notPublished(lost, err)
	}
	o.cluster.counts.published.Add(uint64(full.events - lost))
	o.reuse(full)
}

// tooLong notes that those messages of a parcel are lost which are longer than the broker takes, and returns how many events they are. A list of types is told
// again as a shorter one, which says that all types have lost some.
func (o *outbox) tooLong(p *parcel, longest int) (events int) {
	o.mu.Lock()
	for _, m := range p.messages {
		if len(m.Data) <= longest {
			continue
		}
		switch {
		case m.Key.Kind == broker.Plain:
			o.lost.add(m.Key.Type)
			events++
		case m.Key.Type == usersChannel:
			events++
		case m.Key.Type == lostChannel:
			o.lost.all = true
		}
	}
	o.mu.Unlock()
	o.notify()
	return events
}

// whyTooLong is ErrTooLong if an event of somebody who can be told is longer than the broker takes.
func (c *cluster) whyTooLong(out *outgoing) error {
	longest := c.broker.Longest()
	if longest == 0 || out.on == nil && !out.waits || maxEscape*out.length()+envelopeRoom <= int64(longest) {
		return nil
	}
	size := broker.HeaderBytes + len(out.appendEnvelope(nil))
	if out.to.isUser {
		size += binary.MaxVarintLen64 + len(out.to.user)
	}
	if size <= longest {
		return nil
	}
	return fmt.Errorf("%w: %w: a message with %d bytes, where %d are allowed", ErrTooLong, broker.ErrTooLong, size, longest)
}

// failed notes that the events of a parcel are lost, and what it has told of others. Where that alone was in it, the next message of this hub brings it again, a
// heartbeat at the latest.
func (o *outbox) failed(p *parcel) {
	o.mu.Lock()
	o.lost.all = o.lost.all || p.events > 0 || p.tellsLost
	o.mu.Unlock()
	if p.events > 0 {
		o.notify()
	}
}

// maxSpare is how many bytes a parcel may have room for that is kept for reuse.
const maxSpare = 1 << 20

func (o *outbox) reuse(p parcel) {
	o.held.Add(-int64(len(p.data)))
	clear(p.messages)
	if cap(p.data) > maxSpare {
		p = parcel{}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.isPublishing = false
	o.spare = parcel{messages: p.messages[:0], ends: p.ends[:0], data: p.data[:0]}
}

// isEmpty says that the broker has been given all.
func (o *outbox) isEmpty() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.filling.messages) == 0 && !o.isPublishing
}
