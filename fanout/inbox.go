package fanout

import (
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/spokehub/spokehub/event"
)

// inbox is a run of things that happened on one connection and that user code must see, in order. Its bytes are copies,
// for the reactor's read buffer is shared. It exists only while something waits, and loop.handOver passes it on when the turn ends.
//
// A spoke has at most two: pending, to which the loop appends, and running, whose items are run in order. inboxState says
// who owns running.
//
// I1: pos is the first item that has not been run. A worker runs items from pos up to one that the loop carries out, which it
// does when the worker has handed the inbox back: a control event, an __auth, an event that came before OnConnection had returned
// or that OnPublish has been asked about, a reject, the close frame that waits for OnBackpressure.
type inbox struct {
	buf   []byte
	items []item
	pos   int
	// charged is how much of its memory loopShared.inboxBytes counts.
	charged int
}

const (
	// maxInboxBytes is how much may wait before the spoke is not read, items included.
	maxInboxBytes = 64 << 10
	itemBytes     = int(unsafe.Sizeof(item{}))
)

// The memory of inboxes.
var (
	byteSlabs = slabs[byte]{least: 512}
	itemSlabs = slabs[item]{least: 16}
)

func (b *inbox) full() bool { return b.waiting() > maxInboxBytes }

// waiting is how many bytes wait in the inbox, items included.
func (b *inbox) waiting() int { return len(b.buf) + len(b.items)*itemBytes }

// memory is how many bytes the inbox takes, with what it has room for beyond those that wait.
func (b *inbox) memory() int {
	return int(unsafe.Sizeof(*b)) + cap(b.buf) + cap(b.items)*itemBytes
}

func (b *inbox) finished() bool { return b.pos == len(b.items) }

// addEvent adds the event in v, which is to be heard, or asked about first.
func (b *inbox) addEvent(v *event.View, kind itemKind) {
	b.buf = byteSlabs.grow(b.buf, len(v.Type)+len(v.ID)+len(v.Payload))
	i := b.eventOf(v)
	i.kind = kind
	b.add(i)
}

func (b *inbox) add(i item) { b.items = append(itemSlabs.grow(b.items, 1), i) }

// eventOf makes an item of an event, whose bytes it appends. They may be the inbox's own.
func (b *inbox) eventOf(v *event.View) item {
	at := uint32(len(b.buf))
	b.buf = append(append(append(b.buf, v.Type...), v.ID...), v.Payload...)
	return item{kind: itemEvent, at: at, typ: uint32(len(v.Type)), id: uint32(len(v.ID)), payload: uint32(len(v.Payload))}
}

// addControl adds the control event in v, which has been carried out as far as p says.
func (b *inbox) addControl(v *event.View, p progress) {
	b.buf = byteSlabs.grow(b.buf, len(v.Type)+len(v.ID)+len(v.Payload))
	i := b.eventOf(v)
	i.kind = itemControl
	i.setProgress(p)
	b.add(i)
}

func (i *item) setProgress(p progress) {
	if i.detail == nil && p != (progress{}) {
		i.detail = new(detail)
	}
	if i.detail != nil {
		i.detail.progress = p
	}
}

// addBytes adds an item that is a run of bytes: itemRaw or itemReject.
func (b *inbox) addBytes(kind itemKind, bytes []byte) {
	at := uint32(len(b.buf))
	b.buf = append(byteSlabs.grow(b.buf, len(bytes)), bytes...)
	b.add(item{kind: kind, at: at, payload: uint32(len(bytes))})
}

func (b *inbox) raw(i *item) []byte { return b.buf[i.at : i.at+i.payload] }

func (b *inbox) event(i *item, names *interner) event.Event {
	typ, id, payload := b.parts(i)
	return event.Event{Type: names.get(typ), ID: names.get(id), Payload: payload}
}

// setView has v show the event of an item. It is good as long as the inbox.
func (b *inbox) setView(v *event.View, i *item) {
	v.Type, v.ID, v.Payload = b.parts(i)
	v.Offset = 0
}

func (b *inbox) parts(i *item) (typ, id, payload []byte) {
	all := b.buf[i.at : i.at+i.typ+i.id+i.payload : i.at+i.typ+i.id+i.payload]
	return all[:i.typ], all[i.typ : i.typ+i.id], all[i.typ+i.id:]
}

// inboxState says who has a spoke's running inbox and so owns it: the loop while it advances the spoke, one worker, or nobody.
// Any goroutine may use it.
type inboxState struct{ word atomic.Uint32 }

const (
	// inboxFree: nobody has it. The loop may claim it.
	inboxFree uint32 = iota
	// inboxBusy: the loop or a worker has it.
	inboxBusy
	// inboxAwaited: a worker has it and tells the loop when it stops.
	inboxAwaited
)

func (t *inboxState) free() bool { return t.word.Load() == inboxFree }

// claim gives the loop the inbox, or reports false: then the worker that has it will tell the loop.
func (t *inboxState) claim() bool {
	for !t.word.CompareAndSwap(inboxFree, inboxBusy) {
		if t.word.CompareAndSwap(inboxBusy, inboxAwaited) || t.word.Load() == inboxAwaited {
			return false
		}
	}
	return true
}

// await has the worker that gets the inbox from the loop tell it when it stops.
func (t *inboxState) await() { t.word.Store(inboxAwaited) }

// stop gives a worker's inbox up, or reports false: then the loop must be told.
func (t *inboxState) stop() bool { return t.word.CompareAndSwap(inboxBusy, inboxFree) }

// setFree gives the inbox up. Whoever has it may call it.
func (t *inboxState) setFree() { t.word.Store(inboxFree) }

// quiet says that nothing of the spoke waits for user code, so that what it sends may take effect at once. For the loop.
func (s *Spoke) quiet() bool { return s.state.free() && s.pendingInbox == nil && s.runningInbox == nil }

var inboxPool = sync.Pool{New: func() any { return new(inbox) }}

// inboxOf is the inbox to which the loop appends. It makes the spoke ready for the end of the turn.
func (l *loop) inboxOf(s *Spoke) *inbox {
	if s.pendingInbox == nil {
		s.pendingInbox = inboxPool.Get().(*inbox)
		l.shared.inboxes.Add(1)
	}
	l.markReady(s)
	return s.pendingInbox
}

// note appends something that happened to the spoke itself.
func (l *loop) note(s *Spoke, kind itemKind, d *detail) {
	box := l.inboxOf(s)
	box.add(item{kind: kind, detail: d})
}

// markReady has handOver see to the spoke when the turn ends, or at the end of the next if this one is ending.
func (l *loop) markReady(s *Spoke) {
	if s.marks&ready == 0 {
		s.marks |= ready
		l.work.ready = append(l.work.ready, s)
		l.reactor.LookAgain()
	}
}

// handOver passes on what became ready in this turn: what the loop can do itself is done, the rest goes to the workers.
func (l *loop) handOver() {
	if len(l.work.ready) == 0 {
		return
	}
	todo := l.work.ready
	l.work.ready = l.work.spare[:0]
	l.work.topics = turnTopics
	for _, s := range todo {
		s.marks &^= ready
		l.chargeInbox(s)
		switch {
		case !l.advance(s):
		case l.hub.cfg.OnAuth != nil && s.runningInbox.isAsked():
			l.hub.workers.inquire(s.runningInbox.items[s.runningInbox.pos].attempt())
		default:
			l.work.runnable = append(l.work.runnable, s)
		}
	}
	clear(todo)
	l.work.spare = todo[:0]
	for _, s := range l.work.sliced {
		l.markReady(s)
	}
	clear(l.work.sliced)
	l.work.sliced = l.work.sliced[:0]
	if len(l.work.runnable) > 0 {
		l.hub.workers.push(l.work.runnable)
		clear(l.work.runnable)
		l.work.runnable = l.work.runnable[:0]
	}
}

// advance does what the loop itself must do in a spoke's inbox, and reports whether a worker must continue. The worker then
// owns the running inbox.
func (l *loop) advance(s *Spoke) bool {
	if !s.state.claim() {
		return false
	}
	for l.nextInbox(s) {
		if l.replayIsDue(s) && !l.replay(s) {
			break
		}
		next := l.carryOut(s)
		if next == itemLater {
			break
		}
		if next == itemForWorker {
			if s.pendingInbox != nil {
				s.state.await()
			}
			return true
		}
	}
	s.state.setFree()
	return false
}

// nextInbox makes the pending inbox the running one if that is finished. It reports false if nothing waits.
func (l *loop) nextInbox(s *Spoke) bool {
	if s.runningInbox != nil && s.runningInbox.finished() {
		l.finishRunning(s)
	}
	if s.runningInbox == nil {
		s.runningInbox, s.pendingInbox = s.pendingInbox, nil
		l.resumeInbox(s)
	}
	return s.runningInbox != nil
}

// fate is what has become of an item.
type fate uint8

const (
	// itemDone: the loop has carried it out.
	itemDone fate = iota
	// itemForWorker: a worker must run it.
	itemForWorker
	// itemLater: the loop goes on with it in a later turn.
	itemLater
)

// carryOut does the next item of the running inbox if that is for the loop.
func (l *loop) carryOut(s *Spoke) fate {
	box := s.runningInbox
	next := &box.items[box.pos]
	if s.marks&unidentified != 0 && (next.kind == itemRaw || next.kind == itemControl) {
		f := l.dropEarly(s, box, next)
		if f == itemDone {
			box.pos++
		}
		return f
	}
	switch next.kind {
	case itemRaw, itemPassedOn:
	case itemCloseFrame:
		l.sendOwedClose(s)
	case itemAllowed, itemRefused:
		return l.passOn(s, box)
	case itemReject:
		if s.marks&answersBlocked != 0 && s.phase == open {
			return itemLater
		}
		l.counts.rejects[event.Forbidden]++
		l.sendReject(s, nil, box.raw(next), event.Forbidden)
	case itemAuth:
		if f := l.goOnWithAuth(s, box, next); f != itemDone {
			return f
		}
	case itemControl:
		if l.hub.cfg.OnSubscribe != nil && !next.asked {
			return itemForWorker
		}
		if s.phase == open && !l.goOnWithControl(s, box, next) {
			return itemLater
		}
		l.dropUnsent(next)
		if next.kind == itemSubscribed {
			return itemDone
		}
	case itemSubscribed:
		if fate := l.goOnWithSnapshot(s, next.detail); fate != itemDone {
			return fate
		}
	default:
		return itemForWorker
	}
	box.pos++
	return itemDone
}

// dropUnsent drops the ack that a control event has got so far, if it was not sent.
func (l *loop) dropUnsent(i *item) {
	if i.detail != nil {
		l.dropAck(&i.detail.progress)
	}
}

// goOnWithControl carries out what it may now of a control event that waits in the inbox, and reports whether all is done. If not,
// it has the loop come back to the spoke when it is time.
func (l *loop) goOnWithControl(s *Spoke, box *inbox, i *item) bool {
	var now detail
	if i.detail != nil {
		now = *i.detail
	}
	box.setView(&l.scratch.view, i)
	before := l.work.topics
	if l.control(s, &now.progress, now.allowed) {
		i.setProgress(progress{fresh: now.progress.fresh})
		if now.progress.fresh != nil {
			i.kind = itemSubscribed
		}
		return true
	}
	i.setProgress(now.progress)
	switch {
	case s.marks&answersBlocked != 0:
	case now.progress.isWaiting():
	case l.work.topics < before:
		l.work.sliced = append(l.work.sliced, s)
	default:
		l.markReady(s)
	}
	return false
}

// finishRunning drops the spoke's running inbox. Its owner may call it.
func (l *loop) finishRunning(s *Spoke) {
	box := s.runningInbox
	s.runningInbox = nil
	l.recycleInbox(box)
}

// recycleInbox returns an inbox to the pool. Its owner may call it.
func (l *loop) recycleInbox(box *inbox) {
	l.shared.inboxBytes.Add(int64(-box.charged))
	byteSlabs.put(box.buf)
	itemSlabs.put(box.items)
	*box = inbox{}
	inboxPool.Put(box)
	l.shared.inboxes.Add(-1)
}
