package fanout

import (
	"math"
	"runtime/debug"

	"github.com/spokehub/spokehub/netpoll"
)

const (
	budgetShare     = 4
	assumedMemory   = 4 << 30
	evictionsATurn  = 8
	budgetFloorHeld = 1 << 16
)

// defaultBudget is a quarter of what memory the process may use.
func defaultBudget() int64 {
	limit := debug.SetMemoryLimit(-1)
	if limit == math.MaxInt64 {
		limit = netpoll.MachineMemory()
	}
	if limit == 0 {
		limit = assumedMemory
	}
	return max(limit/budgetShare, 1<<20)
}

// keepBudget gives up the connections with the longest queues while all queues together hold more than the budget. Each
// lane looks after its own: the one that holds most acts.
func (l *lane) keepBudget() {
	held := int64(l.reactor.Sender().HeldBytes())
	before := l.held.Load()
	if held == before && held < budgetFloorHeld {
		return
	}
	l.held.Store(held)
	total := l.hub.held.Add(held - before)
	if total <= l.hub.cfg.MemoryBudget {
		return
	}
	if held < budgetFloorHeld || held < total/int64(len(l.hub.lanes)) {
		l.hub.rouseFullest()
		return
	}
	for range evictionsATurn {
		worst := l.reactor.Sender().LongestBacklog()
		if worst == netpoll.NoSlot {
			return
		}
		l.refuse(l.spoke(worst), l.reactor.Sender().Buffered(worst), 0, netpoll.DropBudget)
		if total-held+int64(l.reactor.Sender().HeldBytes()) <= l.hub.cfg.MemoryBudget {
			return
		}
	}
}

// rouseFullest gives the lane that holds most a turn, in which it looks at the budget.
func (h *Hub) rouseFullest() {
	fullest := h.lanes[0]
	for _, l := range h.lanes[1:] {
		if l.held.Load() > fullest.held.Load() {
			fullest = l
		}
	}
	fullest.reactor.Post(overBudget{})
}

// overBudget makes a lane that rests look at the budget.
type overBudget struct{}

// Do leaves it to the turn.
func (overBudget) Do(*netpoll.Reactor) {}
