package fanout

import (
	"fmt"
	"sync/atomic"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/event"
)

// interestWait is a subscription that waits until the broker has been asked for what its topics need. interest never changes, held belongs to who waits,
// left and isAway are for any goroutine.
type interestWait struct {
	boundedWait
	interest *interest
	// held are the wants of the topics in order, nil for one that needs none.
	held []*want
	// left is how many wants are not ready, and one more until all have been asked for. isAway says that the broker was away when one of them was looked at, or has been
	// since.
	left   atomic.Int32
	isAway atomic.Bool
}

// asked has the wait end in time, once all wants have been asked for.
func (w *interestWait) asked() {
	w.begin(interestPatience)
	w.settled()
}

// settled notes that one of the wants is ready, or will not be.
func (w *interestWait) settled() {
	if w.left.Add(-1) == 0 {
		w.end()
	}
}

// drop gives up what the wait holds.
func (w *interestWait) drop() {
	w.stop()
	for _, held := range w.held {
		if held == nil {
			continue
		}
		s := held.of.shard
		s.mu.Lock()
		delete(held.waiters, w)
		s.mu.Unlock()
		w.interest.release(held)
	}
	w.held = nil
}

// holdInterest has the broker be asked for what topics need that a spoke is about to be subscribed to. It says whether they may be carried out,
// of which those that are refused then are in vain; if not, the loop comes back to the spoke when that has changed. A topic that is named twice takes the room of one.
func (l *loop) holdInterest(s *Spoke, p *progress, topics [][]byte, allowed map[string]bool) bool {
	t := &l.hub.cluster.interest
	if p.wait != nil {
		return p.wait.over.Load()
	}
	wait := &interestWait{boundedWait: boundedWait{loop: l, spoke: s}, interest: t, held: make([]*want, len(topics))}
	wait.left.Store(1)
	wait.isLate.Store(p.isLate)
	room := l.hub.maxTopics() - l.topicCount(s.conn.Slot)
	var names map[string]struct{}
	if room < len(topics) {
		names = make(map[string]struct{})
	}
	who, isReady := s.known(), true
	for i, topic := range topics {
		if !l.mayEnter(s, who, topic, allowed) {
			continue
		}
		name := string(topic)
		if _, isHeld := names[name]; !isHeld && len(names) >= room {
			continue
		}
		if names != nil {
			names[name] = struct{}{}
		}
		var isThere bool
		wait.held[i], isThere = t.hold(name, wait)
		isReady = isReady && isThere
	}
	p.wait = wait
	if isReady || p.isLate {
		return true
	}
	wait.asked()
	if wait.over.Load() {
		return true
	}
	l.flow.waits[s] = wait
	return false
}

// mayEnter says whether a spoke may subscribe to a topic that it does not have, wherever there is room for it.
func (l *loop) mayEnter(s *Spoke, who *Identity, topic []byte, allowed map[string]bool) bool {
	return event.ValidTopic(topic) && l.hub.maySubscribe(who, topic) && (allowed == nil || allowed[string(topic)]) && !l.part.Has(s.conn.Slot, topic)
}

// isToBeHeld says whether a topic of a control event could be carried out now and could not when those behind its place were held: the spoke may have more topics since
// then, or others, or has lost one. Then its events have yet to be asked for.
func (l *loop) isToBeHeld(s *Spoke, p *progress, i int, who *Identity, topic []byte, allowed map[string]bool) bool {
	return p.wait != nil && p.wait.held[i] == nil && l.topicCount(s.conn.Slot) < l.hub.maxTopics() && l.mayEnter(s, who, topic, allowed)
}

// held is how many topics may be carried out at a time: those that are held, if any are.
func (p *progress) held() int {
	if p.wait == nil {
		return sliceTopics
	}
	return len(p.wait.held)
}

// dropInterest gives up what a control event has held.
func (p *progress) dropInterest() {
	if p.wait == nil {
		return
	}
	p.endedWait(&p.wait.boundedWait)
	p.wait.drop()
	p.wait = nil
}

// isOutOfReach says whether a topic of a control event can't be subscribed to, because its stream is not known here and the broker is away.
func (p *progress) isOutOfReach(i int) bool {
	if p.wait == nil || p.wait.held[i] == nil {
		return false
	}
	return !p.wait.isReady(p.wait.held[i])
}

// await holds what topics need until it is there, four seconds at most, or the hub ends. The error names a topic that can't be subscribed to. The caller releases all,
// whatever the error. It must not run on a loop.
func (t *interest) await(topics ...string) (*interestWait, error) {
	wait := &interestWait{boundedWait: boundedWait{done: make(chan struct{})}, interest: t, held: make([]*want, len(topics))}
	wait.left.Store(1)
	isReady := true
	for i, topic := range topics {
		var isThere bool
		wait.held[i], isThere = t.hold(topic, wait)
		isReady = isReady && isThere
	}
	if !isReady {
		wait.asked()
		select {
		case <-wait.done:
		case <-t.cluster.running.ctx.Done():
		}
	}
	for i, held := range wait.held {
		switch {
		case wait.isReady(held):
		case held.key.Kind == broker.Stream:
			return wait, fmt.Errorf("%q: %w: its stream is not known here yet", topics[i], ErrBroker)
		default:
			return wait, fmt.Errorf("%q: %w: the hub has ended before the broker was asked for its events", topics[i], ErrBroker)
		}
	}
	return wait, nil
}
