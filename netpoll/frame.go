package netpoll

import (
	"sync/atomic"
	"time"
)

// Frame is a run of bytes that is queued as one piece on any number of connections: sent whole, or not at all once a
// connection is over its limit. The bytes are immutable from the first Post or Send until the last reference is gone.
//
// A Frame starts with one reference, which belongs to its maker. The reactor takes references of its own. When the
// last one goes, recycle is called (from any goroutine) and the maker may use the memory again.
type Frame struct {
	bytes []byte
	refs  atomic.Int32
	// count is how many frames the bytes are that take part in the ledger: one or none, unless this is a run.
	count uint32
	// ends are where the frames of a run end, nil for one frame.
	ends []frameEnd
	// made is when a counted frame was made.
	made time.Duration
	// behind is from how many bytes on that wait beside a full socket a connection does not get it now; 0 for any frame that is not
	// deferrable.
	behind  int
	recycle Recycler
}

// Recycler gets a frame's memory back. Recycle runs on whatever goroutine drops the last reference and must not block.
type Recycler interface {
	Recycle()
}

// Reset prepares f for use with one reference. The frame borrows bytes until recycle is called; recycle may be nil,
// which leaves the memory to the collector. A counted frame takes part in the ledger (Counters), and in how long frames take from now
// until the socket has them; an uncounted one (acks, pings, close frames) does not.
func (f *Frame) Reset(bytes []byte, counted bool, recycle Recycler) {
	f.bytes = bytes
	f.count, f.made = 0, 0
	if counted {
		f.count, f.made = 1, Moment()
	}
	f.ends = nil
	f.behind = 0
	f.recycle = recycle
	f.refs.Store(1)
}

// NewFrame returns a frame over bytes with one reference whose memory is left to the collector.
func NewFrame(bytes []byte, counted bool) *Frame {
	f := new(Frame)
	f.Reset(bytes, counted, nil)
	return f
}

// Defer makes f deferrable: a connection is passed over with it (Sender.Passed) whose socket is full and for which more than behind
// bytes wait. It is for the maker, ahead of the first Post or Send.
func (f *Frame) Defer(behind int) { f.behind = behind }

// Join makes f a run: what the frames are one behind the other, queued as one piece, and sent, counted, charged and dropped as the frames
// that they are. It copies their bytes into room, which it may grow, and returns it. Otherwise it is like Reset.
func (f *Frame) Join(frames []*Frame, room []byte, recycle Recycler) []byte {
	room = room[:0]
	ends, count := f.ends[:0], uint32(0)
	for _, other := range frames {
		room = append(room, other.bytes...)
		ends = append(ends, endOf(len(room), other.count > 0))
		count += other.count
	}
	f.Reset(room, false, recycle)
	f.ends, f.count = ends, count
	if len(frames) > 0 {
		f.made = frames[0].made
	}
	return room
}

// frames is how many frames the bytes are.
func (f *Frame) frames() int { return max(len(f.ends), 1) }

// charge is what the frame counts against the limit of a connection that has nothing else queued.
func (f *Frame) charge() int { return len(f.bytes) + frameOverhead*(f.frames()-1) }

// Len is the frame's length in bytes.
func (f *Frame) Len() int { return len(f.bytes) }

// Retain adds n references. Any goroutine that holds one may call it.
func (f *Frame) Retain(n int) { f.refs.Add(int32(n)) }

// Release drops one reference. Any goroutine that holds one may call it.
func (f *Frame) Release() {
	if f.refs.Add(-1) == 0 && f.recycle != nil {
		f.recycle.Recycle()
	}
}
