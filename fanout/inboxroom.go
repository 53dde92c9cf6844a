package fanout

import (
	"slices"
	"time"

	"github.com/spokehub/spokehub/netpoll"
)

// readOnEvery is how often one spoke is read on although there is no room: those whose callbacks block must not keep all others
// from being read.
const readOnEvery = 5 * time.Millisecond

// inboxRoom has spokes read on, whose inboxes were full, no faster than there is room for what they may bring, one read each. It
// belongs to the loop's goroutine.
//
// I1: unread holds the spokes that are marked inboxFull though their pending inbox has been taken; loopShared.unread says whether
// there are any.
// I2: while there are any, a turn follows when a worker has finished an inbox, and after readOnEvery.
type inboxRoom struct {
	unread []*Spoke
	// left is how many more spokes may be read on in this turn.
	left int
	// last is when a spoke was last taken from unread.
	last time.Duration
	// nudged says that a turn is under way for readOnEvery.
	nudged bool
}

// inboxShare is how much the inboxes of a loop should hold at most: the loop's part of a quarter of the budget.
func (l *loop) inboxShare() int64 { return l.hub.cfg.MemoryBudget / 4 / int64(len(l.hub.loops)) }

// areInboxesFull says that no more should wait for callbacks: inboxes have their share, or the budget is exceeded.
func (l *loop) areInboxesFull() bool {
	return l.conns.memory.tight || l.shared.inboxBytes.Load() > l.inboxShare()
}

// resumeInbox reads a spoke on whose pending inbox was full and has been taken, now or when there is room.
func (l *loop) resumeInbox(s *Spoke) {
	if s.marks&inboxFull == 0 {
		return
	}
	room := &l.conns.memory.room
	if room.left > 0 {
		room.left--
		l.resumeReading(s, inboxFull)
		return
	}
	room.unread = append(room.unread, s)
}

// resumeInboxes begins a turn: it reads on as many spokes as there is room for.
func (l *loop) resumeInboxes() {
	room, now := &l.conns.memory.room, l.reactor.Now()
	room.left = l.inboxRoom()
	resumed := min(room.left, len(room.unread))
	if resumed == 0 && len(room.unread) > 0 && now-room.last >= readOnEvery {
		resumed = 1
	}
	if resumed == 0 {
		return
	}
	for _, s := range room.unread[:resumed] {
		l.resumeReading(s, inboxFull)
	}
	room.left = max(room.left-resumed, 0)
	room.last = now
	room.unread = slices.Delete(room.unread, 0, resumed)
}

// inboxRoom is how many spokes may be read on: any if nothing waits.
func (l *loop) inboxRoom() int {
	return int((max(l.inboxShare()-l.shared.inboxBytes.Load(), 0) + maxInboxBytes - 1) / maxInboxBytes)
}

// awaitInboxRoom ends a turn: if spokes are left unread, it sees to the next.
func (l *loop) awaitInboxRoom() {
	room := &l.conns.memory.room
	unread := len(room.unread) > 0
	if unread != l.shared.unread.Load() {
		l.shared.unread.Store(unread)
	}
	switch {
	case !unread:
	case l.inboxRoom() > 0:
		l.reactor.LookAgain()
	case !room.nudged:
		room.nudged = true
		time.AfterFunc(readOnEvery, func() { l.reactor.Post(readOn{}) })
	}
}

// readOn is a task that causes the turn of readOnEvery.
type readOn struct{}

// Do notes that the turn has come.
func (readOn) Do(r *netpoll.Reactor) { r.Handler().(*loop).conns.memory.room.nudged = false }

// inboxDone causes a turn if there are spokes to read on. A worker that has finished an inbox calls it.
func (l *loop) inboxDone() {
	if l.shared.unread.Load() {
		l.reactor.Post(lookAgain{})
	}
}

// chargeInbox counts the memory of a spoke's pending inbox as it is now.
func (l *loop) chargeInbox(s *Spoke) {
	box := s.pendingInbox
	if box == nil {
		return
	}
	if memory := box.memory(); memory != box.charged {
		l.shared.inboxBytes.Add(int64(memory - box.charged))
		box.charged = memory
	}
}

// dropWaiting drops the events of a spoke that wait for user code in its pending inbox, and leaves what is told of the spoke
// itself.
func (l *loop) dropWaiting(s *Spoke) {
	box := s.pendingInbox
	if box == nil {
		return
	}
	kept := slices.DeleteFunc(box.items, func(i item) bool {
		l.dropUnsent(&i)
		switch i.kind {
		case itemConnected, itemBackpressure, itemCloseFrame, itemDisconnected:
			return false
		}
		return true
	})
	box.items = append(itemSlabs.get(len(kept)), kept...)
	itemSlabs.put(kept)
	byteSlabs.put(box.buf)
	box.buf = nil
	l.chargeInbox(s)
	if len(box.items) == 0 {
		s.pendingInbox = nil
		l.recycleInbox(box)
	}
}
