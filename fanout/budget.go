package fanout

import (
	"github.com/spokehub/spokehub/netpoll"
	"github.com/spokehub/spokehub/wsframe"
)

const (
	// maxEvictions is how many connections a loop closes for the budget in one turn.
	maxEvictions = 64
	// minCountedBytes is how many held bytes of a loop are worth counting exactly.
	minCountedBytes = 1 << 16
)

var refuseMemory = &wsframe.Refusal{Status: 503, Reason: "out of memory", Field: "Retry-After", Value: "2"}

// enforceBudget closes the connections that hold most while all connections together hold more than the budget. A loop closes
// only its own connections: the loop that holds most acts. Nobody is closed who holds less than half of his fair share of the
// budget.
func (l *loop) enforceBudget() {
	held, inboxes := l.heldBytes(), l.shared.inboxBytes.Load()
	before := l.shared.heldBytes.Load()
	budget := l.hub.cfg.MemoryBudget
	l.conns.memory.checkAt = l.conns.memory.messages + max(budget/64, minCountedBytes)
	if held == before && held+inboxes < minCountedBytes {
		l.conns.memory.tight = false
		return
	}
	l.shared.heldBytes.Store(held)
	l.hub.shared.heldBytes.Add(held - before)
	total := l.hub.heldBytes()
	l.conns.memory.tight = total > budget
	if total <= budget {
		l.conns.memory.search.reset()
		return
	}
	if !l.isFullest() {
		l.hub.wakeFullest()
		return
	}
	l.evict(total - budget)
}

// evict closes the largest holders until they have held so many bytes together. What it leaves for the next turn comes at once.
func (l *loop) evict(excess int64) {
	f := &l.conns.memory.search
	if len(f.found)+len(f.again) == 0 {
		if f.next == 0 && l.reactor.Now() < f.notBefore {
			return
		}
		if !l.search() {
			l.reactor.LookAgain()
			return
		}
		if len(f.found)+len(f.again) == 0 {
			f.notBefore = l.reactor.Now() + searchPause
			return
		}
	}
	excess -= int64(f.leaving)
	for range maxEvictions {
		if excess <= 0 {
			f.reset()
			return
		}
		s := l.takeLargest()
		if s == nil {
			break
		}
		excess -= int64(l.evictOne(s))
	}
	l.reactor.LookAgain()
}

// evictOne closes a connection for the budget, and returns how many bytes it has held.
func (l *loop) evictOne(s *Spoke) int {
	held, slot := l.heldBy(s), s.conn.Slot
	if s.phase == handshaking {
		l.turnAway(s, refuseMemory)
	} else {
		l.closeSlow(s, l.sender.Buffered(slot), 0, netpoll.DropBudget)
		l.dropWaiting(s)
	}
	l.conns.memory.search.leaving += l.part.HeldBy(slot)
	return held
}

// isFullest says whether no loop holds much more than this one, as of their last turns.
func (l *loop) isFullest() bool {
	all := int64(0)
	for _, other := range l.hub.loops {
		all += other.shared.allBytes()
	}
	own := l.shared.allBytes()
	return own >= minCountedBytes && own >= all/int64(len(l.hub.loops))
}

// allBytes is the memory that the loop's connections hold, as of the last turn.
func (s *loopShared) allBytes() int64 { return s.heldBytes.Load() + s.inboxBytes.Load() }

// wakeFullest gives the loop that holds most a turn, at the end of which it checks the budget.
func (h *Hub) wakeFullest() {
	fullest := h.loops[0]
	for _, l := range h.loops[1:] {
		if l.shared.allBytes() > fullest.shared.allBytes() {
			fullest = l
		}
	}
	if fullest.shared.allBytes() >= minCountedBytes {
		fullest.reactor.Post(lookAgain{})
	}
}

// lookAgain is a task that only causes a turn.
type lookAgain struct{}

// Do does nothing: the turn checks the budget and what room there is.
func (lookAgain) Do(*netpoll.Reactor) {}
