package netpoll

import "time"

// Task is work for a reactor. Do runs once on the reactor's goroutine, in the order in which tasks were posted, and
// must not block. In this package *link, *linkWritten and TaskFunc are tasks; in package fanout *frame (an event on its
// way out) and what loops tell each other.
type Task interface {
	Do(r *Reactor)
}

// TaskFunc makes a function a Task.
type TaskFunc func(r *Reactor)

// Do calls f.
func (f TaskFunc) Do(r *Reactor) { f(r) }

// Post hands t to the reactor; it says false, and t does not run, once the reactor has stopped. It takes one lock, at
// most one system call, and does not wait. Any goroutine may call it.
func (r *Reactor) Post(t Task) bool {
	if !r.mail.push(t) {
		return false
	}
	r.wake()
	return true
}

// PostAll is Post for several tasks, which stay together and in order. It does not keep ts.
func (r *Reactor) PostAll(ts []Task) bool {
	if !r.mail.push(ts...) {
		return false
	}
	r.wake()
	return true
}

// PostQuietly is Post for a caller who wakes the reactor with Wake, soon: until then the task may wait, though it keeps its place among those that
// others post.
func (r *Reactor) PostQuietly(t Task) bool { return r.mail.push(t) }

// Wake has the reactor run what was posted quietly. Any goroutine may call it.
func (r *Reactor) Wake() { r.wake() }

// Posted says how many tasks have been posted so far. Who finds the number that was there before a piece of code ran knows that
// the code has posted nothing. Any goroutine may call it.
func (r *Reactor) Posted() uint64 { return r.mail.posted.Load() }

func (r *Reactor) wake() {
	if !r.mail.sleeping.Load() {
		return
	}
	r.mail.kicking.Add(1)
	if r.mail.sleeping.CompareAndSwap(true, false) {
		r.poller.kick()
	}
	r.mail.kicking.Add(-1)
}

// turnState is how far the reactor has come with its turns. It belongs to the reactor's goroutine.
type turnState struct {
	// tasks were taken from the mailbox; the first done of them have run.
	tasks []Task
	done  int
	// begun: the clock has been looked at for the turn to which the present readiness belongs.
	begun bool
	// again: another turn follows at once.
	again bool
	// stopping: the turn under way is the last.
	stopping bool
	// failed: the poller broke, no turn follows.
	failed bool
	// alarm is for when the poller was told to end its wait, in ticks.
	alarm uint32
	// trimmed is the tick at which memory was given back last.
	trimmed uint32
	// count and panics are counters.
	count, panics uint64
	clock         clock
	// stint is the work under way.
	stint stint
}

// longTurn is the time after which a turn ends though connections wait to be read: then those that have become ready
// meanwhile are looked for. Looking costs in proportion to all that are ready, so it is not done for every slice.
const longTurn = 4 * time.Millisecond

// turn ends a batch of readiness: it runs tasks, reads what waits, sends, each for about a slice of time and again while
// connections wait to be read, and closes what ended. It says what the poller does next.
func (r *Reactor) turn() verdict {
	if r.turns.failed {
		return stopped
	}
	r.owner.adopt()
	r.injectIntoTurn()
	if !r.turns.begun {
		r.beginTurn()
	}
	r.turns.begun = false
	r.turns.count++
	flushed := time.Duration(0)
	for {
		flushed = 0
		r.work()
		if r.turns.stopping {
			r.end()
			return stopped
		}
		if r.sender.hasWork() {
			if r.sockets.intake.empty() && r.sender.isCollecting(r.cfg.Collect) {
				return lookAgain
			}
			flushed = r.flush()
		}
		r.closeRetired()
		if r.sockets.intake.empty() || r.turns.clock.elapsed()-r.turns.clock.now >= longTurn {
			break
		}
	}
	if r.hasMore() {
		return lookAgain
	}
	r.setAlarm()
	r.mail.sleeping.Store(true)
	if !r.mail.isEmpty() && r.mail.sleeping.CompareAndSwap(true, false) {
		return lookAgain
	}
	r.turns.clock.patience = r.patience()
	r.turns.clock.endTurn(flushed)
	return waitForMore
}

// beginTurn begins a turn, with the first readiness that belongs to it: what that brings must not be judged by the time of the
// turn before.
func (r *Reactor) beginTurn() {
	r.turns.begun = true
	r.mail.sleeping.Store(false)
	if r.turns.clock.look() {
		r.turns.alarm = alarmUnknown
		r.trim()
	}
	r.turns.clock.busy.turn(r.turns.clock.now)
	r.turns.stint.begin(r.turns.clock.now)
}

// trim gives memory back about once a second, when there is nothing to send.
func (r *Reactor) trim() {
	if now := r.now(); now-r.turns.trimmed >= uint32(time.Second/Tick) && !r.sender.hasWork() {
		r.turns.trimmed = now
		r.sender.trim()
		r.sockets.intake.trim()
		r.wheel.ripe.trim()
	}
}

// work does a slice of everything but sending.
func (r *Reactor) work() {
	r.runTasks()
	r.readWaiting()
	r.expireDue()
	r.turns.again = false
	r.notifyTurn()
	r.passOnNotices()
}

// hasMore says that something is left for a turn that follows at once.
func (r *Reactor) hasMore() bool {
	return r.turns.again || r.sender.hasWork() || !r.isCaughtUp() || !r.sockets.intake.empty() || !r.wheel.ripe.empty()
}

// flush sends for a slice, and returns the moment at which it ended. What it leaves in backlogs is for Handler.Turn to see.
func (r *Reactor) flush() (ended time.Duration) {
	before := r.sender.batchBytes()
	ended = r.sender.flush(r.cfg.Slice)
	r.turns.again = r.turns.again || r.sender.batchBytes() > before
	r.passOnNotices()
	return ended
}

// runTasks runs what was posted, as long as pending sequences are not heavy. It has no slice, for a read comes behind all
// tasks; what strangers can have posted is bounded where it comes from. Frames by the bytes that are on their way to a loop,
// and by heaviness; connections by the slice in which another reactor accepts them; what a link has read only joins the intake.
func (r *Reactor) runTasks() {
	w := &r.turns
	for !r.sender.isHeavy() {
		if w.done == len(w.tasks) {
			clear(w.tasks)
			w.tasks = w.tasks[:0]
			w.done = 0
			if cap(w.tasks) > largeMail {
				w.tasks = nil
			}
			if r.mail.isEmpty() {
				return
			}
			w.tasks = r.mail.take(w.tasks)
		}
		t := w.tasks[w.done]
		w.tasks[w.done] = nil
		w.done++
		r.do(t)
	}
}

func (r *Reactor) do(t Task) {
	r.runGuarded(t)
	r.passOnNotices()
}

func (r *Reactor) runGuarded(t Task) {
	defer r.guard(NoSlot)
	t.Do(r)
}

// isCaughtUp says that no task waits.
func (r *Reactor) isCaughtUp() bool {
	return r.turns.done == len(r.turns.tasks) && r.mail.isEmpty()
}

// EachPosted calls f with the tasks that have been posted and have not begun to run, in order, until it says that it has seen
// enough. f is called under the lock of those who post: it must be short, and call no method of the reactor.
func (r *Reactor) EachPosted(f func(Task) (more bool)) {
	r.owner.assert()
	for _, t := range r.turns.tasks[r.turns.done:] {
		if !f(t) {
			return
		}
	}
	r.mail.each(f)
}

// Idle says that no task waits and no pending sequence is heavy: then work that a task would do may be done at once
// without overtaking anything.
func (r *Reactor) Idle() bool {
	r.owner.assert()
	return !r.sender.isHeavy() && r.isCaughtUp()
}

// IsHeavy says that so much is pending that nothing is read before it is flushed. A deadline that comes meanwhile comes without
// a last read, so silence proves nothing then.
func (r *Reactor) IsHeavy() bool {
	r.owner.assert()
	return r.sender.isHeavy()
}

// LookAgain has another turn follow this one at once: for what Handler.Turn must see and has come behind it, as a failed
// send does.
func (r *Reactor) LookAgain() {
	r.owner.assert()
	r.turns.again = true
}

// alarmUnknown is an alarm that no wait is set to.
const alarmUnknown = ^uint32(0)

// setAlarm has the poller's wait end when the next deadline may have come, or at maxWait.
func (r *Reactor) setAlarm() {
	if ahead := min(r.wheel.next(), maxWait); ahead != r.turns.alarm {
		r.turns.alarm = ahead
		r.poller.alarm(ahead)
	}
}

// patience is how long the wait that setAlarm has prepared may take.
func (r *Reactor) patience() time.Duration {
	if r.turns.alarm == 0 {
		return -1
	}
	return time.Duration(r.turns.alarm) * Tick
}
