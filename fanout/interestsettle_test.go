package fanout

import (
	"fmt"
	"testing"

	"github.com/spokehub/spokehub/broker"
)

// TestAStreamIsInForceByItsOwnFollowerAlone has one that has been ended come to its end when the stream is asked for anew.
func TestAStreamIsInForceByItsOwnFollowerAlone(t *testing.T) {
	t.Parallel()
	of := &typeInterest{shard: new(interestShard)}
	w := &of.whole
	before, own := &follower{want: w}, &follower{want: w}
	w.of, w.key, w.phase = of, broker.Key{Kind: broker.Stream, Type: "price"}, wantAsked
	streams := new(interest)
	for _, step := range []struct {
		follows, by *follower
		want        wantPhase
	}{{nil, before, wantAsked}, {own, before, wantAsked}, {own, own, wantInForce}} {
		w.follower = step.follows
		streams.settle(w, step.by)
		if w.phase != step.want {
			t.Errorf("got phase %d, want %d", w.phase, step.want)
		}
	}
}

func TestTheLastLossIsToldWhoWasThereThenThoughVeryManyTypesHaveLost(t *testing.T) {
	t.Parallel()
	hub := hubOf(t, Config{Engine: EngineGoroutine}).hub
	var losses lossTeller
	losses.init(&cluster{hub: hub})
	t.Cleanup(losses.stop)
	for i := range manyLosses {
		losses.add(fmt.Append(nil, "t", i))
	}
	losses.mu.Lock()
	losses.timer.Stop()
	losses.mu.Unlock()
	newest := hub.shared.ids.Add(1)
	losses.add([]byte("another"))
	if !losses.all || losses.newest != newest {
		t.Errorf("got all %v, up to spoke %d, want all up to %d", losses.all, losses.newest, newest)
	}
}
