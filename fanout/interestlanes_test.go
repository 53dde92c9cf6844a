package fanout

import (
	"hash/maphash"
	"testing"

	"github.com/spokehub/spokehub/broker"
)

// newLanes is an interest in user and user:a, of which nothing has come.
func newLanes() *interest {
	t := &interest{seed: maphash.MakeSeed()}
	s := t.shardOf("user")
	s.types = map[string]*typeInterest{"user": {shard: s, ids: map[string]*want{"a": {}}}}
	return t
}

func TestLanesOfTypeAndIDEachNoticeWhatTheOtherDoesNot(t *testing.T) {
	type step struct {
		id               string
		byID             bool
		header           broker.Header
		isRepeat, isLost bool
	}
	for name, steps := range map[string][]step{
		"a loss ahead of the first event by the type": {
			{"a", true, broker.Header{Sequence: 1}, false, false},
			{"a", false, broker.Header{Sequence: 3, OfType: 2, OfID: 2}, false, true},
		},
		"no loss where other ids come ahead": {
			{"a", true, broker.Header{Sequence: 1}, false, false},
			{"a", false, broker.Header{Sequence: 3, OfType: 2, OfID: 1}, false, false},
		},
		"a loss of another id ahead of one that has come by its id": {
			{"b", false, broker.Header{Sequence: 1}, false, false},
			{"a", true, broker.Header{Sequence: 3, OfType: 2}, false, false},
			{"a", false, broker.Header{Sequence: 3, OfType: 2}, true, true},
		},
		"by the type ahead of by the id": {
			{"a", false, broker.Header{Sequence: 1}, false, false},
			{"a", true, broker.Header{Sequence: 1}, true, false},
		},
	} {
		t.Run(name, func(t *testing.T) {
			lanes := newLanes()
			for i, s := range steps {
				s.header.Origin = 7
				isRepeat, isLost := lanes.see([]byte("user"), []byte(s.id), s.header, s.byID)
				if isRepeat != s.isRepeat || isLost != s.isLost {
					t.Errorf("step %d: got repeat %v, lost %v, want %v, %v", i, isRepeat, isLost, s.isRepeat, s.isLost)
				}
			}
		})
	}
}
