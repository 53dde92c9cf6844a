//go:build linux

package swarm

const (
	floodTurn      = 32
	floodPingEvery = 32
	maxFloodPings  = 8
	churnAckEvery  = 4
)

// publisher writes events. windowPublisher, ratePublisher, floodPublisher and churnPublisher implement it.
type publisher interface {
	// pump publishes what is due and returns when to call it again at the latest; never means once credits, answers or room in a socket
	// have come.
	pump(now int64) (due int64)
	// published is how many events it has sent in all, counting those of its predecessors.
	published() uint64
}

// source makes the events of a publication, which serves its topics in turn.
type source struct {
	*Publication
	dialect Dialect
	count   uint64
}

// appendNext appends the event that is next, scheduled for the time at.
func (s *source) appendNext(dst []byte, at int64) []byte {
	topics := uint64(s.Topics)
	t := tick{topic: uint32(s.FirstTopic) + uint32(s.count%topics), seq: uint32(s.count / topics), at: at}
	s.count++
	return s.dialect.appendPublish(dst, t, s.Size)
}

func (s *source) published() uint64 { return s.count }

// windowPublisher keeps a number of messages in flight: a message counts until every subscriber in every process has it.
// I1: count minus the completed messages never exceeds Window.
// I2: a message's slot in the counters is zero before it is sent.
type windowPublisher struct {
	source
	writer   *writer
	counters *Counters
	// base is how many events had been sent when no message was completed yet.
	base uint64
}

func (w *windowPublisher) pump(now int64) int64 {
	for w.count-w.base-w.counters.Completed() < uint64(w.Window) && !w.writer.full() {
		slot := w.counters.slot(w.count)
		if slot.Load() != 0 {
			break
		}
		slot.Store(int32(topicSent(uint64(w.Spokes), w.Topics, int(w.count%uint64(w.Topics)))))
		w.writer.buffer = w.appendNext(w.writer.buffer, now)
	}
	w.writer.flush()
	return never
}

// ratePublisher keeps to a schedule. An event bears the time at which it was due, so a late one shows as latency. Events of one topic go over one
// connection, so that their order holds.
type ratePublisher struct {
	source
	start   int64
	sent    uint64
	writers []*writer
}

func (r *ratePublisher) pump(now int64) int64 {
	due := r.due()
	for due <= now && !r.next().full() {
		w := r.next()
		w.buffer = r.appendNext(w.buffer, due)
		r.sent++
		due = r.due()
	}
	for _, w := range r.writers {
		w.flush()
	}
	if due <= now {
		return never
	}
	return due
}

// next is the connection that the next event goes over.
func (r *ratePublisher) next() *writer {
	return r.writers[r.count%uint64(r.Topics)%uint64(len(r.writers))]
}

func (r *ratePublisher) due() int64 { return r.start + int64(float64(r.sent)*(1e9/r.Rate)) }

// floodPublisher writes batches of events over many connections in turn, as fast as the server reads. Some of the writes end with a
// ping, and while several pings are unanswered it waits: so far fewer writes are in flight than there are connections, and the server
// finds one write at a time in a socket however slow it is.
// I1: pings minus their answers never exceeds maxFloodPings.
type floodPublisher struct {
	source
	writers         []*writer
	next, sincePing int
	pings           uint64
	tally           *tally
}

func (f *floodPublisher) pump(now int64) int64 {
	wrote := 0
	for looked := 0; looked < len(f.writers) && wrote < floodTurn; looked++ {
		if f.pings-f.tally.answered.Load() >= maxFloodPings {
			break
		}
		w := f.writers[f.next]
		f.next = (f.next + 1) % len(f.writers)
		if !w.dead && !w.blocked {
			f.write(w, now)
			wrote++
		}
	}
	if wrote == 0 {
		return never
	}
	f.tally.sent.Store(f.count)
	return now
}

func (f *floodPublisher) write(w *writer, now int64) {
	for range max(f.Batch, 1) {
		w.buffer = f.appendNext(w.buffer, now)
	}
	if f.sincePing++; f.sincePing == floodPingEvery {
		f.sincePing = 0
		f.pings++
		w.buffer = appendFrame(w.buffer, opPing, nil)
	}
	w.flush()
}

// churnPublisher subscribes and unsubscribes on a schedule, over many connections in turn: each write holds a batch of control events, half
// of each kind, for the connection's own topic. Every fourth write ends with one that asks for an answer, whose id is the time at which it
// was due.
type churnPublisher struct {
	*Publication
	pairs   int
	start   int64
	writes  uint64
	writers []*writer
	tally   *tally
	ack     [16]byte
}

func (c *churnPublisher) pump(now int64) int64 {
	due := c.due()
	for due <= now {
		index := c.writes % uint64(len(c.writers))
		w := c.writers[index]
		if !w.full() {
			c.write(w, uint32(c.FirstTopic)+uint32(index), due)
		}
		c.writes++
		due = c.due()
	}
	c.tally.sent.Store(c.published())
	return due
}

func (c *churnPublisher) write(w *writer, topic uint32, due int64) {
	for pair := range c.pairs {
		w.buffer = appendControl(w.buffer, "__subscribe", topic, nil)
		ack := c.ack[:0]
		if pair == c.pairs-1 && c.writes/uint64(len(c.writers))%churnAckEvery == 0 {
			ack = appendHex(ack, uint64(due), 16)
		}
		w.buffer = appendControl(w.buffer, "__unsubscribe", topic, ack)
	}
	w.flush()
}

func (c *churnPublisher) due() int64 {
	return c.start + int64(float64(c.writes)*(1e9*float64(2*c.pairs)/c.Rate))
}

func (c *churnPublisher) published() uint64 { return c.writes * uint64(2*c.pairs) }
