//go:build linux

package swarm

import (
	"testing"

	"github.com/spokehub/spokehub/event"
)

// TestEachTopicGoesOverOneConnection has a publisher spread more topics than it has connections, which do not divide each other.
func TestEachTopicGoesOverOneConnection(t *testing.T) {
	writers := []*writer{{}, {}, {}}
	r := &ratePublisher{source: source{Publication: &Publication{FirstTopic: 1, Topics: 8, Size: 128, Rate: 1}}, writers: writers}
	used := map[uint64]*writer{}
	for range 40 {
		topic, next := r.count%8, r.next()
		if before := used[topic]; before != nil && before != next {
			t.Errorf("got topic %d over two connections, want one", topic)
		}
		used[topic] = next
		next.buffer = r.appendNext(next.buffer, 0)
	}
	for i, w := range writers {
		if len(w.buffer) == 0 {
			t.Errorf("got nothing over connection %d, want some topics", i)
		}
	}
}

func TestGapsOfTheBrokerAreFaultsWithoutOne(t *testing.T) {
	for name, c := range map[string]struct {
		clustered    bool
		gaps, faults uint64
	}{
		"of a hub alone":     {false, 0, 1},
		"but not of several": {true, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGroup()
			g.plan.Clustered = c.clustered
			g.gap(event.AppendGap(nil, event.Gap{Topic: "room", Missed: -1, Reason: event.GapBroker}))
			if g.BrokerGaps != c.gaps || g.Faults.Sum() != c.faults {
				t.Errorf("got %d gaps and %d faults, want %d and %d", g.BrokerGaps, g.Faults.Sum(), c.gaps, c.faults)
			}
		})
	}
}
