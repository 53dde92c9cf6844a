package fanout

// requests stores the first part of HTTP requests whose head has not arrived completely, by slot. It belongs to a loop's
// goroutine.
//
// I1: held is how many bytes of memory the stored parts take.
type requests struct {
	bySlot map[uint32][]byte
	held   int
}

// requestSlabs is the memory of stored parts: lent by size, so that a short part takes little whatever was stored there before.
var requestSlabs = slabs[byte]{least: 1024}

// with returns what has arrived of a request: the stored bytes, how many they were, and view behind them. It is valid until
// the request is discarded or recycled.
func (r *requests) with(slot uint32, view []byte) (buf []byte, scanned int) {
	stored := r.bySlot[slot]
	if stored == nil {
		return view, 0
	}
	scanned = len(stored)
	r.held -= cap(stored)
	stored = append(requestSlabs.grow(stored, len(view)), view...)
	r.held += cap(stored)
	r.bySlot[slot] = stored
	return stored, scanned
}

// storeFirst stores the first bytes of a request, or reports false if some are stored already.
func (r *requests) storeFirst(slot uint32, view []byte) bool {
	if r.bySlot[slot] != nil {
		return false
	}
	stored := append(requestSlabs.get(len(view)), view...)
	r.bySlot[slot] = stored
	r.held += cap(stored)
	return true
}

// take returns what is stored of a request, nil for nothing, and hands it over to the caller, who recycles it.
func (r *requests) take(slot uint32) []byte {
	stored := r.bySlot[slot]
	if stored != nil {
		r.held -= cap(stored)
		delete(r.bySlot, slot)
	}
	return stored
}

// begun says whether anything is stored of a request.
func (r *requests) begun(slot uint32) bool { return r.bySlot[slot] != nil }

// beginning is what is stored of a request, nil for nothing. It is valid until that is discarded or recycled.
func (r *requests) beginning(slot uint32) []byte { return r.bySlot[slot] }

// heldBy is how many bytes are stored of a request.
func (r *requests) heldBy(slot uint32) int { return len(r.bySlot[slot]) }

// discard drops what is stored of a request.
func (r *requests) discard(slot uint32) { recycleRequest(r.take(slot)) }

func recycleRequest(stored []byte) { requestSlabs.put(stored) }
