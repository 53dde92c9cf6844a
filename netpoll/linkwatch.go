package netpoll

import (
	"net"
	"sync"
	"sync/atomic"
	"syscall"
)

// linkWatch spares a link its goroutines while there is nothing to do. The reactor's poller watches the socket that the connection
// stands on, which remains the connection's own. When something has come, a goroutine reads until nothing is buffered above the socket
// any more, for of that the poller knows nothing (linkfill.go). For a write, another one does one job of the writer.
//
// Owners: socket never changes; ended is for any goroutine; arming belongs to the reactor; fills and jobs say who owns what of them.
//
// I1: while the poller watches, no reader is under way.
// I2: the poller watches only when all that was buffered above the socket has been read.
// I3: neither a goroutine nor a buffer is left when all is read and written.
type linkWatch struct {
	socket syscall.RawConn
	// ended: no reader begins any more.
	ended  atomic.Bool
	arming linkArming
	fills  linkFills
	jobs   linkJobs
}

// linkArming is what the poller knows of a link's socket. It belongs to the reactor.
type linkArming struct {
	// arm has the poller tell once when there is something to read. It is for the socket's Control, which keeps the descriptor from being
	// closed meanwhile and so from standing for another connection.
	arm func(fd uintptr)
	// err is what became of it.
	err error
	// isKnown: the poller has the descriptor.
	isKnown bool
	// isArmed: the poller will tell.
	isArmed bool
}

// linkJobs are the writer's goroutines, of which there is one at a time.
//
// Owners: run never changes; running is for any goroutine; the rest belongs to the writer from its start until its task, to the reactor
// otherwise.
type linkJobs struct {
	run     func()
	running sync.WaitGroup
	job     linkJob
	buffer  *linkBuffer
}

// overConn is what a connection of TLS is, one that embeds it, and a handover: it stands on another, and its handshake may be still to come.
type overConn interface {
	net.Conn
	NetConn() net.Conn
	Handshake() error
}

// socketBeneath is the socket of TCP or Unix that conn stands on, nil if there is none, or if between them is what may not keep to
// deadlines as crypto/tls does.
func socketBeneath(conn net.Conn) (socket syscall.RawConn) {
	for over, ok := conn.(overConn); ok; over, ok = conn.(overConn) {
		conn = over.NetConn()
	}
	switch beneath := conn.(type) {
	case *net.TCPConn:
		socket, _ = beneath.SyscallConn()
	case *net.UnixConn:
		socket, _ = beneath.SyscallConn()
	}
	return socket
}

// watchSocket says whether the link can do without goroutines that run always.
func (l *link) watchSocket() bool {
	if !l.reactor.cfg.Engine.HasDescriptors() {
		return false
	}
	if _, ok := l.conn.(overConn); !ok {
		return false
	}
	socket := socketBeneath(l.conn)
	if socket == nil {
		return false
	}
	w := &linkWatch{socket: socket}
	w.arming.arm = func(fd uintptr) {
		w.arming.err = l.reactor.poller.once(int32(fd), l.token, w.arming.isKnown)
	}
	w.fills.run = l.runFill
	w.jobs.run = l.runJob
	l.watch = w
	return true
}

// readNextWatched has the poller watch the socket, or reads what is or may be buffered above it.
func (l *link) readNextWatched() {
	if !l.watch.fills.isDry {
		l.startFill()
		return
	}
	if err := l.watch.rearm(); err != nil {
		l.reactor.hangUpSoon(l.token, err)
	}
}

func (w *linkWatch) rearm() error {
	a := &w.arming
	if err := w.socket.Control(a.arm); err != nil {
		return err
	}
	a.isKnown = a.isKnown || a.err == nil
	a.isArmed = a.err == nil
	return a.err
}

// readable runs when the poller says that something has come. While the connection is paused that waits for readOn.
func (l *link) readable(s *slot) {
	if l.watch == nil || !l.watch.arming.isArmed {
		return
	}
	l.watch.arming.isArmed = false
	if s.is(paused) {
		l.in.asked = false
		return
	}
	l.startFill()
}

// awaitLink is the last read for a connection whose link is watched. It says that something has come which a goroutine is about to read,
// and puts the deadline off until it has: for a tick or two, since there may be nothing but a part of a record.
func (r *Reactor) awaitLink(n uint32) bool {
	s := r.conns.table.At(n)
	if s.state&(linked|paused) != linked || r.sender.isHeavy() {
		return false
	}
	l := r.links.bySlot[n]
	w := l.watch
	switch {
	case w == nil:
		return false
	case w.arming.isArmed && w.hasInput():
		l.readable(s)
	case l.in.held == 0 || r.now()-w.fills.began > 1:
		return false
	}
	r.SetDeadline(n, Tick)
	return true
}

// hasInput says whether the socket has something to be read.
func (w *linkWatch) hasInput() (yes bool) {
	_ = w.socket.Control(func(fd uintptr) { yes = hasInput(int(fd)) })
	return yes
}

// leaveWatch has the poller forget the socket, and no reader begin any more.
func (l *link) leaveWatch() {
	w := l.watch
	w.ended.Store(true)
	if w.arming.isKnown {
		_ = w.socket.Control(func(fd uintptr) { _ = l.reactor.poller.del(int32(fd)) })
	}
	w.arming.isKnown, w.arming.isArmed = false, false
}

// awaitWatchedReader is awaitReader for a link that is watched.
func (l *link) awaitWatchedReader() (unread []byte) {
	_ = l.conn.SetReadDeadline(past)
	l.watch.fills.running.Wait()
	_ = l.conn.SetReadDeadline(never)
	return l.in.input
}

// startWriting has a goroutine do a job of the writer.
func (l *link) startWriting(job linkJob) {
	j := &l.watch.jobs
	j.job = job
	j.running.Add(1)
	l.reactor.links.running.Add(1)
	go j.run()
}

func (l *link) runJob() {
	defer l.reactor.links.running.Done()
	defer l.watch.jobs.running.Done()
	l.carryOut(l.watch.jobs.job)
}

// writerDone is closed when what a detached link is writing has been written.
func (l *link) writerDone(isWriting bool) <-chan struct{} {
	if l.watch == nil || !isWriting {
		return l.out.done
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.watch.jobs.running.Wait()
	}()
	return done
}

// takeWriteBuffer gets a link that is watched a buffer for so many bytes.
func (l *link) takeWriteBuffer(n int) {
	if l.watch != nil {
		l.watch.jobs.buffer = takeLinkBuffer(n)
		l.out.bytes = l.watch.jobs.buffer.bytes
	}
}

// giveWriteBufferBack runs when it is written.
func (l *link) giveWriteBufferBack() {
	if l.watch != nil {
		l.watch.jobs.buffer.giveBack()
		l.watch.jobs.buffer, l.out.bytes = nil, nil
	}
}
