package fanout

import (
	"sync"
	"sync/atomic"
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

// rosterBoxLimit is how many bytes of messages may wait. What comes on top is lost, and asked for again.
const rosterBoxLimit = 8 << 20

// rosterBox is what the roster has yet to do. Any goroutine may put something in; mu guards all but wake and held,
// which is how many bytes the messages have.
type rosterBox struct {
	wake  chan struct{}
	mu    sync.Mutex
	tasks []rosterTask
	held  atomic.Int64
	// isOver says that a message has been dropped.
	isOver bool
}

func (b *rosterBox) init() { b.wake = make(chan struct{}, 1) }

func (b *rosterBox) put(t rosterTask) {
	b.mu.Lock()
	if len(t.body) > 0 && b.held.Load()+int64(len(t.body)) > rosterBoxLimit {
		b.isOver = true
	} else {
		b.held.Add(int64(len(t.body)))
		b.tasks = append(b.tasks, t)
	}
	b.mu.Unlock()
	select {
	case b.wake <- struct{}{}:
	default:
	}
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
