package fanout

import (
	"sync"
	"sync/atomic"
	"unsafe"
)

// rosterTask is something for the goroutine of the roster to do. The fields depend on the kind.
type rosterTask struct {
	kind rosterTaskKind
	// origin is the hub that it is about, sequence what its heartbeat says or the number of its message, before that of the message before, and
	// body the message.
	origin, sequence, before uint64
	body                     []byte
	topic                    string
	wait                     *memberWait
}

// rosterTaskKind is what a task is about.
type rosterTaskKind uint8

const (
	// nodeHeard and nodeGone: a hub is there, or no more.
	nodeHeard rosterTaskKind = iota
	nodeGone
	// brokerBack: the broker is there, brokerLost: messages may be lost.
	brokerBack
	brokerLost
	// toldAll and toldOne: a message has come.
	toldAll
	toldOne
	// watchBegins and watchEnds: spokes of this hub watch a topic, or no more.
	watchBegins
	watchEnds
	// waitBegins and waitEnds: somebody waits for the lists of a topic, or no more.
	waitBegins
	waitEnds
	// changesAreDue: other hubs are to be told of what has changed here.
	changesAreDue
)

// rosterBoxLimit is how many bytes may wait. Messages that come on top are lost, and asked for again, and nobody waits for lists. What the roster has to know is put
// in all the same.
const rosterBoxLimit = 8 << 20

// bytes is about the memory of a task.
func (t *rosterTask) bytes() int64 {
	n := int64(unsafe.Sizeof(*t)) + int64(len(t.body)+len(t.topic))
	if t.wait != nil {
		n += int64(unsafe.Sizeof(*t.wait)) + int64(len(t.wait.topic))
	}
	return n
}

// canRefuse says that a task is left out where the box is full.
func (t *rosterTask) canRefuse() bool {
	return t.kind == toldAll || t.kind == toldOne || t.kind == waitBegins
}

// rosterBox is what the roster has yet to do. Any goroutine may put something in; mu guards all but wake and held,
// which is how many bytes the tasks have.
type rosterBox struct {
	wake  chan struct{}
	mu    sync.Mutex
	tasks []rosterTask
	held  atomic.Int64
	// isOver says that a message has been dropped.
	isOver bool
}

func (b *rosterBox) init() { b.wake = make(chan struct{}, 1) }

// put puts a task in, and says whether there was room for it.
func (b *rosterBox) put(t rosterTask) (hasRoom bool) {
	b.mu.Lock()
	hasRoom = !t.canRefuse() || b.held.Load()+t.bytes() <= rosterBoxLimit
	if hasRoom {
		b.held.Add(t.bytes())
		b.tasks = append(b.tasks, t)
	} else {
		b.isOver = b.isOver || t.kind != waitBegins
	}
	b.mu.Unlock()
	select {
	case b.wake <- struct{}{}:
	default:
	}
	return hasRoom
}

// take takes all. It says whether messages have been dropped.
func (b *rosterBox) take(reuse []rosterTask) (tasks []rosterTask, wasOver bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	clear(reuse)
	tasks, wasOver = b.tasks, b.isOver
	b.tasks, b.isOver = reuse[:0], false
	b.held.Store(0)
	return tasks, wasOver
}
