package fanout

import (
	"context"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/event"
)

// checkTops has the tops of all followed streams be compared with what the hub has. It returns at once.
func (t *interest) checkTops() {
	select {
	case t.topsWanted <- struct{}{}:
	default:
	}
}

// watchTops compares the tops of the streams while the broker is there, from time to time and when it is asked to, until ctx ends.
func (t *interest) watchTops(ctx context.Context) {
	broker.WatchTops(ctx, t.topsWanted, func(ctx context.Context) bool { return !t.cluster.link.isUp.Load() || t.compareTops(ctx) })
}

// compareTops compares the tops of all followed streams, and says whether the broker has told them. They are in another order each time: one that can't be asked for must not
// keep those behind it from being compared for ever.
func (t *interest) compareTops(ctx context.Context) bool {
	followers := t.followers()
	rand.Shuffle(len(followers), func(i, j int) { followers[i], followers[j] = followers[j], followers[i] })
	types := make([]string, 0, broker.TopsAtOnce)
	if len(followers) == 0 {
		t.tryTops(ctx)
		return true
	}
	var tops []event.Position
	var late []behind
	defer func() { refill(ctx, late) }()
	for len(followers) > 0 {
		slice := followers[:min(len(followers), broker.TopsAtOnce)]
		followers = followers[len(slice):]
		types = types[:0]
		for _, f := range slice {
			types = append(types, f.typ)
		}
		bounded, cancel := context.WithTimeout(ctx, brokerPatience)
		var err error
		tops, err = t.cluster.broker.Tops(bounded, tops[:0], types...)
		cancel()
		t.cluster.link.tried(tellingTops, err)
		if err != nil {
			if t.cluster.link.isUp.Load() && ctx.Err() == nil {
				t.cluster.hub.log.unreadTops(err)
			}
			return false
		}
		for i, f := range slice {
			if f.isBehind(tops[i]) {
				late = append(late, behind{f, tops[i]})
			}
		}
	}
	return true
}

// tryTops finds out whether the broker keeps streams, where some policy asks for them and none is followed yet: so whoever sets up a cluster need not wait for the
// first subscription to learn that it does not.
func (t *interest) tryTops(ctx context.Context) {
	typ := ""
	for _, p := range t.cluster.hub.cfg.Policies {
		if !p.History.IsZero() {
			typ = strings.TrimSuffix(p.Match, "*") + "top"
			if !strings.HasSuffix(p.Match, "*") {
				typ = p.Match
			}
			break
		}
	}
	if typ == "" {
		return
	}
	bounded, cancel := context.WithTimeout(ctx, brokerPatience)
	defer cancel()
	_, err := t.cluster.broker.Tops(bounded, nil, typ)
	if t.cluster.link.tried(tellingTops, err) && err != nil {
		t.cluster.hub.log.noStreams(err)
	}
}

// followers are those of all streams.
func (t *interest) followers() (all []*follower) {
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		for _, of := range s.types {
			if of.whole.follower != nil {
				all = append(all, of.whole.follower)
			}
		}
		s.mu.Unlock()
	}
	return all
}

// behind is a follower that has less than the top of its stream.
type behind struct {
	follower *follower
	top      event.Position
}

// refill waits until what is on its way has come, and has the broker be read for those that are still behind.
func refill(ctx context.Context, late []behind) {
	if len(late) == 0 {
		return
	}
	select {
	case <-ctx.Done():
		return
	case <-time.After(broker.TopsGrace):
	}
	for i := range late {
		late[i].follower.check(late[i].top)
	}
}

// isBehind says whether the stream has more than this hub, or is another one, and nobody reads it yet.
func (f *follower) isBehind(top event.Position) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.isBehindLocked(top)
}

func (f *follower) isBehindLocked(top event.Position) bool {
	return !f.isOver && f.isLive && (top.Epoch != f.epoch || top.Offset >= f.next)
}

// check has the broker be read if the follower is behind.
func (f *follower) check(top event.Position) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.isBehindLocked(top) {
		f.isLive = false
		f.cluster.goFill(f)
	}
}
