package target

import (
	"context"

	"github.com/spokehub/spokehub/broker"
)

// begin has a follower that has just begun go on behind all that there is, or at the first event that has come. It notes the last events ahead of that, so
// that they are known if the stream has another epoch soon. It says whether the engine could be read.
func (f *follower) begin(ctx context.Context, first broker.Page) bool {
	older, ok := f.lastEvents(ctx, first)
	if !ok {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.epoch, f.next = first.Epoch, first.Top+1
	if f.heard.to > 0 && (f.heard.epoch == "" || f.heard.epoch == f.epoch) {
		f.next = max(first.First, min(f.next, f.heard.from))
	}
	for i := range older {
		if h, _, err := broker.ParseMessage(older[i].Data); err == nil && older[i].Offset < f.next {
			f.noteLocked(h)
		}
	}
	return true
}

// lastEvents reads the last events of a stream of which a page was read, pageEvents at least if so many are kept.
func (f *follower) lastEvents(ctx context.Context, first broker.Page) (last []broker.Entry, ok bool) {
	for page := first; ; {
		if len(page.Entries) == 0 {
			return last, true
		}
		last = append(last, page.Entries...)
		after := last[len(last)-1].Offset
		if after >= first.Top {
			return last, true
		}
		var err error
		page, err = f.readPage(ctx, max(after, first.Top-min(first.Top, pageEvents)))
		if err != nil || page.Epoch != first.Epoch {
			return nil, false
		}
	}
}

// beginAnew has the follower go on in another epoch, of which it has read a page: behind what that has from the epoch before. It tells of the epoch, and says
// whether the engine could be read.
func (f *follower) beginAnew(ctx context.Context, page broker.Page) bool {
	fresh, ok := f.firstFresh(ctx, page)
	if !ok {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.isOver {
		f.epoch, f.next = page.Epoch, fresh
		f.target.deliveries.putAlways(delivery{loss: &Loss{Type: f.want.key.Type, Missed: -1, Reason: "the stream began anew"}})
	}
	return true
}

// firstFresh reads an epoch, as far as it went when a page of it was read, and returns the offset behind the last event that the follower knows, the first one that is
// kept if it knows none. What an epoch has from the one before is the beginning of that, less what is trimmed: so what lies ahead of an event that is known has been
// handed on, or told to be missing, or is older than the follower.
func (f *follower) firstFresh(ctx context.Context, seen broker.Page) (fresh uint64, ok bool) {
	fresh = max(seen.First, 1)
	for after := fresh - 1; after < seen.Top; {
		page, err := f.readPage(ctx, after)
		if err != nil || page.Epoch != seen.Epoch {
			return 0, false
		}
		if len(page.Entries) == 0 {
			break
		}
		for i := range page.Entries {
			if f.knows(page.Entries[i].Data) {
				fresh = page.Entries[i].Offset + 1
			}
		}
		after = page.Entries[len(page.Entries)-1].Offset
	}
	return fresh, true
}

// noteLocked notes an event that has been handed on, or is older than the follower.
func (f *follower) noteLocked(h broker.Header) {
	if h.Sequence > 0 {
		f.lane.See(h.Origin, h.Sequence, 0)
	}
}

// knows says whether an event has been noted, or one of its origin behind it.
func (f *follower) knows(message []byte) bool {
	h, _, err := broker.ParseMessage(message)
	f.mu.Lock()
	defer f.mu.Unlock()
	return err == nil && h.Sequence > 0 && f.lane.Knows(h.Origin, h.Sequence)
}
