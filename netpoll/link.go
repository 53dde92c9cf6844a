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
	// held is the memory of what the writers have in hand. It belongs to the reactor.
	held    int
	running sync.WaitGroup
}

// link serves a connection that has no descriptor: one goroutine reads and one writes, and both hand over to the
// reactor by tasks, so that the reactor stays the only owner of the connection's state.
//
// Owners: reactor, token and conn never change; in and out say who owns what of them; ending belongs to the reactor until
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
}

// linkEnding says how a link ends.
type linkEnding struct {
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
// Owners: input and err belong to the reader between a send on next and its task, to the reactor otherwise; asked and
// waiting belong to the reactor.
type linkReader struct {
	next  chan struct{}
	done  chan struct{}
	input []byte
	err   error
	// asked: the reader was told to read, and what it read is not consumed.
	asked bool
	// waiting: what it read waits to be consumed, in the intake or until reading goes on.
	waiting bool
}

const (
	linkReadBytes  = 8 << 10
	linkWriteBytes = 64 << 10
)

func newLink(r *Reactor, token Conn, conn net.Conn) *link {
	l := &link{
		reactor: r,
		token:   token,
		conn:    conn,
		in:      linkReader{next: make(chan struct{}, 1), done: make(chan struct{})},
		out:     linkWriter{jobs: make(chan linkJob, 1), done: make(chan struct{})},
		ending:  linkEnding{quit: make(chan struct{})},
	}
	r.links.running.Add(2)
	go l.runReader()
	go l.runWriter()
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
	switch {
	case !r.Holds(l.token):
	case err == nil:
		l.in.asked = false
		if !r.conns.table.At(n).is(paused) {
			l.readNext()
		}
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrClosedPipe):
		r.notifyHangup(n, io.EOF)
	default:
		r.notifyHangup(n, err)
	}
	return len(view)
}

func (l *link) readNext() {
	l.in.asked = true
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
	l.ending.closedBeside = l.out.busy
	close(l.ending.quit)
	if l.ending.closedBeside {
		l.reactor.links.running.Go(func() { _ = l.conn.Close() })
	}
}

// detach ends both goroutines and leaves the connection open. What was read ahead is for awaitReader.
func (l *link) detach() {
	l.count(0)
	l.ending.detached = true
	close(l.ending.quit)
}

// awaitReader waits for the reader of a detached link and returns what it had read ahead. A write under way is waited
// for by whoever writes next. Where no deadline can end a read under way, reading is true: it ends with in.done.
func (l *link) awaitReader() (unread []byte, reading bool) {
	if l.conn.SetReadDeadline(time.Unix(1, 0)) != nil {
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
