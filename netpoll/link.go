package netpoll

import (
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"time"
)

// links are the connections of a reactor that have no descriptor. bySlot and retired, those to be closed behind the turn,
// belong to the reactor; running counts the goroutines that Run waits for.
type links struct {
	bySlot  map[uint32]*link
	retired []*link
	// writing is the memory of what writers have in hand, reading that of readers that run only now and then. They belong to the reactor.
	writing int
	reading int
	running sync.WaitGroup
}

// link serves a connection that has no descriptor of its own: a goroutine reads and another one writes, and both hand over to the
// reactor by tasks, so that the reactor stays the only owner of the connection's state. Where the poller can watch the socket beneath
// the connection, as it can for TLS, they run only while there is something to read or to write (linkwatch.go); otherwise always.
//
// Owners: reactor, token, conn and watch never change; in, out and watch say who owns what of them; ending belongs to the reactor until
// quit is closed, and to the two goroutines after.
//
// I1: at most one input task is under way: in.asked is true from the moment the reader may read until the reactor has
// consumed what it read.
// I2: out.busy is true from a write (or half-close) until the task that reports its end.
// I3: both goroutines end after close or detach, and the reactor's Run waits for them.
type link struct {
	reactor *Reactor
	token   Conn
	conn    net.Conn
	in      linkReader
	out     linkWriter
	ending  linkEnding
	// watch is nil where both goroutines run always.
	watch *linkWatch
}

// linkEnding says how a link ends.
type linkEnding struct {
	// quit is nil where the link is watched.
	quit chan struct{}
	// detached: the connection lives on with another owner.
	detached bool
	// closedBeside: the reactor closes the connection, for a write is under way.
	closedBeside bool
	// released takes a reader that no deadline can end out of what Run waits for.
	released sync.Once
}

// linkReader is the reading half of a link.
//
// Owners: input and err belong to the reader between a send on next, or its start, and its task, to the reactor otherwise; held, asked
// and waiting belong to the reactor.
type linkReader struct {
	// next and done are nil where the link is watched.
	next  chan struct{}
	done  chan struct{}
	input []byte
	err   error
	// held is how much memory a reader is counted for that runs only now and then.
	held int
	// asked: the reader was told to read, or the poller to tell when it can, and what it read is not consumed.
	asked bool
	// waiting: what it read waits to be consumed, in the intake or until reading goes on.
	waiting bool
}

const (
	linkReadBytes  = 8 << 10
	linkWriteBytes = 64 << 10
)

func newLink(r *Reactor, token Conn, conn net.Conn) *link {
	l := &link{reactor: r, token: token, conn: conn}
	if !l.watchSocket() {
		l.in.next, l.in.done = make(chan struct{}, 1), make(chan struct{})
		l.out.jobs, l.out.done = make(chan linkJob, 1), make(chan struct{})
		l.ending.quit = make(chan struct{})
		r.links.running.Add(2)
		go l.runReader()
		go l.runWriter()
	}
	l.readNext()
	return l
}

func (l *link) runReader() {
	defer l.ending.released.Do(l.reactor.links.running.Done)
	defer close(l.in.done)
	buffer := make([]byte, linkReadBytes)
	for {
		select {
		case <-l.in.next:
		case <-l.ending.quit:
			return
		}
		n, err := l.conn.Read(buffer)
		l.in.input, l.in.err = buffer[:n], err
		if !l.reactor.Post(l) || err != nil {
			return
		}
	}
}

// Do brings what the reader has read: it is consumed when its turn comes, like what a socket has. While the connection is
// paused it waits for readOn.
func (l *link) Do(r *Reactor) {
	if !r.Holds(l.token) {
		return
	}
	l.in.waiting = true
	if s := r.conns.table.At(l.token.Slot); !s.is(paused) {
		r.sockets.intake.add(l.token.Slot, s)
	}
}

// consume hands on what the reader has read, if it has, and says how many bytes that were.
func (l *link) consume(r *Reactor) int {
	if !l.in.waiting {
		return 0
	}
	n, view, err := l.token.Slot, l.in.input, l.in.err
	l.in.waiting = false
	l.in.input = nil
	if len(view) > 0 {
		r.input(n, view)
	}
	l.giveReadBufferBack()
	switch {
	case !r.Holds(l.token):
	case err == nil:
		l.in.asked = false
		if !r.conns.table.At(n).is(paused) {
			l.readNext()
		}
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrClosedPipe):
		r.hangup(n, io.EOF)
	default:
		r.hangup(n, err)
	}
	return len(view)
}

func (l *link) readNext() {
	l.in.asked = true
	if l.watch != nil {
		l.readNextWatched()
		return
	}
	l.in.next <- struct{}{}
}

// readOn runs when reading is wanted again. What waits comes first.
func (l *link) readOn(s *slot) {
	switch {
	case l.in.waiting:
		l.reactor.sockets.intake.add(l.token.Slot, s)
	case !l.in.asked:
		l.readNext()
	}
}

// close ends both goroutines and the connection. One that is being written is closed from beside the writer: that ends a
// write under way on any net.Conn, with or without deadlines, and spares a TLS connection the alert that nobody reads.
func (l *link) close() {
	if l.watch != nil {
		l.leaveWatch()
		l.reactor.links.running.Go(func() { _ = l.conn.Close() })
		return
	}
	l.ending.closedBeside = l.out.busy
	close(l.ending.quit)
	if l.ending.closedBeside {
		l.reactor.links.running.Go(func() { _ = l.conn.Close() })
	}
}

// detach ends both goroutines and leaves the connection open. What was read ahead is for awaitReader.
func (l *link) detach() {
	l.countWriting(0)
	l.countReading(0)
	if l.watch != nil {
		l.leaveWatch()
		return
	}
	l.ending.detached = true
	close(l.ending.quit)
}

// awaitReader waits for the reader of a detached link and returns what it had read ahead. A write under way is waited
// for by whoever writes next. Where no deadline can end a read under way, reading is true: it ends with in.done.
func (l *link) awaitReader() (unread []byte, reading bool) {
	if l.watch != nil {
		return l.awaitWatchedReader(), false
	}
	if l.conn.SetReadDeadline(past) != nil {
		l.ending.released.Do(l.reactor.links.running.Done)
		return nil, true
	}
	<-l.in.done
	_ = l.conn.SetReadDeadline(time.Time{})
	return l.in.input, false
}

// writeLink is write for a connection without a descriptor.
func (r *Reactor) writeLink(n uint32, s *slot, view []byte) (int, syscall.Errno) {
	sent := r.links.bySlot[n].write(view)
	r.noteProgress(s, sent)
	return sent, 0
}

// deferDrained says whether bytes of a connection that its Sender has handed over are still on their way. Then Drained
// waits for the end of the write.
func (r *Reactor) deferDrained(n uint32) bool {
	if !r.conns.table.At(n).is(linked) {
		return false
	}
	out := &r.links.bySlot[n].out
	out.owesDrained = out.owesDrained || out.busy
	return out.busy
}
