//go:build linux

package swarm

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

func (w *windowPublisher) published() uint64 { return w.count }

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

func (r *ratePublisher) published() uint64 { return r.count }
