package fanout

import (
	"sync"

	"github.com/spokehub/spokehub/netpoll"
	"github.com/spokehub/spokehub/stream"
)

// run is a part of a stream without a gap, joined to one frame: what is queued on all spokes that are fed from the same position while
// the loop has it. It comes from a pool and returns to it when the last queue has sent it.
//
// I1: it has the events of its stream from first to next, without next.
type run struct {
	netpoll.Frame
	buf         []byte
	typ, epoch  string
	first, next uint64
}

const (
	// maxRuns is how many runs a loop keeps while spokes lag: for as many positions at which many come back.
	maxRuns = 4
	// leastRun is how many events are worth joining.
	leastRun = 4
)

var runPool = sync.Pool{New: func() any { return new(run) }}

// Recycle returns the run to its pool.
func (r *run) Recycle() { runPool.Put(r) }

// runs are those that a loop has joined lately, the newest in the place ahead of next.
type runs struct {
	all  [maxRuns]*run
	next int
	// parts is scratch.
	parts []*netpoll.Frame
}

// find returns the run of a stream from a position on, nil if there is none.
func (q *runs) find(typ, epoch string, first uint64) *run {
	for _, r := range q.all {
		if r != nil && r.first == first && r.typ == typ && r.epoch == epoch {
			return r
		}
	}
	return nil
}

// join makes the run of a page that begins at first, nil if there is a gap in it, or too little.
func (q *runs) join(typ string, first uint64, page *stream.Page) *run {
	n := len(page.Entries)
	if n < leastRun || page.Entries[0].Offset != first || page.Entries[n-1].Offset != first+uint64(n)-1 {
		return nil
	}
	q.parts = q.parts[:0]
	for i := range page.Entries {
		q.parts = append(q.parts, &page.Entries[i].Frame.(*keptFrame).Frame)
	}
	r := runPool.Get().(*run)
	r.buf = r.Join(q.parts, r.buf, r)
	clear(q.parts)
	r.typ, r.epoch, r.first, r.next = typ, page.Epoch, first, first+uint64(n)
	if old := q.all[q.next]; old != nil {
		old.Release()
	}
	q.all[q.next] = r
	q.next = (q.next + 1) % maxRuns
	return r
}

// drop lets all runs go.
func (q *runs) drop() {
	for i, r := range q.all {
		if r != nil {
			r.Release()
			q.all[i] = nil
		}
	}
}

// held is the memory of the runs.
func (q *runs) held() (bytes int) {
	for _, r := range q.all {
		if r != nil {
			bytes += cap(r.buf)
		}
	}
	return bytes
}

// feedRun feeds spokes that are to get every event from a position on, as one piece. It reports false if there is a gap, another epoch, or too little:
// then nothing has been done.
func (l *loop) feedRun(group []feeding) bool {
	f := &l.flow.lags.feeder
	at := group[0].cursor
	r := f.runs.find(at.typ, at.epoch, at.next)
	if r == nil {
		query := stream.Query{After: at.next - 1, Events: feedEvents, Bytes: l.hub.cfg.QueueLimit / feedShare}
		if err := l.hub.streams.store.Read(at.typ, query, &f.page); err != nil {
			l.unread(at.typ, err)
			return true
		}
		if f.page.Epoch == at.epoch {
			r = f.runs.join(at.typ, at.next, &f.page)
		}
		f.page.Release()
		if r == nil {
			return false
		}
	}
	f.slots = f.slots[:0]
	for i := range group {
		g := &group[i]
		f.slots = append(f.slots, g.slot)
		if from := max(g.base, r.first); from < r.next {
			g.cursor.owed -= int64(r.next - from)
		}
		g.cursor.next = r.next
	}
	l.sender.FanoutPast(&r.Frame, f.slots)
	return true
}
