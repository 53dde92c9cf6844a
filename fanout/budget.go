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
	held := int64(l.reactor.HeldBytes())
	before := l.held.Load()
	if held == before && held < budgetFloorHeld {
		return
	}
	l.held.Store(held)
	total := l.hub.held.Add(held - before)
	if total <= l.hub.cfg.MemoryBudget || held < budgetFloorHeld || held < total/int64(len(l.hub.lanes)) {
		return
	}
	for range evictionsATurn {
		worst := l.reactor.Worst()
		if worst == netpoll.NoSlot {
			return
		}
		l.refuse(l.spoke(worst), l.reactor.Buffered(worst), 0, netpoll.DropBudget)
		if int64(l.reactor.HeldBytes()) <= l.hub.cfg.MemoryBudget/int64(len(l.hub.lanes)) {
			return
		}
	}
}
