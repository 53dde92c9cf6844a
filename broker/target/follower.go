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
}

// announced are the offsets that have come while the stream was read, of one epoch, the lowest and the highest.
type announced struct {
	epoch    string
	from, to uint64
}

// deliver takes an event that has come.
func (f *follower) deliver(at event.Position, e event.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	e.Offset = at.Offset
	isOther := at.Epoch != "" && at.Epoch != f.epoch
	if f.isLive && !isOther && at.Offset < f.next || f.isOver {
		return
	}
	if f.isLive && !isOther && at.Offset == f.next && f.target.deliveries.tryPut(delivery{event: e}) == nil {
		f.next++
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
	q := broker.Query{Policy: f.policy, Type: f.want.key.Type, Events: pageEvents, After: max(f.next, 1) - 1}
	isOver, before := f.isOver, f.next
	f.mu.Unlock()
	if isOver {
		return false, true
	}
	bounded, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	page, err := f.target.config.Broker.Read(bounded, q)
	if err != nil {
		return false, false
	}
	f.mu.Lock()
	isOther := f.next == 0 || page.Epoch != f.epoch
	f.placeLocked(&page)
	f.mu.Unlock()
	if !isOther {
		for i := range page.Entries {
			if !f.hand(ctx, &page.Entries[i]) {
				return false, ctx.Err() != nil
			}
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	isBehind := page.Top >= f.next || f.heard.to >= f.next && (f.heard.epoch == "" || f.heard.epoch == f.epoch)
	isNews = isOther || f.next > before
	if page.Top < f.next && givesUp {
		isBehind = false
	}
	if f.isOver || !isBehind && !isOther {
		f.isLive, f.isReading, f.heard = !f.isOver, false, announced{}
		return isNews, true
	}
	return isNews, false
}

// placeLocked finds out where the follower goes on: behind all that there is if it has just begun, at the first event that has come if the stream
// began anew, and behind what is gone.
func (f *follower) placeLocked(page *broker.Page) {
	typ, isFirst := f.want.key.Type, f.next == 0
	if f.epoch == "" && f.next == 1 {
		f.epoch = page.Epoch
	}
	switch {
	case isFirst || page.Epoch != f.epoch:
		f.epoch, f.next = page.Epoch, page.Top+1
		if f.heard.to > 0 && (f.heard.epoch == "" || f.heard.epoch == f.epoch) {
			f.next = max(page.First, min(f.next, f.heard.from))
		}
		if !isFirst {
			f.target.deliveries.putAlways(delivery{loss: &Loss{Type: typ, Missed: -1, Reason: "the stream began anew"}})
		}
	case page.First > f.next:
		f.target.deliveries.putAlways(delivery{loss: &Loss{Type: typ, Missed: int64(page.First - f.next), Reason: "the events were trimmed"}})
		f.next = page.First
	}
}

// hand hands an entry on if it is next, once there is room. It says whether to go on.
func (f *follower) hand(ctx context.Context, entry *broker.Entry) bool {
	_, e, ok := f.target.parse(entry.Data)
	e.Offset = entry.Offset
	for {
		f.mu.Lock()
		if f.isOver || entry.Offset < f.next {
			defer f.mu.Unlock()
			return !f.isOver
		}
		item := delivery{event: e}
		if !ok {
			item = delivery{loss: &Loss{Type: f.want.key.Type, Missed: 1, Reason: "an event that no hub has written"}}
		}
		room := f.target.deliveries.tryPut(item)
		if room == nil {
			f.next = entry.Offset + 1
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
