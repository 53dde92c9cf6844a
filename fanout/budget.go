package fanout

import "github.com/spokehub/spokehub/netpoll"

const (
	// maxEvictions is how many connections a loop gives up in a turn.
	maxEvictions = 8
	// minCountedBytes is how many held bytes of a loop are worth counting exactly.
	minCountedBytes = 1 << 16
)

// enforceBudget gives up the connections with the longest queues while all queues together hold more than the budget. Each
// loop looks after its own: the one that holds most acts.
func (l *loop) enforceBudget() {
	held := int64(l.reactor.HeldBytes())
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
		longest := l.reactor.Worst()
		if longest == netpoll.NoSlot {
			return
		}
		l.closeSlow(l.spoke(longest), l.reactor.Buffered(longest), 0, netpoll.DropBudget)
		if total-held+int64(l.reactor.HeldBytes()) <= budget {
			return
		}
	}
}

// wakeFullest gives the loop that holds most a turn, at whose end it looks at the budget.
func (h *Hub) wakeFullest() {
	fullest := h.loops[0]
	for _, l := range h.loops[1:] {
		if l.shared.heldBytes.Load() > fullest.shared.heldBytes.Load() {
			fullest = l
		}
	}
	fullest.reactor.Post(overBudget{})
}

// overBudget gives a loop that rests a turn.
type overBudget struct{}

// Do leaves it to the turn.
func (overBudget) Do(*netpoll.Reactor) {}
