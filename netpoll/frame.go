package netpoll

import "sync/atomic"

// Frame is a run of bytes that is queued as one piece on any number of connections: sent whole, or not at all once a
// connection is over its limit. The bytes are immutable from the first Post or Send until the last reference is gone.
//
// A Frame starts with one reference, which belongs to its maker. The reactor takes references of its own. When the
// last one goes, recycle is called (from any goroutine) and the maker may use the memory again.
type Frame struct {
	bytes   []byte
	refs    atomic.Int32
	counted bool
	// deferrable: a connection that is behind does not get it now.
	deferrable bool
	recycle    Recycler
}

// Recycler gets a frame's memory back. Recycle runs on whatever goroutine drops the last reference and must not block.
type Recycler interface {
	Recycle()
}

// Reset prepares f for use with one reference. The frame borrows bytes until recycle is called; recycle may be nil,
// which leaves the memory to the collector. A counted frame takes part in the ledger (Counters); an uncounted one
// (acks, pings, close frames) does not.
func (f *Frame) Reset(bytes []byte, counted bool, recycle Recycler) {
	f.bytes = bytes
	f.counted = counted
	f.deferrable = false
	f.recycle = recycle
	f.refs.Store(1)
}

// NewFrame returns a frame over bytes with one reference whose memory is left to the collector.
func NewFrame(bytes []byte, counted bool) *Frame {
	f := new(Frame)
	f.Reset(bytes, counted, nil)
	return f
}

// Defer makes f deferrable: a connection that is behind with it is passed over (Sender.Passed). It is for the maker, ahead of the
// first Post or Send.
func (f *Frame) Defer() { f.deferrable = true }

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
