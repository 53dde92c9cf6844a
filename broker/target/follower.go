package target

import (
	"context"
	"sync"
	"time"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/stream"
)

const (
	// pageEvents is how many events are read at a time.
	pageEvents = 512
	// readPause is how long it takes until a stream is read again that could not be, or had not yet what was announced.
	readPause = 50 * time.Millisecond
	// emptyReads is how often in a row the engine may not have what it has announced until that counts as lost.
	emptyReads = 40
)

// follower hands the events of a stream on in order, each once. mu guards all fields behind it.
//
// I1: the events up to next-1 have been handed on, or told to be missing, since the follower began.
// I2: while isLive, what comes next may be handed on; else one goroutine reads the stream.
type follower struct {
	target *Target
	want   *want
	policy *stream.Policy

	mu     sync.Mutex
	epoch  string
	next   uint64
	isLive bool
	// isReading says that a goroutine reads the stream, and isOver that nobody needs it.
	isReading, isOver bool
	heard             announced
	// lane has the last event of each origin that has been handed on: another epoch of the stream may begin with events of the one before.
	lane broker.Lane
}

// announced are the offsets that have come while the stream was read, of one epoch, the lowest and the highest.
type announced struct {
	epoch    string
	from, to uint64
}

// deliver takes an event that has come, with the header of its message.
func (f *follower) deliver(at event.Position, h broker.Header, e event.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	e.Offset = at.Offset
	isOther := at.Epoch != "" && at.Epoch != f.epoch
	if f.isLive && !isOther && at.Offset < f.next || f.isOver {
		return
	}
	if f.isLive && !isOther && at.Offset == f.next && f.target.deliveries.tryPut(delivery{event: e}) == nil {
		f.next++
		f.noteLocked(h)
		return
	}
	if f.heard.to == 0 || f.heard.epoch != at.Epoch {
		f.heard = announced{at.Epoch, at.Offset, at.Offset}
	}
	f.heard.from, f.heard.to = min(f.heard.from, at.Offset), max(f.heard.to, at.Offset)
	if f.isLive {
		f.readLocked()
	}
}

// catchUp has the stream be read from where the follower is.
func (f *follower) catchUp() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.readLocked()
}

func (f *follower) readLocked() {
	f.isLive = false
	if !f.isReading && !f.isOver && f.target.running.ctx.Err() == nil {
		f.isReading = true
		f.target.running.group.Go(f.read)
	}
}

// end has nothing be handed on any more.
func (f *follower) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.isOver, f.isLive = true, false
}

// read reads the stream until the follower is live, or over.
func (f *follower) read() {
	ctx := f.target.running.ctx
	for vain := 0; ; {
		isNews, isDone := f.readOnce(ctx, vain >= emptyReads)
		if isDone {
			f.target.interest.inForce(f.want)
			return
		}
		if isNews {
			vain = 0
			continue
		}
		vain++
		select {
		case <-ctx.Done():
			return
		case <-time.After(readPause):
		}
	}
}

// readOnce reads a page and hands on what is in it. It says whether that was news, and whether the follower is live or over. If givesUp, what
// was announced and is not there counts as gone.
func (f *follower) readOnce(ctx context.Context, givesUp bool) (isNews, isDone bool) {
	f.mu.Lock()
	isOver, epoch, before := f.isOver, f.epoch, f.next
	f.mu.Unlock()
	if isOver {
		return false, true
	}
	page, err := f.readPage(ctx, max(before, 1)-1)
	switch {
	case err != nil:
		return false, false
	case before == 0:
		return f.begin(ctx, page), false
	case page.Epoch != epoch && (epoch != "" || before > 1):
		return f.beginAnew(ctx, page), false
	}
	f.passTrimmed(&page)
	for i := range page.Entries {
		if !f.hand(ctx, &page.Entries[i]) {
			return false, ctx.Err() != nil
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.heard.epoch != "" && f.heard.epoch != f.epoch {
		f.heard = announced{}
		return true, f.isOver
	}
	isNews = f.next > before
	isBehind := page.Top >= f.next || f.heard.to >= f.next && !givesUp
	if f.isOver || !isBehind {
		f.isLive, f.isReading, f.heard = !f.isOver, false, announced{}
		return isNews, true
	}
	return isNews, false
}

// readPage reads a page of the stream.
func (f *follower) readPage(ctx context.Context, after uint64) (broker.Page, error) {
	bounded, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return f.target.config.Broker.Read(bounded, broker.Query{Policy: f.policy, Type: f.want.key.Type, Events: pageEvents, After: after})
}

// passTrimmed has the follower go on behind what is not kept any more. The first epoch is that of a stream which had none when the follower began.
func (f *follower) passTrimmed(page *broker.Page) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.epoch = page.Epoch
	if page.First > f.next && !f.isOver {
		f.target.deliveries.putAlways(delivery{loss: &Loss{Type: f.want.key.Type, Missed: int64(page.First - f.next), Reason: "the events were trimmed"}})
		f.next = page.First
	}
}

// hand hands an entry on if it is next, once there is room. It says whether to go on.
func (f *follower) hand(ctx context.Context, entry *broker.Entry) bool {
	h, e, ok := f.target.parse(entry.Data)
	e.Offset = entry.Offset
	for {
		f.mu.Lock()
		if f.isOver || entry.Offset < f.next {
			defer f.mu.Unlock()
			return !f.isOver
		}
		if gone := int64(entry.Offset - f.next); gone > 0 {
			f.target.deliveries.putAlways(delivery{loss: &Loss{Type: f.want.key.Type, Missed: gone, Reason: "the events were deleted"}})
			f.next = entry.Offset
		}
		item := delivery{event: e}
		if !ok {
			item = delivery{loss: &Loss{Type: f.want.key.Type, Missed: 1, Reason: "an event that no hub has written"}}
		}
		room := f.target.deliveries.tryPut(item)
		if room == nil {
			f.next = entry.Offset + 1
			if ok {
				f.noteLocked(h)
			}
		}
		f.mu.Unlock()
		if room == nil {
			return true
		}
		select {
		case <-room:
		case <-ctx.Done():
			return false
		}
	}
}
