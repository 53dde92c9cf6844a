package spoke

import (
	"sync"

	"github.com/spokehub/spokehub/event"
)

// buffer is the events and gaps that wait for a loop. Any goroutine may use it.
type buffer struct {
	limit    int
	whenFull WhenFull
	// more has room for one mark that there is something.
	more chan struct{}
	mu   sync.Mutex
	// items are those that wait, behind dropped events and gaps that were dropped, as one.
	items   []item
	dropped int
	gap     *event.Gap
	// full says that the loop ends behind items.
	full bool
}

// item is an event or a gap that waits for a loop.
type item struct {
	event event.Event
	gap   *event.Gap
	// before is a position of the topic ahead of the item, zero where it is not known.
	before event.Position
}

// put takes what comes next. It copies the payload of an event.
func (b *buffer) put(next item) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.full {
		return
	}
	if len(b.items) >= b.limit {
		if b.whenFull == EndWhenFull {
			b.full = true
			return
		}
		b.drop()
	}
	next.event = next.event.Clone()
	b.items = append(b.items, next)
	select {
	case b.more <- struct{}{}:
	default:
	}
}

// drop makes room for an item. What a dropped gap says is kept. The caller holds mu.
func (b *buffer) drop() {
	first := b.shift()
	switch {
	case first.gap == nil:
		b.dropped++
	case b.gap == nil:
		b.gap = first.gap
	default:
		b.gap = joinGaps(b.gap, first.gap)
	}
}

// joinGaps returns a gap that says what two say, one behind the other.
func joinGaps(a, b *event.Gap) *event.Gap {
	both := *b
	both.From = a.From
	if a.Epoch != b.Epoch || a.From == 0 || b.To == 0 {
		both.From, both.To = 0, 0
	}
	if a.Missed < 0 || b.Missed < 0 {
		both.Missed = -1
	} else {
		both.Missed += a.Missed
	}
	return &both
}

// shift takes the first item away. The caller holds mu.
func (b *buffer) shift() item {
	first := b.items[0]
	b.items[0] = item{}
	b.items = b.items[1:]
	return first
}

// take takes what comes next: what was dropped, a gap, an event, or the end.
func (b *buffer) take() (e event.Event, ok bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.dropped > 0:
		err = &DroppedError{Count: b.dropped}
		b.dropped = 0
		return event.Event{}, true, err
	case b.gap != nil:
		err = &GapError{Gap: *b.gap}
		b.gap = nil
		return event.Event{}, true, err
	case len(b.items) > 0:
		first := b.shift()
		if first.gap != nil {
			return event.Event{}, true, &GapError{Gap: *first.gap}
		}
		return first.event, true, nil
	case b.full:
		return event.Event{}, true, ErrSlowReader
	}
	return event.Event{}, false, nil
}

func (b *buffer) isEmpty() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.items) == 0 && b.dropped == 0 && b.gap == nil && !b.full
}

// holdBack returns the position of a topic that is at p but for what waits here.
func (b *buffer) holdBack(p event.Position) event.Position {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, waiting := range b.items {
		if waiting.before.Epoch == "" {
			continue
		}
		if waiting.before.Epoch != p.Epoch || waiting.before.Offset < p.Offset {
			return waiting.before
		}
		break
	}
	return p
}
