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

// rotation is a publisher's place in its topics, which it serves in turn.
type rotation struct {
	first  uint32
	topics uint64
	count  uint64
}

func newRotation(p *Publication) rotation {
	return rotation{first: uint32(p.FirstTopic), topics: uint64(max(p.Topics, 1)), count: p.From}
}

// tick gives the event that is next, scheduled for the time at.
func (r *rotation) tick(at int64) tick {
	return tick{topic: r.first + uint32(r.count%r.topics), seq: uint32(r.count / r.topics), at: at}
}

func (r *rotation) published() uint64 { return r.count }

// windowPublisher keeps a number of messages in flight: a message counts until every subscriber in every process has it.
// I1: count minus the completed messages never exceeds window.
// I2: a message's slot in the counters is zero before it is sent.
type windowPublisher struct {
	rotation
	dialect  Dialect
	size     int
	window   uint64
	spokes   int
	writer   *writer
	counters *Counters
	base     uint64
}

func newWindowPublisher(p *Publication, dialect Dialect, counters *Counters, w *writer) *windowPublisher {
	return &windowPublisher{
		rotation: newRotation(p), dialect: dialect, size: p.Size, window: uint64(p.Window), spokes: p.Spokes,
		writer: w, counters: counters, base: p.From - counters.Completed(),
	}
}

func (w *windowPublisher) pump(now int64) int64 {
	for w.count-w.base-w.counters.Completed() < w.window && !w.writer.full() {
		slot := w.counters.slot(w.count)
		if slot.Load() != 0 {
			break
		}
		subscribers := topicSent(uint64(w.spokes), int(w.topics), int(w.count%w.topics))
		slot.Store(int32(subscribers))
		w.writer.buffer = w.dialect.appendPublish(w.writer.buffer, w.tick(now), w.size)
		w.count++
	}
	w.writer.flush()
	return never
}

// ratePublisher keeps to a schedule. An event bears the time at which it was due, so a late one shows as latency.
type ratePublisher struct {
	rotation
	dialect  Dialect
	size     int
	interval float64
	start    int64
	sent     uint64
	writer   *writer
}

func newRatePublisher(p *Publication, dialect Dialect, w *writer, start int64) *ratePublisher {
	return &ratePublisher{
		rotation: newRotation(p), dialect: dialect, size: p.Size, interval: 1e9 / p.Rate, start: start, writer: w,
	}
}

func (r *ratePublisher) pump(now int64) int64 {
	due := r.due()
	for due <= now && !r.writer.full() {
		r.writer.buffer = r.dialect.appendPublish(r.writer.buffer, r.tick(due), r.size)
		r.count++
		r.sent++
		due = r.due()
	}
	r.writer.flush()
	if due <= now {
		return never
	}
	return due
}

func (r *ratePublisher) due() int64 { return r.start + int64(float64(r.sent)*r.interval) }

// floodPublisher writes batches of events over many connections in turn, as fast as the server reads. Some of the writes end with a
// ping, and while several pings are unanswered it waits: so far fewer writes are in flight than there are connections, and the server
// finds one write at a time in a socket however slow it is.
// I1: pings minus their answers never exceeds maxFloodPings.
type floodPublisher struct {
	rotation
	dialect   Dialect
	size      int
	batch     int
	writers   []*writer
	next      int
	sincePing int
	pings     uint64
	tally     *tally
}

func newFloodPublisher(p *Publication, dialect Dialect, writers []*writer, t *tally) *floodPublisher {
	return &floodPublisher{
		rotation: newRotation(p), dialect: dialect, size: p.Size, batch: max(p.Batch, 1), writers: writers,
		pings: t.answered.Load(), tally: t,
	}
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
	for range f.batch {
		w.buffer = f.dialect.appendPublish(w.buffer, f.tick(now), f.size)
		f.count++
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
	batch    int
	interval float64
	start    int64
	writes   uint64
	first    uint32
	writers  []*writer
	tally    *tally
	ack      [16]byte
}

func newChurnPublisher(p *Publication, writers []*writer, t *tally, start int64) *churnPublisher {
	batch := max(p.Batch/2*2, 2)
	return &churnPublisher{
		batch: batch, interval: 1e9 * float64(batch) / p.Rate, start: start, first: uint32(p.FirstTopic), writers: writers, tally: t,
	}
}

func (c *churnPublisher) pump(now int64) int64 {
	due := c.due()
	for due <= now {
		index := c.writes % uint64(len(c.writers))
		w := c.writers[index]
		if !w.full() {
			c.write(w, c.first+uint32(index), due)
		}
		c.writes++
		due = c.due()
	}
	c.tally.sent.Store(c.published())
	return due
}

func (c *churnPublisher) write(w *writer, topic uint32, due int64) {
	for pair := range c.batch / 2 {
		w.buffer = appendControl(w.buffer, "__subscribe", topic, nil)
		ack := c.ack[:0]
		if pair == c.batch/2-1 && c.writes/uint64(len(c.writers))%churnAckEvery == 0 {
			ack = appendHex(ack, uint64(due), 16)
		}
		w.buffer = appendControl(w.buffer, "__unsubscribe", topic, ack)
	}
	w.flush()
}

func (c *churnPublisher) due() int64 { return c.start + int64(float64(c.writes)*c.interval) }

func (c *churnPublisher) published() uint64 { return c.writes * uint64(c.batch) }
