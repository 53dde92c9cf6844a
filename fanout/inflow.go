package fanout

import "sync/atomic"

// inflow counts the bytes of frames on their way to a loop. They are in no spoke's queue yet, so no spoke's limit applies to
// them; this is their limit. While more than a few full queues wait for a loop, it is behind, and a spoke that relays to it is
// not read. Dispatchers are slowed down but never stopped, because the embedder's log handler may dispatch on the goroutine of
// the very loop that is behind. Nobody waits forever: a loop takes frames even while its spokes are not read, so two loops
// that wait for each other both catch up.
//
// Any goroutine may use it.
//
// I1: posted grows by a frame's bytes before the frame is posted to the loop, taken when the loop has taken it, so their
// difference is never less than what waits.
// I2: a loop that sets its bit in waiters and then finds this one still behind will be notified.
type inflow struct {
	posted  atomic.Int64
	taken   atomic.Int64
	waiters atomic.Uint64
}

// backlog is how much was posted and not taken.
func (f *inflow) backlog() int64 { return f.posted.Load() - f.taken.Load() }

const (
	// maxInflowQueues is how many full queues may wait for a loop.
	maxInflowQueues = 8
	// inflowBudgetShare: one part in so many of the memory budget may wait for all loops together.
	inflowBudgetShare = 4
)

// inflowLimit is how much may wait for a loop: some full queues, but in all loops no more than a share of the memory
// budget, and never less than one event.
func inflowLimit(queueLimit int, budget int64, loops int) int64 {
	share := budget / int64(inflowBudgetShare*loops)
	return min(int64(maxInflowQueues)*int64(queueLimit), max(share, int64(queueLimit)))
}
