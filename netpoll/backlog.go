package netpoll

import "bytes"

// backlog is what a full socket has not taken yet: batches in order, the first of them sent up to offset. Sender.roomAgain
// goes on with it; Sender.refuseIfOver holds it against the limit. It belongs to the Sender and exists only while the socket is
// full.
//
// I1: bytes is the sum of the lengths of the batches from first on, less offset; frames is how many frames of them have bytes
// unsent.
// I2: there is a batch while the backlog is in use.
// I3: while room is set, a list of the Sender names the connection.
type backlog struct {
	batches []*batch
	// first is the index of the first batch that is not sent.
	first  int
	offset int
	bytes  int
	frames int
	// since is the tick at which the socket filled up.
	since   uint32
	crowded crowding
	strain  strain
	// nextFree is the number of the next free backlog, while this one is free.
	nextFree uint32
	// room: the socket may take more; flush goes on with it.
	room bool
}

// tailBytes is the room of the batch in which a backlog collects small frames that nobody else waits for.
const tailBytes = 16 << 10

// placeBytes is what a batch's place in a backlog takes.
const placeBytes = 8

// charge is what the backlog counts against the connection's limit.
func (l *backlog) charge() int { return l.bytes + frameOverhead*max(l.frames-1, 0) }

func (l *backlog) push(b *batch, pool *batchPool) {
	l.batches = append(l.batches, b)
	l.bytes += len(b.bytes)
	l.frames += len(b.ends)
	pool.held += placeBytes
}

// appendCopy adds a copy of the frames of b, which nobody else waits for: small ones share a batch, so that a socket that stays full
// costs little more than the bytes it waits with.
func (l *backlog) appendCopy(b *batch, pool *batchPool) {
	if last := len(l.batches) - 1; last >= l.first && l.batches[last].takes(b) {
		pool.add(l.batches[last], b)
		l.bytes += len(b.bytes)
		l.frames += len(b.ends)
		return
	}
	if len(b.bytes) >= tailBytes/4 {
		b.refs++
		l.push(b, pool)
		return
	}
	tail := pool.get(tailBytes, 0)
	tail.bytes = tail.bytes[:0]
	pool.add(tail, b)
	l.push(tail, pool)
}

func (l *backlog) head() *batch { return l.batches[l.first] }

func (l *backlog) empty() bool { return l.first == len(l.batches) }

// advance takes n sent bytes off the front and notes which counted frames were finished by them.
func (l *backlog) advance(n int, pool *batchPool, count *sendCounters) {
	l.bytes -= n
	for n > 0 {
		b := l.head()
		rest := len(b.bytes) - l.offset
		frames, counted := b.endsWithin(l.offset, l.offset+n)
		l.frames -= frames
		count.delivered(b.oldest, counted)
		if n < rest {
			l.offset += n
			return
		}
		n -= rest
		l.shift(pool)
	}
}

func (l *backlog) shift(pool *batchPool) {
	pool.release(l.batches[l.first])
	pool.held -= placeBytes
	l.batches[l.first] = nil
	l.first++
	l.offset = 0
	if l.first > 64 && l.first > len(l.batches)/2 {
		kept := copy(l.batches, l.batches[l.first:])
		clear(l.batches[kept:])
		l.batches = l.batches[:kept]
		l.first = 0
	}
}

// counted is the number of counted frames that are not finished.
func (l *backlog) counted() int {
	counted := 0
	offset := l.offset
	for _, b := range l.batches[l.first:] {
		counted += b.countedFrom(offset)
		offset = 0
	}
	return counted
}

// cut drops all but the rest of a frame that is half sent, and returns how many counted frames it dropped.
func (l *backlog) cut(pool *batchPool) (dropped int) {
	b := l.head()
	start, end, counted, half := b.frameAt(l.offset)
	total := l.counted()
	if !half {
		l.drop(pool)
		return total
	}
	whole := pool.part(b, start, end, counted)
	if counted {
		total--
	}
	sent := l.offset - start
	l.drop(pool)
	l.push(whole, pool)
	l.offset = sent
	l.bytes -= sent
	return total
}

// cutBehind drops all behind the frame in which the first committed bytes end, and returns how many counted frames it dropped.
func (l *backlog) cutBehind(committed int, pool *batchPool) (dropped int) {
	total := l.counted()
	i, offset := l.first, l.offset
	for rest := len(l.batches[i].bytes) - offset; committed > rest; rest = len(l.batches[i].bytes) {
		committed -= rest
		offset = 0
		i++
	}
	_, end, _, _ := l.batches[i].frameAt(offset + committed - 1)
	kept := pool.head(l.batches[i], end)
	for j := i; j < len(l.batches); j++ {
		pool.release(l.batches[j])
		pool.held -= placeBytes
		l.batches[j] = nil
	}
	l.batches = l.batches[:i]
	l.recount()
	l.push(kept, pool)
	if i == l.first {
		l.recount()
	}
	return total - l.counted()
}

// recount counts bytes and frames again.
func (l *backlog) recount() {
	l.bytes, l.frames = 0, 0
	offset := l.offset
	for _, b := range l.batches[l.first:] {
		frames, _ := b.endsWithin(offset, len(b.bytes))
		l.bytes += len(b.bytes) - offset
		l.frames += frames
		offset = 0
	}
}

// lastFrame returns a copy of the last frame, nil if a part of it is sent or among the first committed bytes. The copy has one reference.
func (l *backlog) lastFrame(committed int) *Frame {
	last := len(l.batches) - 1
	b := l.batches[last]
	end := b.ends[len(b.ends)-1]
	start := 0
	if n := len(b.ends); n > 1 {
		start = b.ends[n-2].offset()
	}
	if last == l.first && l.offset > start || l.bytes-(end.offset()-start) < committed {
		return nil
	}
	f := NewFrame(bytes.Clone(b.bytes[start:end.offset()]), end.counted() == 1)
	f.made = b.oldest
	return f
}

func (l *backlog) drop(pool *batchPool) {
	for !l.empty() {
		l.shift(pool)
	}
	clear(l.batches)
	l.batches = l.batches[:0]
	l.first = 0
	l.bytes = 0
	l.frames = 0
	l.offset = 0
}

// appendTo appends the bytes that are not sent to dst.
func (l *backlog) appendTo(dst []byte) []byte {
	offset := l.offset
	for _, b := range l.batches[l.first:] {
		dst = append(dst, b.bytes[offset:]...)
		offset = 0
	}
	return dst
}

// views fills pieces with what is to be sent next, up to limit bytes.
func (l *backlog) views(pieces [][]byte, limit int) [][]byte {
	offset, total, n := l.offset, 0, 0
	for _, b := range l.batches[l.first:] {
		if n == len(pieces) || total >= limit {
			break
		}
		rest := b.bytes[offset:]
		pieces[n] = rest[:min(len(rest), limit-total)]
		total += len(pieces[n])
		offset = 0
		n++
	}
	return pieces[:n]
}

// backlogs hands out backlogs by number; 0 means none. It belongs to the Sender.
type backlogs struct {
	all []backlog
	// free is the number of the first free backlog.
	free  uint32
	inUse int
}

// maxIdleBatchList is the room for batches that a free backlog keeps.
const maxIdleBatchList = 64

func (p *backlogs) at(n uint32) *backlog { return &p.all[n] }

func (p *backlogs) get(since uint32) uint32 {
	if len(p.all) == 0 {
		p.all = make([]backlog, 1, 8)
	}
	n := p.free
	if n != 0 {
		p.free = p.all[n].nextFree
	} else {
		n = uint32(len(p.all))
		p.all = append(p.all, backlog{})
	}
	p.inUse++
	l := &p.all[n]
	l.since = since
	l.crowded.moved = since
	l.nextFree = 0
	return n
}

// put takes an empty backlog back.
func (p *backlogs) put(n uint32) {
	l := &p.all[n]
	batches := l.batches[:0]
	if cap(batches) > maxIdleBatchList {
		batches = nil
	}
	*l = backlog{batches: batches, nextFree: p.free}
	p.free = n
	p.inUse--
}

// trim gives all memory back when no socket is full.
func (p *backlogs) trim() {
	if p.inUse == 0 {
		p.all = nil
		p.free = 0
	}
}
