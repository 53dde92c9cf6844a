package netpoll

// batch is a contiguous copy of one pending sequence of frames, built once and sent to every connection that has
// exactly this sequence pending. It belongs to the reactor; refs counts the log node and the backlogs that hold it.
//
// I1: bytes do not change while refs is above zero.
// I2: ends holds one entry a frame, ascending: the offset behind the frame, shifted left by one, with the low bit set
// on a frame that counts in the ledger.
type batch struct {
	bytes []byte
	ends  []uint64
	refs  int32
}

// countedFrom says how many counted frames end behind offset.
func (b *batch) countedFrom(offset int) int {
	counted := 0
	for i := len(b.ends) - 1; i >= 0 && int(b.ends[i]>>1) > offset; i-- {
		counted += int(b.ends[i] & 1)
	}
	return counted
}

// frameAt returns the bounds of the frame that offset cuts in two, and whether it cuts one.
func (b *batch) frameAt(offset int) (start, end int, counted, cut bool) {
	for _, e := range b.ends {
		end = int(e >> 1)
		if offset < end {
			return start, end, e&1 == 1, offset > start
		}
		start = end
	}
	return 0, 0, false, false
}

const (
	pooledBatchBytes = 64 << 10
	pooledBatches    = 256
)

// batchPool keeps batches for reuse. It belongs to the reactor, and held is the memory of all batches in use.
type batchPool struct {
	idle []*batch
	held int
}

func (p *batchPool) get(size, frames int) *batch {
	var b *batch
	if last := len(p.idle) - 1; last >= 0 {
		b = p.idle[last]
		p.idle[last] = nil
		p.idle = p.idle[:last]
	} else {
		b = new(batch)
	}
	if cap(b.bytes) < size {
		b.bytes = make([]byte, size+size/4)
	}
	if cap(b.ends) < frames {
		b.ends = make([]uint64, frames+frames/4)
	}
	b.bytes = b.bytes[:size]
	b.ends = b.ends[:frames]
	b.refs = 1
	p.held += cap(b.bytes)
	return b
}

func (p *batchPool) release(b *batch) {
	b.refs--
	if b.refs > 0 {
		return
	}
	p.held -= cap(b.bytes)
	if cap(b.bytes) <= pooledBatchBytes && len(p.idle) < pooledBatches {
		p.idle = append(p.idle, b)
	}
}

// trim drops half of the idle batches, so that an idle reactor gives a spike's memory back in a few ticks.
func (p *batchPool) trim() {
	keep := len(p.idle) / 2
	clear(p.idle[keep:])
	p.idle = p.idle[:keep]
	if keep == 0 {
		p.idle = nil
	}
}
