package netpoll

// outlog holds the frames that wait for the end of the turn, for all connections of a reactor at once. It belongs to
// the reactor.
//
// The pending frames of a connection are a path from the root of a tree: each node adds one frame to its parent's
// sequence, and a connection is one number, the node at which its sequence ends. Connections that were handed the same
// frames in the same order end at the same node, so one contiguous batch, built at the first flush, serves all of them;
// and handing a frame to a member is reading one number and writing another.
//
// I1: node 0 is the root, the empty sequence; it is never freed.
// I2: a node's members is the number of connections whose sequence ends there; a node other than the root with neither
// members nor kids is freed at once, and its reference to the frame with it.
// I3: bytes, frames and counted of a node are those of the whole sequence from the root.
// I4: recentKid is valid only while recentSerial is the serial of the job being applied.
type outlog struct {
	nodes     []node
	free      []uint32
	batches   batchPool
	heavyFrom int
	heavy     int
	pending   int
	most      int
	live      int
}

type node struct {
	frame        *Frame
	batch        *batch
	parent       uint32
	serial       uint32
	recentSerial uint32
	recentKid    uint32
	members      int32
	kids         int32
	bytes        uint32
	frames       uint32
	counted      uint32
}

func newOutlog(heavyFrom, most int) outlog {
	return outlog{nodes: make([]node, 1), heavyFrom: heavyFrom, most: most}
}

// kid returns the node that adds f to the sequence of parent. All calls with one serial must be about the same frame.
func (l *outlog) kid(parent, serial uint32, f *Frame) uint32 {
	if p := &l.nodes[parent]; p.recentSerial == serial {
		return p.recentKid
	}
	var n uint32
	if last := len(l.free) - 1; last >= 0 {
		n = l.free[last]
		l.free = l.free[:last]
	} else {
		n = uint32(len(l.nodes))
		l.nodes = append(l.nodes, node{})
	}
	p := &l.nodes[parent]
	p.recentSerial = serial
	p.recentKid = n
	p.kids++
	f.Retain(1)
	counted := p.counted
	if f.counted {
		counted++
	}
	l.nodes[n] = node{
		frame:   f,
		parent:  parent,
		serial:  serial,
		bytes:   p.bytes + uint32(len(f.bytes)),
		frames:  p.frames + 1,
		counted: counted,
	}
	if int(l.nodes[n].bytes) > l.heavyFrom {
		l.heavy++
	}
	l.live++
	l.pending += len(f.bytes)
	return n
}

// isHeavy says that so much is pending, on one connection or on all, that it is to be flushed before more comes.
func (l *outlog) isHeavy() bool { return l.heavy > 0 || l.pending > l.most }

// move notes that members connections went from one node to another.
func (l *outlog) move(from, to uint32, members int32) {
	l.nodes[to].members += members
	l.nodes[from].members -= members
	l.prune(to)
	l.prune(from)
}

// leave notes that one connection's sequence is no longer at n.
func (l *outlog) leave(n uint32) {
	l.nodes[n].members--
	l.prune(n)
}

func (l *outlog) prune(n uint32) {
	for n != 0 {
		d := &l.nodes[n]
		if d.members != 0 || d.kids != 0 || d.frame == nil {
			return
		}
		l.pending -= len(d.frame.bytes)
		d.frame.Release()
		d.frame = nil
		if d.batch != nil {
			l.batches.release(d.batch)
			d.batch = nil
		}
		if int(d.bytes) > l.heavyFrom {
			l.heavy--
		}
		l.live--
		parent := d.parent
		l.free = append(l.free, n)
		p := &l.nodes[parent]
		p.kids--
		if p.recentKid == n {
			p.recentSerial = 0
		}
		n = parent
	}
}

// batch returns the contiguous bytes of the sequence that ends at n. The node keeps its reference; a caller that keeps
// the batch beyond the call adds its own.
func (l *outlog) batch(n uint32) *batch {
	d := &l.nodes[n]
	if d.batch != nil {
		return d.batch
	}
	b := l.batches.get(int(d.bytes), int(d.frames))
	end := len(b.bytes)
	for i := len(b.ends) - 1; i >= 0; i-- {
		step := &l.nodes[n]
		f := step.frame
		b.ends[i] = uint32(end) << 1
		if f.counted {
			b.ends[i] |= 1
		}
		end -= len(f.bytes)
		copy(b.bytes[end:], f.bytes)
		n = step.parent
	}
	d.batch = b
	return b
}

// alone says that one connection waits for the sequence that ends at n, and for no longer one.
func (l *outlog) alone(n uint32) bool { return l.nodes[n].members == 1 && l.nodes[n].kids == 0 }

// trim gives memory back that a spike left, once nothing is pending.
func (l *outlog) trim() {
	l.batches.trim()
	if l.live == 0 && len(l.nodes) > 4096 {
		l.nodes = make([]node, 1)
		l.free = nil
	}
}
