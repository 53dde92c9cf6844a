package fanout

import "sync/atomic"

// inflow counts the bytes of frames on their way to a loop. They are in no spoke's queue yet, so no spoke's limit applies to
// them; this is their limit. A loop for which more than that waits is behind: a spoke whose event is for it is not read, and
// Publish waits. Dispatchers are slowed down but never stopped, because the embedder's log handler may dispatch on the goroutine
// of the very loop that is behind. Nobody waits forever: a loop takes frames even while its spokes are not read, so two loops
// that wait for each other both catch up, and who needs room in several loops keeps none of it while he waits.
//
// Any goroutine may use it.
//
// I1: posted grows by a frame's bytes before the frame is posted to the loop, taken when the loop has taken it, so their
// difference is never less than what waits.
// I2: a loop that sets its bit in waiters and then finds no room here will be notified.
type inflow struct {
	posted  atomic.Int64
	taken   atomic.Int64
	waiters atomic.Uint64
}

// backlog is how much was posted and not taken.
func (f *inflow) backlog() int64 { return f.posted.Load() - f.taken.Load() }

// hasRoom says whether size more may be on its way, of at most limit in all. One frame may, whatever its size.
func (f *inflow) hasRoom(size, limit int64) bool {
	waiting := f.backlog()
	return waiting <= 0 || waiting+size <= limit
}

// reserve is hasRoom, and takes the room.
func (f *inflow) reserve(size, limit int64) bool {
	for {
		posted := f.posted.Load()
		if waiting := posted - f.taken.Load(); waiting > 0 && waiting+size > limit {
			return false
		}
		if f.posted.CompareAndSwap(posted, posted+size) {
			return true
		}
	}
}

const (
	// inflowQueueShare: one part in so many of a queue may wait for a loop. It must be little, since all of it may be for the
	// same queues, which tell only then that they have no room for more.
	inflowQueueShare = 8
	// minInflow is what may wait for a loop at the least.
	minInflow = 16 << 10
	// inflowBudgetShare: one part in so many of the memory budget may wait for all loops together.
	inflowBudgetShare = 4
)

// inflowLimit is how much may wait for a loop: a part of a queue, and in all loops no more than a share of the memory budget.
func inflowLimit(queueLimit int, budget int64, loops int) int64 {
	share := budget / int64(inflowBudgetShare*loops)
	return max(min(int64(queueLimit)/inflowQueueShare, share), minInflow)
}
