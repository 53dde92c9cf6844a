package fanout

import (
	"math"
	"time"
)

const (
	// fewTopics is up to how many topics a spoke leaves at once.
	fewTopics = 64
	// maxDrops is about how many topics the spokes of a loop leave in one turn, and dropSlice for about how long, looked at
	// every dropStep topics. A topic costs up to half a microsecond.
	maxDrops  = 1024
	dropSlice = 300 * time.Microsecond
	dropStep  = 64
)

// leavers are spokes that have left the hub while the subscription index still has topics of them, because ending many
// subscriptions takes longer than a turn should. Nobody notices: no frame is for a spoke that has left. Only Hub.Topics and
// the counts of topics and subscriptions in Stats go down a little later.
//
// I1: a spoke stands here once while it is marked leavesIndex; its slot's number is not given to another connection until then.
// I2: a turn drops at most about maxDrops topics.
type leavers struct {
	queue []*Spoke
	// next is the index of the first spoke that is left in queue.
	next int
	// dropped is how many topics this turn has dropped.
	dropped int
}

// leave takes a spoke out of the hub: from now on no frame is for it. Its topics are dropped at once if they are few and the
// turn has dropped few.
func (l *loop) leave(s *Spoke) {
	slot, q := s.conn.Slot, &l.ending.leavers
	l.sender.Leave(slot)
	l.removeFromUser(s)
	l.leaveRooms(s)
	if topics := l.topicCount(slot); topics <= fewTopics && q.dropped+topics <= maxDrops {
		dropped, _ := l.dropTopicsOf(slot, math.MaxInt)
		q.dropped += dropped
		return
	}
	s.marks |= leavesIndex
	q.queue = append(q.queue, s)
	l.reactor.LookAgain()
}

// dropTopics drops topics of spokes that have left, as many as fit into a turn.
func (l *loop) dropTopics() {
	q := &l.ending.leavers
	if len(q.queue) > 0 {
		l.dropSome(q)
	}
	l.leaveMoreRooms()
	q.dropped = 0
}

func (l *loop) dropSome(q *leavers) {
	started, seen := time.Now(), q.dropped
	for q.next < len(q.queue) && q.dropped < maxDrops {
		s := q.queue[q.next]
		dropped, done := l.dropTopicsOf(s.conn.Slot, min(dropStep, maxDrops-q.dropped))
		q.dropped += dropped
		if done {
			q.pop()
			l.leftIndex(s)
		}
		if q.dropped-seen >= dropStep {
			seen = q.dropped
			if time.Since(started) >= dropSlice {
				break
			}
		}
	}
	if len(q.queue) > 0 {
		l.reactor.LookAgain()
	}
}

// leftIndex notes that the index has no topic of a spoke any more. If it has ended, its slot's number may be used again.
func (l *loop) leftIndex(s *Spoke) {
	s.marks &^= leavesIndex
	if s.phase == ended {
		l.reactor.FreeSlot(s.conn.Slot)
	}
}

func (q *leavers) pop() {
	q.queue[q.next] = nil
	q.next++
	if q.next == len(q.queue) {
		q.queue, q.next = nil, 0
	}
}
