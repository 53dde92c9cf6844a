package netpoll

// linkWriter is the writing half of a link.
//
// Owners: bytes and err belong to the writer from a send on jobs, or its start, until its task, to the reactor otherwise; the flags
// belong to the reactor.
type linkWriter struct {
	// jobs and done are nil where the link is watched.
	jobs  chan linkJob
	done  chan struct{}
	bytes []byte
	err   error
	// held is how much memory the job under way is counted for. It belongs to the reactor.
	held int
	// busy: a job is under way.
	busy bool
	// owesShutdown: the write side is to be shut when the job under way has ended.
	owesShutdown bool
	// owesDrained: Handler.Drained is due when the job under way has ended.
	owesDrained bool
}

// linkJob is what the writer does next.
type linkJob uint8

const (
	// writeBytes writes linkWriter.bytes.
	writeBytes linkJob = iota
	// shutWrite ends the write side.
	shutWrite
)

// write takes what fits of view while the writer rests, and nothing while it is at work.
func (l *link) write(view []byte) int {
	if l.out.busy || len(view) == 0 {
		return 0
	}
	n := min(len(view), linkWriteBytes)
	l.takeWriteBuffer(n)
	l.out.bytes = append(l.out.bytes[:0], view[:n]...)
	l.countWriting(cap(l.out.bytes))
	l.reactor.sockets.BytesOut += uint64(n)
	l.begin(writeBytes)
	return n
}

func (l *link) shutdownWrite() {
	l.out.owesShutdown = l.out.busy
	if !l.out.busy {
		l.begin(shutWrite)
	}
}

func (l *link) begin(job linkJob) {
	l.out.busy = true
	if l.watch != nil {
		l.startWriting(job)
		return
	}
	l.out.jobs <- job
}

func (l *link) runWriter() {
	defer l.reactor.links.running.Done()
	defer close(l.out.done)
	for {
		select {
		case job := <-l.out.jobs:
			l.carryOut(job)
		case <-l.ending.quit:
			l.endWriter()
			return
		}
	}
}

func (l *link) carryOut(job linkJob) {
	if job == writeBytes {
		_, l.out.err = l.conn.Write(l.out.bytes)
	} else if closer, ok := l.conn.(interface{ CloseWrite() error }); ok {
		_ = closer.CloseWrite()
	}
	l.reactor.Post((*linkWritten)(l))
}

// endWriter closes the connection, or if it lives on writes what the reactor had given away before it let go of it.
func (l *link) endWriter() {
	switch {
	case l.ending.closedBeside:
	case !l.ending.detached:
		_ = l.conn.Close()
	default:
		select {
		case job := <-l.out.jobs:
			l.carryOut(job)
		default:
		}
	}
}

// linkWritten reports the end of a job of the writer.
type linkWritten link

// Do goes on with what is to be sent.
func (w *linkWritten) Do(r *Reactor) {
	l := (*link)(w)
	l.giveWriteBufferBack()
	if !r.Holds(l.token) {
		return
	}
	n := l.token.Slot
	l.out.busy = false
	l.countWriting(0)
	if cap(l.out.bytes) > linkReadBytes {
		l.out.bytes = nil
	}
	if l.out.err != nil {
		r.hangup(n, l.out.err)
		return
	}
	if l.out.owesShutdown {
		l.shutdownWrite()
		return
	}
	if l.out.owesDrained {
		l.out.owesDrained = false
		r.sender.NotifyDrained(n)
	}
	if r.conns.table.At(n).is(awaitsRoom) {
		r.roomAgain(n)
	}
}
