//go:build linux

package swarm

const churnAckEvery = 4

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
