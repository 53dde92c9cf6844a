package netpoll

// intake are the connections and listeners that have something to read and wait for their turn, in two queues: light for
// those that send little, slow for those that send much and for new ones, so that the first do not wait for the second. Each
// turn works them off for a slice of time. It belongs to the reactor.
//
// What is ready and light is read at once and does not wait here, unless such reading has taken a slice or others of its kind
// wait: see Reactor.ready.
//
// I1: a connection is read once for each time it was listed, though it may be listed again meanwhile: its toRead says that it
// waits, and an entry without that is skipped.
// I2: nobody is read a second time before all that waited in its queue were read once.
// I3: while slow ones wait, at most lightRun light ones are read before the next of them, wherever a slice ends.
type intake struct {
	light sendList
	slow  sendList
	// run is how many light ones were read since the last slow one, over all slices.
	run int
}

const (
	// lightRun is how many light ones are read before a slow one's turn comes.
	lightRun = 16
	// lightRead bounds the first read of a connection, minPiece that of one while very many wait, in bytes.
	lightRead = 16 << 10
	minPiece  = 8 << 10
	// bulkBytes is the length from which a read is long, and its connection bulk until one is shorter.
	bulkBytes = 8 << 10
	// maxReads is how many full buffers one connection is read at most before others get their turn: all of them share
	// that much.
	maxReads = 4
)

// push lists a connection unless it waits already.
func (q *intake) push(n uint32, s *slot, as *sendList) {
	if !s.is(toRead) {
		s.state |= toRead
		as.push(n)
	}
}

// add lists one that is ready.
func (q *intake) add(n uint32, s *slot) {
	if s.is(bulk) {
		q.push(n, s, &q.slow)
		return
	}
	q.push(n, s, &q.light)
}

// isLightNext says which queue's turn it is. One of them must have something.
func (q *intake) isLightNext() bool {
	return q.slow.empty() || q.run < lightRun && !q.light.empty()
}

func (q *intake) empty() bool { return q.light.empty() && q.slow.empty() }

func (q *intake) trim() {
	q.light.trim()
	q.slow.trim()
}

// share is how the next slow one is read: so many times so many bytes. One that is alone gets whole buffers; where others
// wait, a round over all of them takes about as long.
func (q *intake) share(buffer int) (times, piece int) {
	others := len(q.slow.slots) - q.slow.next + len(q.light.slots) - q.light.next
	bytes := maxReads * buffer / (1 + others)
	if bytes >= buffer {
		return bytes / buffer, buffer
	}
	return 1, max(bytes, min(minPiece, buffer))
}

// ReadSoon reads in this turn, or as soon as those that wait already have been, what the connection has already sent: right
// after accept there often is something.
func (r *Reactor) ReadSoon(n uint32) {
	r.owner.assert()
	r.sockets.intake.push(n, r.conns.table.At(n), &r.sockets.intake.slow)
}

// readWaiting reads for a slice of time those that wait.
func (r *Reactor) readWaiting() {
	q := &r.sockets.intake
	if q.empty() {
		return
	}
	r.turns.stint.begin(r.turns.clock.elapsed())
	for !q.empty() && !r.turns.stint.over && r.mayRead() {
		if q.isLightNext() {
			q.run++
			if n, ok := r.takeWaiting(&q.light); ok {
				r.readLight(n)
			}
			continue
		}
		q.run = 0
		if n, ok := r.takeWaiting(&q.slow); ok {
			r.readSlow(n)
		}
		r.measure()
	}
}

// takeWaiting takes the next that waits out of its queue, and says whether it is still to be read.
func (r *Reactor) takeWaiting(from *sendList) (n uint32, ok bool) {
	n = from.pop()
	if n >= r.conns.table.Len() {
		return n, false
	}
	s := r.conns.table.At(n)
	if !s.is(inUse | toRead) {
		return n, false
	}
	s.state &^= toRead
	return n, !s.is(paused)
}
