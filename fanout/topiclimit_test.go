package fanout

import (
	"testing"

	"github.com/spokehub/spokehub/netpoll"
)

// TestATopicOverTheLimitNeverJoinsTheIndex counts what is allocated, for a topic that joins costs memory even if it leaves at once.
func TestATopicOverTheLimitNeverJoinsTheIndex(t *testing.T) {
	const rounds = 1000
	h := hubOf(t, Config{Engine: EngineGoroutine, Reactors: 1, MaxTopics: 2})
	_, s := h.join()
	subscribeTo(s, "a", "b")
	topics := make([][]byte, rounds)
	for i, topic := range numbered("new", 0, rounds) {
		topics[i] = []byte(topic)
	}
	taken := 0
	var allocated float64
	s.loop.ask(func(*netpoll.Reactor) {
		next := 0
		allocated = testing.AllocsPerRun(rounds-1, func() {
			if _, ok := s.loop.subscribe(s, topics[next]); ok {
				taken++
			}
			next++
		})
	})
	if taken != 0 || allocated != 0 {
		t.Errorf("got %d of %d topics over the limit taken and %v allocations for each, want none", taken, rounds, allocated)
	}
}
