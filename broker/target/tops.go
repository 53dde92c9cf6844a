package target

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/event"
)

// watchTops compares the tops of the streams while the engine is there, from time to time and when it is asked to, until the target ends.
func (i *interest) watchTops() {
	broker.WatchTops(i.target.running.ctx, i.topsWanted, func(ctx context.Context) bool { return !i.target.State().Up || i.compareTops(ctx) })
}

// compareTops has the streams be read whose tops are ahead of what has come, and says whether the engine has told all tops. They are in another order each time: one that
// can't be asked for must not keep those behind it from being compared for ever.
func (i *interest) compareTops(ctx context.Context) (isTold bool) {
	followers := i.followers()
	rand.Shuffle(len(followers), func(a, b int) { followers[a], followers[b] = followers[b], followers[a] })
	var late []behind
	defer func() { catchUp(ctx, late) }()
	for len(followers) > 0 {
		some := followers[:min(len(followers), broker.TopsAtOnce)]
		followers = followers[len(some):]
		tops, err := i.askTops(ctx, some)
		if err != nil {
			if ctx.Err() == nil {
				i.target.config.Logger.Debug("the broker could not be asked how far its streams are", "error", err)
			}
			return false
		}
		for n, f := range some {
			if f.isBehind(tops[n]) {
				late = append(late, behind{f, tops[n]})
			}
		}
	}
	return true
}

func (i *interest) askTops(ctx context.Context, followers []*follower) ([]event.Position, error) {
	types := make([]string, len(followers))
	for n, f := range followers {
		types[n] = f.want.key.Type
	}
	bounded, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return i.target.config.Broker.Tops(bounded, nil, types...)
}

// behind is a follower that has less than the top of its stream.
type behind struct {
	follower *follower
	top      event.Position
}

// catchUp waits until what is on its way has come, and has those streams be read that are still behind.
func catchUp(ctx context.Context, late []behind) {
	if len(late) == 0 {
		return
	}
	select {
	case <-ctx.Done():
		return
	case <-time.After(broker.TopsGrace):
	}
	for _, b := range late {
		if b.follower.isBehind(b.top) {
			b.follower.catchUp()
		}
	}
}

// isBehind says whether the stream has more than has come, or is another one, and nobody reads it yet.
func (f *follower) isBehind(top event.Position) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.isLive && (top.Epoch != f.epoch || top.Offset >= f.next)
}
