package fanout

import (
	"sync"

	"github.com/spokehub/spokehub/event"
)

// inbox is a run of things that happened on one connection and that user code must see, in order. Its bytes are copies:
// the reactor's read buffer is shared. It exists only while something waits.
//
// A spoke has at most two: filling, to which the reactor appends, and box, which is being worked off. Whoever the box is
// with owns it alone: the reactor hands it to the workers with the spoke's work word, and gets it back with it.
//
// I1: pos is the first item that is not done; a worker runs items from pos up to a barrier, a control event, an event that
// came before OnConnection had returned, or the saying of the close after OnBackpressure, which the reactor carries out when the
// worker has handed the box back.
// I2: work is resting when neither runs nor waits; running while a worker has the box; awaited when, besides, the reactor
// has something for the spoke and must be told at the end.
type inbox struct {
	buf   []byte
	items []item
	pos   int
}

type itemKind uint8

const (
	itemConnected itemKind = iota
	itemEvent
	itemRaw
	itemControl
	itemBackpressure
	itemSayClose
	itemDisconnected
)

type item struct {
	kind    itemKind
	checked bool
	at      int
	typ     int
	id      int
	payload int
	detail  *detail
}

type detail struct {
	cause    Cause
	pressure Backpressure
	refused  map[string]bool
}

const (
	resting uint32 = iota
	running
	awaited
)

const (
	inboxBytes       = 64 << 10
	inboxItems       = 512
	pooledInboxBytes = 256 << 10
)

var inboxes = sync.Pool{New: func() any { return new(inbox) }}

func (b *inbox) full() bool { return len(b.buf) > inboxBytes || len(b.items) > inboxItems }

func (b *inbox) recycle() {
	if cap(b.buf) > pooledInboxBytes {
		b.buf = nil
	}
	clear(b.items)
	b.buf = b.buf[:0]
	b.items = b.items[:0]
	b.pos = 0
	inboxes.Put(b)
}

func (b *inbox) addEvent(v *event.View) { b.items = append(b.items, b.eventOf(v)) }

// eventOf makes an item of an event, whose bytes it appends.
func (b *inbox) eventOf(v *event.View) item {
	at := len(b.buf)
	b.buf = append(append(append(b.buf, v.Type...), v.ID...), v.Payload...)
	return item{kind: itemEvent, at: at, typ: len(v.Type), id: len(v.ID), payload: len(v.Payload)}
}

func (b *inbox) addControl(raw []byte) { b.addWhole(itemControl, raw) }

func (b *inbox) addRaw(raw []byte) { b.addWhole(itemRaw, raw) }

func (b *inbox) addWhole(kind itemKind, raw []byte) {
	at := len(b.buf)
	b.buf = append(b.buf, raw...)
	b.items = append(b.items, item{kind: kind, at: at, payload: len(raw)})
}

func (b *inbox) raw(i *item) []byte { return b.buf[i.at : i.at+i.payload] }

func (b *inbox) event(i *item, names *interner) event.Event {
	typ := b.buf[i.at : i.at+i.typ]
	id := b.buf[i.at+i.typ : i.at+i.typ+i.id]
	payload := b.buf[i.at+i.typ+i.id : i.at+i.typ+i.id+i.payload]
	return event.Event{Type: names.get(typ), ID: names.get(id), Payload: payload[:len(payload):len(payload)]}
}

// interner keeps the strings of recent types and ids, so that handing an event to user code allocates only for names
// that are new. One belongs to each worker.
type interner struct {
	recent [1024]string
}

func (n *interner) get(view []byte) string {
	if len(view) == 0 {
		return ""
	}
	hash := uint32(2166136261)
	for _, c := range view {
		hash = (hash ^ uint32(c)) * 16777619
	}
	slot := &n.recent[(hash^hash>>15)%uint32(len(n.recent))]
	if *slot != string(view) {
		*slot = string(view)
	}
	return *slot
}

// pen is the inbox to which the reactor appends. It makes the spoke ready for the end of the turn.
func (l *lane) pen(s *Spoke) *inbox {
	if s.filling == nil {
		s.filling = inboxes.Get().(*inbox)
	}
	l.again(s)
	return s.filling
}

// quiet says that nothing of the spoke waits for user code, so that what it sends may take effect at once.
func (s *Spoke) quiet() bool {
	return s.work.Load() == resting && s.filling == nil && s.box == nil
}

// handOver passes on what became ready in this turn: control events that nothing stands before are carried out, the
// rest goes to the workers.
func (l *lane) handOver() {
	if len(l.ready) == 0 {
		return
	}
	todo := l.ready
	l.ready = l.spare[:0]
	for _, s := range todo {
		s.marks &^= ready
		if l.advance(s) {
			l.runnable = append(l.runnable, s)
		}
	}
	clear(todo)
	l.spare = todo[:0]
	if len(l.runnable) > 0 {
		l.hub.crew.push(l.runnable)
		clear(l.runnable)
		l.runnable = l.runnable[:0]
	}
}

// advance works off what the reactor can and reports whether a worker must go on, which then has the box.
func (l *lane) advance(s *Spoke) bool {
	if !s.work.CompareAndSwap(resting, running) {
		if s.work.CompareAndSwap(running, awaited) || s.work.Load() == awaited {
			return false
		}
		return l.advance(s)
	}
	for {
		if s.box == nil {
			s.box, s.filling = s.filling, nil
			l.unhold(s, held)
		}
		if s.box == nil {
			s.work.Store(resting)
			return false
		}
		if s.box.pos == len(s.box.items) {
			s.box.recycle()
			s.box = nil
			continue
		}
		if s.marks&greeting != 0 && (s.box.pos > 0 || s.box.items[0].kind != itemConnected) {
			l.welcome(s)
		}
		next := &s.box.items[s.box.pos]
		switch {
		case next.kind == itemRaw:
			s.box.pos++
		case next.kind == itemSayClose:
			s.box.pos++
			l.sayClose(s)
		case next.kind == itemControl && (l.hub.cfg.Authorize == nil || next.checked):
			s.box.pos++
			l.control(s, s.box.raw(next), next.detail)
		default:
			if s.filling != nil && !defectForgetsWaiting {
				s.work.Store(awaited)
			}
			return true
		}
	}
}

// again makes the spoke ready for the end of the turn, or of the next if that has passed.
func (l *lane) again(s *Spoke) {
	if s.marks&ready == 0 {
		s.marks |= ready
		l.ready = append(l.ready, s)
		if !defectMissesTurn {
			l.reactor.LookAgain()
		}
	}
}

// holdBack stops reading from a spoke whose inbox is full while the workers are busy with it.
func (l *lane) holdBack(s *Spoke) {
	if s.filling != nil && s.filling.full() && s.marks&held == 0 && s.phase == open {
		s.marks |= held
		l.reactor.Pause(s.conn.Slot)
	}
}

// unhold takes away one reason for not reading a spoke: held or lagging. It is read again where the other does not stand.
func (l *lane) unhold(s *Spoke, why marks) {
	if s.marks&why != 0 {
		s.marks &^= why
		if s.marks&(held|lagging) == 0 && s.phase == open {
			l.reactor.Resume(s.conn.Slot)
		}
	}
}

// note appends something that happened to the spoke itself.
func (l *lane) note(s *Spoke, kind itemKind, d *detail) {
	box := l.pen(s)
	box.items = append(box.items, item{kind: kind, detail: d})
}
