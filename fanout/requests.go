package fanout

import "sync"

// requests stores the first part of HTTP requests whose head has not arrived completely, by slot. It belongs to a loop's
// goroutine.
type requests map[uint32]*[]byte

// maxPooledRequest is how large a buffer is worth keeping.
const maxPooledRequest = 32 << 10

var requestPool = sync.Pool{New: func() any { b := make([]byte, 0, 1024); return &b }}

// with returns what has arrived of a request: the stored bytes, how many they were, and view behind them. It is valid until
// the request is discarded or recycled.
func (r requests) with(slot uint32, view []byte) (buf []byte, scanned int) {
	stored := r[slot]
	if stored == nil {
		return view, 0
	}
	scanned = len(*stored)
	*stored = append(*stored, view...)
	return *stored, scanned
}

// storeFirst stores the first bytes of a request, or reports false if some are stored already.
func (r requests) storeFirst(slot uint32, view []byte) bool {
	if r[slot] != nil {
		return false
	}
	stored := requestPool.Get().(*[]byte)
	*stored = append((*stored)[:0], view...)
	r[slot] = stored
	return true
}

// take returns what is stored of a request, nil for nothing, and hands it over to the caller, who recycles it.
func (r requests) take(slot uint32) *[]byte {
	stored := r[slot]
	delete(r, slot)
	return stored
}

// discard drops what is stored of a request.
func (r requests) discard(slot uint32) { recycleRequest(r.take(slot)) }

func recycleRequest(stored *[]byte) {
	if stored != nil && cap(*stored) <= maxPooledRequest {
		requestPool.Put(stored)
	}
}
