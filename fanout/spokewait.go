package fanout

import (
	"sync/atomic"
	"time"

	"github.com/spokehub/spokehub/netpoll"
)

// boundedWait is the part that all waits for the broker, or for other hubs, have: somebody waits until they have answered, and not for ever.
//
// Owners: loop, spoke and done never change. timer belongs to who began the wait. over and isLate are for any goroutine.
type boundedWait struct {
	// loop and spoke are of a control event that waits. For others done is closed instead.
	loop  *loop
	spoke *Spoke
	done  chan struct{}
	timer *time.Timer
	over  atomic.Bool
	// isLate says that its time was over before it had what it waits for.
	isLate atomic.Bool
}

// begin has the wait end in time.
func (w *boundedWait) begin(d time.Duration) {
	w.timer = time.AfterFunc(d, func() {
		w.isLate.Store(true)
		w.end()
	})
}

// end ends the wait, once.
func (w *boundedWait) end() {
	if w.over.Swap(true) {
		return
	}
	if w.loop == nil {
		close(w.done)
		return
	}
	w.loop.reactor.Post(spokeSettled{w.loop, w.spoke})
}

// stop has it not end by itself any more. It is for who began the wait.
func (w *boundedWait) stop() {
	if w.timer != nil {
		w.timer.Stop()
	}
}

// spokeWait is what a spoke waits for.
type spokeWait interface {
	// drop gives it up.
	drop()
}

// endWait gives up what a spoke waits for that is closed or removed.
func (l *loop) endWait(s *Spoke) {
	if wait := l.flow.waits[s]; wait != nil {
		delete(l.flow.waits, s)
		wait.drop()
	}
}

// isWaiting says whether the loop will be told when it can go on. If a wait is over, it has been.
func (p *progress) isWaiting() bool {
	return p.wait != nil && !p.wait.over.Load() || p.members != nil && !p.members.over.Load()
}

// endedWait takes note that a control event has what it waited for, or has waited long enough.
func (p *progress) endedWait(w *boundedWait) {
	delete(w.loop.flow.waits, w.spoke)
	p.isLate = p.isLate || w.isLate.Load()
}

// spokeSettled is the task that has a spoke go on that waited.
type spokeSettled struct {
	loop  *loop
	spoke *Spoke
}

// Do has the loop come back to the spoke when the turn ends.
func (t spokeSettled) Do(r *netpoll.Reactor) {
	if s := t.spoke; s.phase == open && r.Holds(s.conn) {
		t.loop.markReady(s)
	}
}
