package netpoll

import (
	"math/bits"
	"slices"
	"time"
)

// batch is a contiguous copy of one pending sequence of frames, built once and sent to every connection that has
// exactly this sequence pending. It belongs to the Sender; refs counts the node of the pending tree and the backlogs that
// have it.
//
// I1: while refs is above zero the bytes that are there do not change; while it is one, its owner may add more behind them.
// I2: ends has one entry a frame, ascending.
type batch struct {
	bytes []byte
	ends  []frameEnd
	refs  int32
	// oldest is the moment from which the first counted frame counts, 0 if there is none.
	oldest time.Duration
	// whole is the batch whose memory a part shares, nil for any other.
	whole *batch
}

// frameEnd is the offset at which a frame of a batch ends and, in its lowest bit, whether the frame is counted.
type frameEnd uint32

func endOf(offset int, counted bool) frameEnd {
	if counted {
		return frameEnd(offset)<<1 | 1
	}
	return frameEnd(offset) << 1
}

func (e frameEnd) offset() int { return int(e >> 1) }

// counted is 1 for a frame that counts in the ledger, else 0.
func (e frameEnd) counted() int { return int(e & 1) }

// moved is the same end, by bytes further on.
func (e frameEnd) moved(by int) frameEnd { return e + frameEnd(by)<<1 }

// countedFrom says how many counted frames end behind offset.
func (b *batch) countedFrom(offset int) int {
	counted := 0
	for i := len(b.ends) - 1; i >= 0 && b.ends[i].offset() > offset; i-- {
		counted += b.ends[i].counted()
	}
	return counted
}

// endsWithin says how many frames, and how many counted ones, end behind offset from and no further than to.
func (b *batch) endsWithin(from, to int) (frames, counted int) {
	first, _ := slices.BinarySearchFunc(b.ends, from, func(e frameEnd, offset int) int {
		if e.offset() <= offset {
			return -1
		}
		return 1
	})
	for _, e := range b.ends[first:] {
		if e.offset() > to {
			break
		}
		frames++
		counted += e.counted()
	}
	return frames, counted
}

// frameAt returns the bounds of the frame that has the byte at offset, and whether a part of it lies before.
func (b *batch) frameAt(offset int) (start, end int, counted, half bool) {
	for _, e := range b.ends {
		end = e.offset()
		if offset < end {
			return start, end, e.counted() == 1, offset > start
		}
		start = end
	}
	return 0, 0, false, false
}

const (
	// minClass and maxClass are the powers of two between which memory of batches is kept for reuse.
	minClass = 8
	maxClass = 16
	// maxIdleBatches is how many idle batches of one size are kept.
	maxIdleBatches = 64
)

// batchPool keeps batches for reuse, by the power of two that their bytes have room for, so that a batch that waits for
// a full socket wastes at most as much as it has. It belongs to the Sender; held is the memory of all batches in use.
type batchPool struct {
	idle [maxClass + 1][]*batch
	held int
}

// get returns a batch of size bytes and so many frames, not yet filled, with one reference.
func (p *batchPool) get(size, frames int) *batch {
	b := p.take(size)
	if cap(b.ends) < frames {
		b.ends = make([]frameEnd, frames, frames+frames/4)
	}
	b.bytes = b.bytes[:size]
	b.ends = b.ends[:frames]
	b.refs = 1
	b.oldest = 0
	p.held += b.memory()
	return b
}

func (p *batchPool) take(size int) *batch {
	class := max(minClass, bits.Len(uint(max(size, 1)-1)))
	if class > maxClass {
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
	if b.whole != nil {
		p.release(b.whole)
		return
	}
	class := bits.Len(uint(cap(b.bytes) - 1))
	if cap(b.bytes) == 1<<class && class <= maxClass && len(p.idle[class]) < maxIdleBatches {
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

// batchOverhead is what a batch takes besides its bytes and its ends.
const batchOverhead = 72

func (b *batch) memory() int {
	if b.whole != nil {
		return batchOverhead + 4*cap(b.ends)
	}
	return batchOverhead + cap(b.bytes) + 4*cap(b.ends)
}

// part is a batch of the frame b.bytes[start:end]: a copy where nobody else holds b, else one that shares b's memory.
func (p *batchPool) part(b *batch, start, end int, counted bool) *batch {
	var out *batch
	if b.refs == 1 {
		out = p.get(end-start, 1)
		copy(out.bytes, b.bytes[start:end])
	} else {
		b.refs++
		out = &batch{bytes: b.bytes[start:end:end], ends: make([]frameEnd, 1), refs: 1, whole: b}
		p.held += out.memory()
	}
	out.ends[0] = endOf(end-start, counted)
	out.oldest = b.oldest
	return out
}

// head is a batch of the frames of b that end at end or before: b itself, cut, where nobody else holds it, else one that shares its memory.
// It has a reference of its own.
func (p *batchPool) head(b *batch, end int) *batch {
	frames, _ := b.endsWithin(0, end)
	if b.refs == 1 {
		b.bytes, b.ends = b.bytes[:end], b.ends[:frames]
		b.refs++
		return b
	}
	b.refs++
	out := &batch{bytes: b.bytes[:end:end], ends: slices.Clone(b.ends[:frames]), refs: 1, oldest: b.oldest, whole: b}
	p.held += out.memory()
	return out
}

// takes says whether more fits behind b's frames.
func (b *batch) takes(more *batch) bool {
	return b.refs == 1 && b.whole == nil && len(b.bytes)+len(more.bytes) <= cap(b.bytes)
}

// add appends the frames of more, for which there must be room.
func (p *batchPool) add(b, more *batch) {
	p.held -= b.memory()
	base := len(b.bytes)
	if b.oldest == 0 {
		b.oldest = more.oldest
	}
	b.bytes = append(b.bytes, more.bytes...)
	for _, e := range more.ends {
		b.ends = append(b.ends, e.moved(base))
	}
	p.held += b.memory()
}
