package netpoll

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

const (
	linkReadBytes  = 8 << 10
	linkWriteBytes = 64 << 10
)

// link serves a connection that has no descriptor: one goroutine reads and one writes, and both hand over to the
// reactor by tasks, so that the reactor stays the only owner of the connection's state.
//
// Owners: asked, held, busy and half belong to the reactor; input and out to whoever has the turn (reader or reactor,
// writer or reactor), which the channels and tasks pass on.
//
// I1: at most one input task is under way: asked is true from the moment the reader may read until the reactor has
// consumed what it read.
// I2: busy is true from a write (or half-close) until the task that reports its end.
// I3: both goroutines end after close or detach, and the reactor's Run waits for them.
type link struct {
	reactor *Reactor
	token   Conn
	conn    net.Conn
	sent    linkSent

	input    []byte
	inputErr error
	asked    bool
	held     bool

	out       []byte
	outErr    error
	busy      bool
	half      bool
	goOn      chan struct{}
	toWrite   chan bool
	quit      chan struct{}
	abandoned bool
	broken    bool
	awaited   sync.Once
	readDone  chan struct{}
	writeDone chan struct{}
}

type linkSent struct{ link *link }

func newLink(r *Reactor, token Conn, conn net.Conn) *link {
	l := &link{
		reactor:   r,
		token:     token,
		conn:      conn,
		goOn:      make(chan struct{}, 1),
		toWrite:   make(chan bool, 1),
		quit:      make(chan struct{}),
		readDone:  make(chan struct{}),
		writeDone: make(chan struct{}),
	}
	l.sent.link = l
	r.linked.Add(2)
	go l.runReader(&r.linked)
	go l.runWriter(&r.linked)
	l.proceed()
	return l
}

func (l *link) runReader(group *sync.WaitGroup) {
	defer l.awaited.Do(group.Done)
	defer close(l.readDone)
	buffer := make([]byte, linkReadBytes)
	for {
		select {
		case <-l.goOn:
		case <-l.quit:
			return
		}
		n, err := l.conn.Read(buffer)
		l.input, l.inputErr = buffer[:n], err
		if !l.reactor.Post(l) {
			return
		}
		if err != nil {
			return
		}
	}
}

// Do brings what the reader read. While the connection is paused it is held until resume.
func (l *link) Do(r *Reactor) {
	if !r.Holds(l.token) {
		return
	}
	n := l.token.Slot
	s := r.slots.table.At(n)
	if s.flags&paused != 0 {
		l.held = true
		return
	}
	l.consume(r, n)
}

func (l *link) consume(r *Reactor, n uint32) {
	view, err := l.input, l.inputErr
	l.input = nil
	if len(view) > 0 {
		r.input(n, r.slots.table.At(n), view)
	}
	switch {
	case !r.Holds(l.token):
	case err == nil:
		l.asked = false
		if r.slots.table.At(n).flags&paused == 0 {
			l.proceed()
		}
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrClosedPipe):
		r.tellHangup(n, io.EOF)
	default:
		r.tellHangup(n, err)
	}
}

func (l *link) proceed() {
	l.asked = true
	l.goOn <- struct{}{}
}

// resume runs when reading is wanted again: what was held comes first, as a task, so that resume never re-enters the
// handler.
func (l *link) resume() {
	switch {
	case l.held:
		l.held = false
		l.reactor.Post(l)
	case !l.asked:
		l.proceed()
	}
}

// write takes what fits of view while the writer rests, and nothing while it is at work.
func (l *link) write(view []byte) int {
	if l.busy || len(view) == 0 {
		return 0
	}
	n := min(len(view), linkWriteBytes)
	l.out = append(l.out[:0], view[:n]...)
	l.busy = true
	l.reactor.count.BytesOut += uint64(n)
	l.toWrite <- false
	return n
}

func (l *link) runWriter(group *sync.WaitGroup) {
	defer group.Done()
	defer close(l.writeDone)
	for {
		select {
		case half := <-l.toWrite:
			l.carryOut(half)
		case <-l.quit:
			l.leave()
			return
		}
	}
}

func (l *link) carryOut(half bool) {
	if !half {
		_, l.outErr = l.conn.Write(l.out)
	} else if closer, ok := l.conn.(interface{ CloseWrite() error }); ok {
		_ = closer.CloseWrite()
	}
	l.reactor.Post(&l.sent)
}

// leave writes what the reactor gave away before it let go of the connection, or else closes it.
func (l *link) leave() {
	if l.broken {
		return
	}
	if !l.abandoned {
		_ = l.conn.Close()
		return
	}
	select {
	case half := <-l.toWrite:
		l.carryOut(half)
	default:
	}
}

// Do reports the end of a write.
func (t *linkSent) Do(r *Reactor) {
	l := t.link
	if !r.Holds(l.token) {
		return
	}
	n := l.token.Slot
	l.busy = false
	if cap(l.out) > linkReadBytes {
		l.out = nil
	}
	if l.outErr != nil {
		r.tellHangup(n, l.outErr)
		return
	}
	if l.half {
		l.shutdownWrite()
		return
	}
	switch s := r.slots.table.At(n); {
	case s.back != 0:
		r.resend(n)
	case s.head == 0 && s.flags&tellDrained != 0:
		r.drained(n, s)
	}
}

func (l *link) shutdownWrite() {
	l.half = l.busy
	if !l.busy {
		l.busy = true
		l.toWrite <- true
	}
}

// close ends both goroutines and the connection. One that is being written is closed from beside the writer: that ends a
// write under way on any net.Conn, with or without deadlines, and spares a TLS connection the alert that nobody reads.
func (l *link) close() {
	l.broken = l.busy
	close(l.quit)
	if l.broken {
		l.reactor.linked.Go(func() { _ = l.conn.Close() })
	}
}

// detach ends both goroutines, leaves the connection open and returns it, with what was read ahead, to settle.
func (l *link) detach() {
	l.abandoned = true
	close(l.quit)
}

// settle waits for the goroutines of a detached link and returns what they had read ahead. A write under way is waited
// for by whoever writes next. Where no deadline can end a read under way, reading is true: it ends with readDone.
func (l *link) settle() (unread []byte, reading bool) {
	if l.conn.SetReadDeadline(time.Unix(1, 0)) != nil {
		l.awaited.Do(l.reactor.linked.Done)
		return nil, true
	}
	<-l.readDone
	_ = l.conn.SetReadDeadline(time.Time{})
	return l.input, false
}
