//go:build linux

package swarm

const (
	floodTurn      = 32
	floodPingEvery = 32
	maxFloodPings  = 8
)

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

func (f *floodPublisher) published() uint64 { return f.count }
