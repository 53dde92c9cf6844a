package fanout

import (
	"crypto/tls"
	"iter"
	"sync"
	"sync/atomic"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/netpoll"
	"github.com/spokehub/spokehub/subs"
	"github.com/spokehub/spokehub/wsframe"
)

// loop is one reactor with the spokes that live on it: the reactor's Handler.
//
// Owners: hub, index and the pointers never change, those in loopParts included; shared is for any goroutine; all else belongs to the reactor's
// goroutine, on which every method runs that does not say otherwise.
//
// I1: the index of users has every open spoke of a user (Identity.User), under that name, and no other.
type loop struct {
	hub     *Hub
	index   int
	reactor *netpoll.Reactor
	// sender is the reactor's.
	sender *netpoll.Sender
	loopParts
	shared  loopShared
	conns   loopConns
	scratch scratch
	work    turnWork
	flow    flowState
	ending  ending
	counts  loopCounters
}

// loopParts are a loop's shares of the hub's indexes. They belong to the loop's goroutine.
type loopParts struct {
	part  *subs.Part
	users *subs.Part
	// presence is nil if no topic has presence.
	presence *loopPresence
}

// ending is what a loop knows of the ends of its connections. It belongs to the loop's goroutine.
type ending struct {
	// leavers and closings are of spokes that are no spokes any more.
	leavers  leavers
	closings closings
	// draining says that the drain has begun, and drain when, and what chooses the moments of spokes.
	draining bool
	drain    drainMoments
	// cut says that all that was left has been cut off, so that nothing more may come.
	cut bool
}

// loopShared is what any goroutine may read and change.
type loopShared struct {
	// sweeping is held by who has the loop do something in slices, however many that takes.
	sweeping sync.Mutex
	// oldestClosing is when the connection began to close that has been closing for longest, as closings tells; 0 if none is.
	oldestClosing atomic.Int64
	// connections that live on the loop, or are on their way to it.
	connections atomic.Int64
	// heldBytes is the memory that connections hold, as of the last turn, inboxBytes that of their inboxes.
	heldBytes  atomic.Int64
	inboxBytes atomic.Int64
	// unread says that spokes wait to be read on until inboxes hold less.
	unread atomic.Bool
	inflow inflow
	holds  holds
	// changes are those of presence that watchers are to be told.
	changes changeQueue
	// inboxes is how many wait for a worker or are being run.
	inboxes atomic.Int64
}

// loopConns finds connections by slot, and counts the memory that they hold.
//
// I1: spoke(slot) is the spoke of every slot in use but listeners'.
// I2: rates(slot) is what the open spoke in that slot has sent lately, if there are limits.
// I3: unanswered holds what a spoke whose socket is full has been answered and is still owed.
// I4: overLimit holds why a connection over the limits will be refused; each has one of the places for those.
// I5: tenures holds the open spokes whose identity is awaited, and those that have sent tokens.
type loopConns struct {
	spokes netpoll.Table[*Spoke]
	// rates is as long as the highest slot that was open while there were limits, and empty if there are none.
	rates      netpoll.Table[rates]
	gaps       readGaps
	unanswered map[*Spoke]*unanswered
	snapshots  map[*Spoke]*snapshot
	requests   requests
	inquiries  inquiries
	overLimit  map[uint32]*wsframe.Refusal
	tenures    map[*Spoke]*tenure
	memory     loopMemory
	// listeners has the slots of listeners, toSecure connections that are to speak TLS once the header of the PROXY protocol has come.
	listeners map[uint32]listenerKind
	toSecure  map[uint32]*tls.Config
}

// scratch is memory that every incoming message reuses.
type scratch struct {
	view   event.View
	topics [][]byte
	sinces []event.Since
	// topic is that of an event.
	topic []byte
	// ping is the payload of the last one.
	ping []byte
}

// turnWork is what a turn has found to do for others, handed over when it ends.
//
// I1: topics is how many topics of control events may still be carried out before the loop turns to something else: turnTopics
// when input begins to come, and again when handOver begins.
// I2: outbound[i] holds, in order, what this turn has for loop i, arrivals[i] the connections that it accepted for it; both
// are empty between turns.
type turnWork struct {
	// ready are the spokes marked so.
	ready []*Spoke
	// spare is the memory of the list before, runnable that of the list for the workers.
	spare    []*Spoke
	runnable []*Spoke
	// sliced are the spokes that have had their share of the turn and have more to be carried out.
	sliced   []*Spoke
	topics   int
	outbound [][]netpoll.Task
	// quiet has bit i set if this turn has posted to loop i and has yet to wake it.
	quiet    uint64
	arrivals [][]arrival
	closed   closedWhen
}

func newLoop(h *Hub, index int) (*loop, error) {
	l := &loop{
		hub:       h,
		index:     index,
		loopParts: loopParts{part: h.index.Part(index), users: h.users.Part(index), presence: newLoopPresence(h, index)},
		conns:     newLoopConns(),
		work:      turnWork{topics: turnTopics, outbound: make([][]netpoll.Task, h.cfg.Reactors), arrivals: make([][]arrival, h.cfg.Reactors)},
	}
	l.shared.holds.init(h.cfg.QueueLimit)
	l.flow.lags.bySpoke = make(map[*Spoke]*lag)
	l.flow.waits = make(map[*Spoke]spokeWait)
	l.counts.refusals = make(map[int]uint64)
	l.counts.closes = make(map[uint16]uint64)
	l.counts.rejects = make(map[event.Reason]uint64)
	r, err := netpoll.New(netpoll.Config{Handler: l, Engine: h.cfg.Engine, Alone: h.cfg.Reactors == 1, QueueLimit: h.cfg.QueueLimit})
	if err != nil {
		return nil, err
	}
	l.reactor, l.sender = r, r.Sender()
	return l, nil
}

func newLoopConns() loopConns {
	return loopConns{
		unanswered: make(map[*Spoke]*unanswered),
		snapshots:  make(map[*Spoke]*snapshot),
		requests:   requests{bySlot: make(map[uint32][]byte)},
		inquiries:  inquiries{bySlot: make(map[uint32]*inquiry)},
		overLimit:  make(map[uint32]*wsframe.Refusal),
		tenures:    make(map[*Spoke]*tenure),
		listeners:  make(map[uint32]listenerKind),
		toSecure:   make(map[uint32]*tls.Config),
	}
}

// ask runs f on the loop and waits for it. After the loop's end it does nothing. Any goroutine but the loop's may call it.
func (l *loop) ask(f func(r *netpoll.Reactor)) {
	done := make(chan struct{})
	if l.reactor.Post(netpoll.TaskFunc(func(r *netpoll.Reactor) {
		defer close(done)
		f(r)
	})) {
		<-done
	}
}

// inSlices has the loop run slice again and again until it reports that there is no more, and waits for it; other work of the loop comes in between. Only one of
// those that call it has its turn at a time: two would keep the task queue from ever being empty, and the loop would neither read nor send until they end.
// After the loop's end it does nothing. Any goroutine but the loop's may call it.
func (l *loop) inSlices(slice func(r *netpoll.Reactor) (more bool)) {
	l.shared.sweeping.Lock()
	defer l.shared.sweeping.Unlock()
	for more := true; more; {
		more = false
		l.ask(func(r *netpoll.Reactor) { more = slice(r) })
	}
}

// put registers a spoke under the slot that the reactor gave it.
func (l *loop) put(s *Spoke, slot uint32) {
	l.conns.spokes.Extend(slot + 1)
	*l.conns.spokes.At(slot) = s
	s.conn = l.reactor.Conn(slot)
}

// spoke is the one in a slot of the reactor.
func (l *loop) spoke(slot uint32) *Spoke { return *l.conns.spokes.At(slot) }

// all yields the loop's spokes, whatever their phase.
func (l *loop) all() iter.Seq[*Spoke] {
	return func(yield func(*Spoke) bool) {
		for slot := range l.conns.spokes.Len() {
			if s := l.spoke(slot); s != nil && !yield(s) {
				return
			}
		}
	}
}
