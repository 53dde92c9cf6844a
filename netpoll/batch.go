package netpoll

import "math/bits"

// batch is a contiguous copy of one pending sequence of frames, built once and sent to every connection that has
// exactly this sequence pending. It belongs to the reactor; refs counts the log node and the backlogs that hold it.
//
// I1: while refs is above zero the bytes that are there do not change; while it is one, its owner may add more behind them.
// I2: ends holds one entry a frame, ascending: the offset behind the frame, shifted left by one, with the low bit set
// on a frame that counts in the ledger.
type batch struct {
	bytes []byte
	ends  []uint32
	refs  int32
	of    *batch
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
	leastClass     = 8
	mostClass      = 16
	pooledAClass   = 64
	tailClassBytes = 16 << 10
)

// batchPool keeps batches for reuse, by the power of two that their bytes have room for, so that a batch that waits for
// a full socket wastes at most as much as it holds. It belongs to the reactor; held is the memory of all batches in use.
type batchPool struct {
	idle [mostClass + 1][]*batch
	held int
}

// get returns a batch of size bytes and so many frames, not yet filled, with one reference.
func (p *batchPool) get(size, frames int) *batch {
	b := p.take(size)
	if cap(b.ends) < frames {
		b.ends = make([]uint32, frames, frames+frames/4)
	}
	b.bytes = b.bytes[:size]
	b.ends = b.ends[:frames]
	b.refs = 1
	p.held += b.memory()
	return b
}

func (p *batchPool) take(size int) *batch {
	class := max(leastClass, bits.Len(uint(max(size, 1)-1)))
	if class > mostClass {
		return &batch{bytes: make([]byte, size)}
	}
	idle := p.idle[class]
	if last := len(idle) - 1; last >= 0 {
		b := idle[last]
		idle[last] = nil
		p.idle[class] = idle[:last]
		return b
	}
	return &batch{bytes: make([]byte, 1<<class)}
}

func (p *batchPool) release(b *batch) {
	b.refs--
	if b.refs > 0 {
		return
	}
	p.held -= b.memory()
	if b.of != nil {
		p.release(b.of)
		return
	}
	class := bits.Len(uint(cap(b.bytes) - 1))
	if cap(b.bytes) == 1<<class && class <= mostClass && len(p.idle[class]) < pooledAClass {
		p.idle[class] = append(p.idle[class], b)
	}
}

// trim drops half of the idle batches, so that an idle reactor gives a spike's memory back in a few ticks.
func (p *batchPool) trim() {
	for class, idle := range p.idle {
		keep := len(idle) / 2
		clear(idle[keep:])
		p.idle[class] = idle[:keep]
		if keep == 0 {
			p.idle[class] = nil
		}
	}
}

func (b *batch) memory() int {
	if b.of != nil {
		return 4 * cap(b.ends)
	}
	return cap(b.bytes) + 4*cap(b.ends)
}

// part is a batch of the frame b.bytes[start:end]: a copy where nobody else holds b, else one that shares b's memory.
func (p *batchPool) part(b *batch, start, end int, counted bool) *batch {
	var out *batch
	if b.refs == 1 {
		out = p.get(end-start, 1)
		copy(out.bytes, b.bytes[start:end])
	} else {
		b.refs++
		out = &batch{bytes: b.bytes[start:end:end], ends: make([]uint32, 1), refs: 1, of: b}
		p.held += out.memory()
	}
	out.ends[0] = uint32(end-start) << 1
	if counted {
		out.ends[0] |= 1
	}
	return out
}

// takes says whether more fits behind b's frames.
func (b *batch) takes(more *batch) bool {
	return b.refs == 1 && b.of == nil && len(b.bytes)+len(more.bytes) <= cap(b.bytes)
}

// add appends the frames of more, for which there must be room.
func (p *batchPool) add(b, more *batch) {
	p.held -= b.memory()
	base := uint32(len(b.bytes)) << 1
	b.bytes = append(b.bytes, more.bytes...)
	for _, e := range more.ends {
		b.ends = append(b.ends, e+base)
	}
	p.held += b.memory()
}
