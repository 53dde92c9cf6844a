//go:build linux

package swarm

const (
	floodTurn      = 32
	floodPingEvery = 32
	maxFloodPings  = 8
)

// floodPublisher writes batches of events over many connections in turn, as fast as the server reads. Every so many writes one carries a
// ping, and when a few pings are unanswered it waits: so far fewer writes are on their way than there are connections, and the
// server finds one write at a time in a socket however slow it is.
// I1: asked minus the answers never exceeds maxFloodPings.
type floodPublisher struct {
	rotation
	dialect   Dialect
	size      int
	batch     int
	writers   []*writer
	next      int
	sincePing int
	asked     uint64
	tally     *tally
}

func newFloodPublisher(p *Publication, dialect Dialect, writers []*writer, t *tally) *floodPublisher {
	return &floodPublisher{
		rotation: newRotation(p), dialect: dialect, size: p.Size, batch: max(p.Batch, 1), writers: writers,
		asked: t.answered.Load(), tally: t,
	}
}

func (f *floodPublisher) pump(now int64) int64 {
	wrote := 0
	for looked := 0; looked < len(f.writers) && wrote < floodTurn; looked++ {
		if f.asked-f.tally.answered.Load() >= maxFloodPings {
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
		f.asked++
		w.buffer = appendFrame(w.buffer, opPing, nil)
	}
	w.flush()
}

func (f *floodPublisher) published() uint64 { return f.count }
