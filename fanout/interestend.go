package fanout

import (
	"context"
	"slices"
	"time"

	"github.com/spokehub/spokehub/broker"
)

// endIdle tells the broker which keys nobody has needed for some time. Where a whole type ends, ids of it that are still needed
// are asked for first.
func (t *interest) endIdle(ctx context.Context) {
	for slice := range slices.Chunk(t.queue.takeFree(), askAtOnce) {
		t.endSome(ctx, slice)
		t.askAll(ctx)
	}
}

// endSome is endIdle for some of those that nobody needed. However many ids there are, what is asked for meanwhile need not wait for all of them.
func (t *interest) endSome(ctx context.Context, idle []*want) {
	var ends, instead []*want
	for _, w := range idle {
		var ids []*want
		var isEnding bool
		if isEnding, ids = t.beginEnd(w); isEnding {
			ends = append(ends, w)
			instead = append(instead, ids...)
		}
	}
	for slice := range slices.Chunk(instead, askAtOnce) {
		t.subscribe(ctx, slice)
		t.askAll(ctx)
	}
	keys := make([]broker.Key, len(ends))
	for i, w := range ends {
		keys[i] = w.key
		if f := t.unfollow(w); f != nil {
			f.end()
		}
	}
	t.unsubscribe(ctx, keys)
	for _, w := range ends {
		t.end(w)
	}
}

// beginEnd looks at a want that nobody needed. It says whether the broker is to be told, and for which ids it is to be asked instead. One that is about to be asked for
// has to wait for its turn; a stream that is followed and could not be read until now has had it, and ends.
func (t *interest) beginEnd(w *want) (isEnding bool, instead []*want) {
	s := w.of.shard
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case w.refs > 0 || w.holds > 0:
		w.isIdle = false
		return false, nil
	case time.Since(w.idleSince) < w.linger() || w.phase == wantAsked && w.follower == nil:
		t.queue.free(w)
		return false, nil
	case w.phase == wantNone:
		w.isIdle = false
		t.forgetLocked(w)
		return false, nil
	}
	w.isIdle = false
	t.enterLocked(w, wantEnding)
	if w == &w.of.whole {
		for _, single := range w.of.ids {
			if single.phase == wantNone && (single.refs > 0 || single.holds > 0) {
				t.enterLocked(single, wantAsked)
				instead = append(instead, single)
			}
		}
	}
	return true, instead
}

// unfollow returns what follows the stream of a want, which does so no more once it has been ended.
func (t *interest) unfollow(w *want) *follower {
	s := w.of.shard
	s.mu.Lock()
	defer s.mu.Unlock()
	f := w.follower
	if f != nil {
		t.counts.streams.Add(-1)
		t.counts.held.Add(-followerBytes)
	}
	w.follower = nil
	return f
}

func (w *want) linger() time.Duration {
	if w.key.Kind == broker.Stream {
		return streamLinger
	}
	return plainLinger
}

// end notes that the broker has been told, and has it be asked again if somebody has come meanwhile.
func (t *interest) end(w *want) {
	s := w.of.shard
	s.mu.Lock()
	defer s.mu.Unlock()
	t.enterLocked(w, wantNone)
	w.lane = broker.Lane{}
	if w.refs > 0 || w.holds > 0 {
		t.askLocked(w)
		return
	}
	t.forgetLocked(w)
}

// forgetLocked drops a want that nobody needs, and its type if nothing of that is needed. One that is in the queue once more is dropped when its turn
// comes: another one of its name may be there by then.
func (t *interest) forgetLocked(w *want) {
	of := w.of
	if w.isIdle {
		return
	}
	if w != &of.whole && of.ids[w.key.ID] == w {
		delete(of.ids, w.key.ID)
		t.counts.held.Add(-wantBytes - int64(len(w.key.ID)))
		t.narrowLocked(of)
	}
	if whole := &of.whole; len(of.ids) == 0 && whole.phase == wantNone && whole.refs == 0 && whole.holds == 0 && !whole.isIdle &&
		of.shard.types[whole.key.Type] == of {
		delete(of.shard.types, whole.key.Type)
		t.counts.held.Add(-typeInterestBytes - int64(len(whole.key.Type)))
	}
}
