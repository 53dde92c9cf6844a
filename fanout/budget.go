package fanout

import "github.com/spokehub/spokehub/netpoll"

const (
	// maxEvictions is how many connections a loop closes for the budget in one turn.
	maxEvictions = 8
	// minCountedBytes is how many held bytes of a loop are worth counting exactly.
	minCountedBytes = 1 << 16
)

// enforceBudget closes the connections with the longest queues while all queues together hold more than the budget. A loop
// closes only its own connections: the loop that holds most acts.
func (l *loop) enforceBudget() {
	held := int64(l.sender.HeldBytes())
	before := l.shared.heldBytes.Load()
	if held == before && held < minCountedBytes {
		return
	}
	l.shared.heldBytes.Store(held)
	total := l.hub.shared.heldBytes.Add(held - before)
	budget := l.hub.cfg.MemoryBudget
	if total <= budget {
		return
	}
	if held < minCountedBytes || held < total/int64(len(l.hub.loops)) {
		l.hub.wakeFullest()
		return
	}
	for range maxEvictions {
		longest := l.sender.LongestBacklog()
		if longest == netpoll.NoSlot {
			return
		}
		l.closeSlow(l.spoke(longest), l.sender.Buffered(longest), 0, netpoll.DropBudget)
		if total-held+int64(l.sender.HeldBytes()) <= budget {
			return
		}
	}
}

// wakeFullest gives the loop that holds most a turn, at the end of which it checks the budget.
func (h *Hub) wakeFullest() {
	fullest := h.loops[0]
	for _, l := range h.loops[1:] {
		if l.shared.heldBytes.Load() > fullest.shared.heldBytes.Load() {
			fullest = l
		}
	}
	fullest.reactor.Post(overBudget{})
}

// overBudget is a task that only causes a turn.
type overBudget struct{}

// Do does nothing: the turn checks the budget.
func (overBudget) Do(*netpoll.Reactor) {}
