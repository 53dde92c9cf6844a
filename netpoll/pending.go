package netpoll

import "time"

// Fanout queues f on the members of an event's two topics, ofType and ofTypeAndID, on each connection once though it is
// in both, and on all but except (NoSlot leaves nobody out). Both lists are borrowed until return, and each names a
// connection at most once; the caller keeps its reference to f. A connection over its limit does not get f: the frame
// counts as dropped, and Handler.Overflow follows. One that has left (Sender.Leave) is passed over: f is not for it.
func (s *Sender) Fanout(f *Frame, ofType, ofTypeAndID []uint32, except uint32) {
	s.owner.assert()
	if size := f.charge(); size <= s.limit && s.pending.deepest+frameOverhead+size > s.limit {
		s.makeRoom(size, ofType, except)
		s.makeRoom(size, ofTypeAndID, except)
	}
	s.pending.beginFrame()
	if len(s.offer.lags.passed) > 0 {
		s.forgetPassed()
	}
	s.offer.ofType, s.offer.ofTypeAndID = NoSlot, NoSlot
	matched := s.queue(f, ofType, except, &s.offer.ofType)
	if len(ofTypeAndID) > 0 {
		matched += s.queue(f, ofTypeAndID, except, &s.offer.ofTypeAndID)
	}
	s.count.Matched += uint64(matched) * uint64(f.count)
	s.forgetRefusals()
}

// Send queues f on one connection, under the same limit as Fanout. The caller keeps its reference.
func (s *Sender) Send(slot uint32, f *Frame) { s.Fanout(f, []uint32{slot}, nil, NoSlot) }

// SendLast queues f on one connection whatever its limit: for the frame behind which the connection ends. If it has left, what
// waits behind its gate is dropped. The caller keeps its reference.
func (s *Sender) SendLast(slot uint32, f *Frame) {
	s.owner.assert()
	s.count.Matched += uint64(f.count)
	c := s.conns.At(slot)
	if c.state&hasLeft != 0 {
		s.dropGated(c, DropClosed)
		c.state |= hasLast
	}
	s.add(slot, c, f)
}

// makeRoom flushes the members on which a frame of that size would exceed the limit only because frames wait for the end
// of the turn (I4 of Sender).
func (s *Sender) makeRoom(size int, members []uint32, except uint32) {
	for _, slot := range members {
		c := s.conns.At(slot)
		if slot == except || c.node == 0 || c.state&closedToFrames != 0 || s.charge(c)+frameOverhead+size <= s.limit {
			continue
		}
		if c.backlog != 0 {
			s.roomAgain(slot)
		}
		if c.backlog == 0 && s.charge(c)+frameOverhead+size > s.limit {
			s.flushOne(slot)
		}
	}
}

// queue moves members from the node of the pending tree at which they are to the one that adds f, and lists them. Members
// that lie at a node which f itself has made have it already. It says how many of them f is for, and notes in met one that
// is congested.
func (s *Sender) queue(f *Frame, members []uint32, except uint32, met *uint32) (matched int) {
	var (
		table   = s.conns.chunks
		list    = listFor(len(members))
		from    = NoSlot
		to      uint32
		moved   int32
		tooLong bool
		already bool
	)
	for _, slot := range members {
		c := &table[slot/tableChunk][slot%tableChunk]
		if c.node != from {
			if from != NoSlot && !already {
				s.pending.move(from, to, moved)
				moved = 0
			}
			from = c.node
			already = s.pending.isNewest(from)
			if !already {
				to = s.pending.child(from, f)
				tooLong = int(s.pending.nodes[to].charge) > s.limit
			}
		}
		if already || slot == except {
			continue
		}
		if tooLong || c.backlog != 0 || c.state&diverted != 0 {
			if c.state&(refusedFrame|hasLeft) != 0 {
				continue
			}
			if (f.behind > 0 || c.state&lagging != 0) && s.passes(slot, c, f, int(s.pending.nodes[to].charge)) {
				s.passOver(slot, c)
				continue
			}
			if c.state&gated != 0 {
				s.gates.met = append(s.gates.met, slot)
				continue
			}
			if s.refuseIfOver(slot, c, int(s.pending.nodes[to].charge), f) {
				matched++
				continue
			}
			if f.behind == 0 && s.crowds(slot, c, int(s.pending.nodes[to].charge)) {
				*met = slot
			}
		}
		matched++
		c.node = to
		moved++
		if c.state&listed == 0 || list == inExpress {
			s.lists.push(slot, c, list)
		}
	}
	if from != NoSlot && !already {
		s.pending.move(from, to, moved)
	}
	if len(s.gates.met) > 0 {
		matched += s.queueGated(f)
	}
	return matched
}

// refuseIfOver decides on a connection that may be over its limit once pending is charged to it beside its backlog. Before
// it is refused for the first time, its socket is asked a last time whether it has room: since the poller was, much may have
// left it. What it refuses is counted, and the first time noted.
func (s *Sender) refuseIfOver(slot uint32, c *connQueue, pending int, f *Frame) bool {
	if c.state&refusing == 0 {
		charge := s.chargeBehind(c, pending)
		if charge > s.limit && c.backlog != 0 {
			s.roomAgain(slot)
			charge = s.chargeBehind(c, pending)
		}
		if charge <= s.limit {
			return false
		}
		c.state |= refusing
		s.notices.add(notice{kind: overflowed, slot: slot, queued: charge - len(f.bytes), frame: len(f.bytes)})
	}
	s.count.Dropped[DropOverflow] += uint64(f.count)
	c.state |= refusedFrame
	s.offer.refusals = append(s.offer.refusals, slot)
	return true
}

// forgetRefusals ends the queueing of a frame.
func (s *Sender) forgetRefusals() {
	for _, slot := range s.offer.refusals {
		s.conns.At(slot).state &^= refusedFrame
	}
	s.offer.refusals = s.offer.refusals[:0]
}

// pendingTree holds the frames that wait for the end of the turn, for all connections of a reactor at once. It belongs to
// the Sender.
//
// The pending frames of a connection are a path from the root of a tree: each node adds one frame to its parent's
// sequence, and a connection is one number, the node at which its sequence ends. Connections that were handed the same
// frames in the same order end at the same node, so one contiguous batch, built at the first flush, serves all of them;
// and handing a frame to a member is reading one number and writing another.
//
// I1: node 0 is the root, the empty sequence; it is never freed.
// I2: a node's members is the number of connections whose sequence ends there; a node other than the root with neither
// members nor children is freed at once, and its reference to the frame with it.
// I3: the sequence of a node is what is true of the whole from the root.
// I4: newestChild is valid only while newestFrame is the number of the frame that is being queued.
// I5: no node's charge exceeds deepest.
type pendingTree struct {
	nodes []node
	// unused are the numbers of freed nodes.
	unused  []uint32
	batches batchPool
	// frame numbers the frame that is being queued.
	frame uint32
	// live is the number of nodes in use, without the root.
	live int
	// held is the memory of all nodes and their frames, each counted once.
	held int
	// maxHeld is the memory above which the tree is heavy.
	maxHeld int
	// heavyFrom is the charge of a sequence above which the tree is heavy, and heavy how many nodes are over it.
	heavyFrom, heavy int
	deepest          int
	// from is the moment from which frames count that are queued now, 0 if that is when they were made.
	from time.Duration
}

const (
	// maxHeavyBytes bounds the charge of one pending sequence before it is flushed. An eighth of the limit does so, too: only
	// what a socket has not taken shows who is congested, so little may come between two flushes.
	maxHeavyBytes = 256 << 10
	// heavyQueues bounds the memory of what is pending on all connections, in full queues.
	heavyQueues = 8
	// nodeOverhead is what a pending frame takes besides its bytes: its node, and its Frame within what its maker keeps.
	nodeOverhead = 160
)

type node struct {
	frame  *Frame
	batch  *batch
	parent uint32
	// number is that of the frame, while it is being queued.
	number uint32
	// newestFrame is the number of the frame for which newestChild was made.
	newestFrame, newestChild uint32
	members, children        int32
	sequence
}

// sequence is what a node knows of the frames from the root to it.
type sequence struct {
	bytes, frames, counted uint32
	// charge is what the sequence counts against a connection's limit: its bytes, and frameOverhead for each frame behind
	// the first.
	charge uint32
	// oldest is the moment from which its first counted frame counts; 0 if there is none.
	oldest time.Duration
}

func newPendingTree(heavyFrom, maxHeld int) pendingTree {
	return pendingTree{nodes: make([]node, 1), heavyFrom: heavyFrom, maxHeld: maxHeld}
}

// beginFrame begins the queueing of another frame: child and isNewest speak of it from now on.
func (t *pendingTree) beginFrame() {
	t.frame++
	if t.frame == 0 {
		t.frame = 1
	}
}

// isNewest says whether the sequence that ends at n ends with the frame that is being queued.
func (t *pendingTree) isNewest(n uint32) bool { return n != 0 && t.nodes[n].number == t.frame }

// child returns the node that adds f, the frame that is being queued, to the sequence of parent.
func (t *pendingTree) child(parent uint32, f *Frame) uint32 {
	if p := &t.nodes[parent]; p.newestFrame == t.frame {
		return p.newestChild
	}
	var n uint32
	if last := len(t.unused) - 1; last >= 0 {
		n = t.unused[last]
		t.unused = t.unused[:last]
	} else {
		n = uint32(len(t.nodes))
		t.nodes = append(t.nodes, node{})
	}
	p := &t.nodes[parent]
	p.newestFrame = t.frame
	p.newestChild = n
	p.children++
	f.Retain(1)
	frames := f.frames()
	charge := int(p.charge) + len(f.bytes) + frameOverhead*frames
	if parent == 0 {
		charge -= frameOverhead
	}
	t.nodes[n] = node{frame: f, parent: parent, number: t.frame, sequence: sequence{
		bytes: p.bytes + uint32(len(f.bytes)), charge: uint32(charge), frames: p.frames + uint32(frames), counted: p.counted + f.count, oldest: p.oldest,
	}}
	if p.oldest == 0 && f.count > 0 {
		t.nodes[n].oldest = t.momentOf(f)
	}
	if charge > t.heavyFrom {
		t.heavy++
	}
	t.deepest = max(t.deepest, charge)
	t.live++
	t.held += len(f.bytes) + nodeOverhead
	return n
}

// momentOf is the moment from which a counted frame counts that is being queued.
func (t *pendingTree) momentOf(f *Frame) time.Duration {
	if t.from != 0 {
		return t.from
	}
	return f.made
}

// isHeavy says that so much is pending, on one connection or on all, that it is to be flushed before more comes.
func (t *pendingTree) isHeavy() bool { return t.heavy > 0 || t.held > t.maxHeld }

// move notes that members connections went from one node to another.
func (t *pendingTree) move(from, to uint32, members int32) {
	t.nodes[to].members += members
	t.nodes[from].members -= members
	t.prune(to)
	t.prune(from)
}

// leave notes that one connection's sequence no longer ends at n.
func (t *pendingTree) leave(n uint32) {
	t.nodes[n].members--
	t.prune(n)
}

// prune frees node n and then its parents, as far as nobody needs them.
func (t *pendingTree) prune(n uint32) {
	for n != 0 {
		d := &t.nodes[n]
		if d.members != 0 || d.children != 0 || d.frame == nil {
			return
		}
		t.held -= len(d.frame.bytes) + nodeOverhead
		d.frame.Release()
		d.frame = nil
		if d.batch != nil {
			t.batches.release(d.batch)
			d.batch = nil
		}
		if int(d.charge) > t.heavyFrom {
			t.heavy--
		}
		t.live--
		if t.live == 0 {
			t.deepest = 0
		}
		parent := d.parent
		t.unused = append(t.unused, n)
		p := &t.nodes[parent]
		p.children--
		if p.newestChild == n {
			p.newestFrame = 0
		}
		n = parent
	}
}

// batch returns the contiguous bytes of the sequence that ends at n. The node keeps its reference; a caller that keeps
// the batch beyond the call adds its own.
func (t *pendingTree) batch(n uint32) *batch {
	d := &t.nodes[n]
	if d.batch != nil {
		return d.batch
	}
	b := t.batches.get(int(d.bytes), int(d.frames))
	end := len(b.bytes)
	for i := len(b.ends); i > 0; {
		step := &t.nodes[n]
		f := step.frame
		i -= f.frames()
		b.ends[i] = endOf(end, f.count > 0)
		end -= len(f.bytes)
		for j := range f.ends {
			b.ends[i+j] = f.ends[j].moved(end)
		}
		copy(b.bytes[end:], f.bytes)
		n = step.parent
	}
	b.oldest = d.oldest
	d.batch = b
	return b
}

// isAlone says that one connection waits for the sequence that ends at n, and for no longer one.
func (t *pendingTree) isAlone(n uint32) bool {
	return t.nodes[n].members == 1 && t.nodes[n].children == 0
}

// trim gives memory back that a spike left, once nothing is pending.
func (t *pendingTree) trim() {
	if t.live == 0 && len(t.nodes) > largeTree {
		t.nodes = make([]node, 1)
		t.unused = nil
	}
}

// largeTree is how many nodes an empty tree may keep.
const largeTree = 4096
