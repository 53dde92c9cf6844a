package netpoll

// backlog is what a full socket has not taken yet: batches in order, the first of them sent up to offset. It belongs to
// the reactor and exists only while its socket is full.
//
// I1: bytes is the sum of the lengths of items less offset.
// I2: items is not empty while the backlog is in use.
type backlog struct {
	items  []*batch
	head   int
	offset int
	bytes  int
	since  uint32
	next   uint32
}

func (g *backlog) push(b *batch) {
	g.items = append(g.items, b)
	g.bytes += len(b.bytes)
}

// append copies the frames of b, which nobody else waits for: small ones share a batch, so that a socket that stays full
// costs little more than the bytes it waits with.
func (g *backlog) append(b *batch, pool *batchPool) {
	if last := len(g.items) - 1; last >= g.head && g.items[last].takes(b) {
		pool.add(g.items[last], b)
		g.bytes += len(b.bytes)
		return
	}
	if len(b.bytes) >= tailClassBytes/4 {
		b.refs++
		g.push(b)
		return
	}
	tail := pool.get(tailClassBytes, 0)
	tail.bytes = tail.bytes[:0]
	pool.add(tail, b)
	g.push(tail)
}

func (g *backlog) first() *batch { return g.items[g.head] }

func (g *backlog) empty() bool { return g.head == len(g.items) }

// advance takes n sent bytes off the front and returns how many counted frames were finished by them.
func (g *backlog) advance(n int, pool *batchPool) (finished int) {
	g.bytes -= n
	for n > 0 {
		b := g.first()
		rest := len(b.bytes) - g.offset
		if n < rest {
			finished += b.countedFrom(g.offset) - b.countedFrom(g.offset+n)
			g.offset += n
			if defectMiscountsPart && n+1 < rest {
				g.offset++
			}
			return finished
		}
		finished += b.countedFrom(g.offset)
		n -= rest
		g.shift(pool)
	}
	return finished
}

func (g *backlog) shift(pool *batchPool) {
	pool.release(g.items[g.head])
	g.items[g.head] = nil
	g.head++
	g.offset = 0
	if g.head > 64 && g.head > len(g.items)/2 {
		kept := copy(g.items, g.items[g.head:])
		clear(g.items[kept:])
		g.items = g.items[:kept]
		g.head = 0
	}
}

// counted is the number of counted frames that are not finished.
func (g *backlog) counted() int {
	counted := 0
	offset := g.offset
	for _, b := range g.items[g.head:] {
		counted += b.countedFrom(offset)
		offset = 0
	}
	return counted
}

// cut drops all but the rest of a frame that is half sent, and returns how many counted frames it dropped.
func (g *backlog) cut(pool *batchPool) (dropped int) {
	b := g.first()
	start, end, counted, half := b.frameAt(g.offset)
	total := g.counted()
	if !half || defectCutsHalfFrame {
		g.drop(pool)
		return total
	}
	whole := pool.part(b, start, end, counted)
	if counted {
		total--
	}
	sent := g.offset - start
	g.drop(pool)
	g.push(whole)
	g.offset = sent
	g.bytes -= sent
	return total
}

func (g *backlog) drop(pool *batchPool) {
	for !g.empty() {
		g.shift(pool)
	}
	clear(g.items)
	g.items = g.items[:0]
	g.head = 0
	g.bytes = 0
	g.offset = 0
}

const pooledItems = 64

// backlogs hands out backlogs by number; 0 means none. It belongs to the reactor.
type backlogs struct {
	all   []backlog
	free  uint32
	inUse int
}

func (p *backlogs) get(since uint32) uint32 {
	if len(p.all) == 0 {
		p.all = make([]backlog, 1, 8)
	}
	n := p.free
	if n != 0 {
		p.free = p.all[n].next
	} else {
		n = uint32(len(p.all))
		p.all = append(p.all, backlog{})
	}
	p.inUse++
	g := &p.all[n]
	g.since = since
	g.next = 0
	return n
}

// put takes an empty backlog back.
func (p *backlogs) put(n uint32) {
	g := &p.all[n]
	items := g.items[:0]
	if cap(items) > pooledItems {
		items = nil
	}
	*g = backlog{items: items, next: p.free}
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
