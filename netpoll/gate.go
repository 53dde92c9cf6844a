package netpoll

// Gate has whatever Fanout and Send bring a connection wait until Ungate: such frames count against its limit and in the ledger
// like any that is queued, but only what SendAhead and SendLast bring goes out. A connection that is gated stays so.
func (s *Sender) Gate(slot uint32) {
	s.owner.assert()
	c := s.conns.At(slot)
	if c.state&(gated|hasLeft) != 0 {
		return
	}
	c.state |= gated
	if s.gates.of == nil {
		s.gates.of, s.gates.users = make(map[*connQueue]*gate), make(map[*Frame]int32)
	}
	s.gates.of[c] = new(gate)
}

// Ungate queues what has waited behind a connection's gate, behind what is queued already. What comes from now on follows it.
func (s *Sender) Ungate(slot uint32) {
	s.owner.assert()
	c := s.conns.At(slot)
	g := s.gates.remove(c)
	if g == nil {
		return
	}
	for _, f := range g.frames {
		s.add(slot, c, f)
		s.gates.release(f)
	}
	if s.isHeavy() {
		s.flushOne(slot)
	}
}

// SendAhead queues f on a connection ahead of what waits behind its gate, under the limit that Send has. It reports false if
// the connection refuses the frame, or has left. The caller keeps its reference.
func (s *Sender) SendAhead(slot uint32, f *Frame) bool {
	s.owner.assert()
	c := s.conns.At(slot)
	if c.state&hasLeft != 0 {
		return false
	}
	s.count.Matched += uint64(f.count)
	s.makeRoomAlone(slot, c, f.charge())
	accepted := !s.refuseIfOver(slot, c, behind(s.pendingCharge(c), f.charge()), f)
	s.forgetRefusals()
	s.offer.ofType, s.offer.ofTypeAndID = NoSlot, NoSlot
	if !accepted {
		return false
	}
	s.add(slot, c, f)
	if s.crowds(slot, c, s.pendingCharge(c)) {
		s.offer.ofType = slot
	}
	return true
}

// queueGated queues f on the gated connections that queue has met, and says how many of them it is for. Those that were named
// before have it already.
func (s *Sender) queueGated(f *Frame) (matched int) {
	for _, slot := range s.gates.met {
		c := s.conns.At(slot)
		g := s.gates.of[c]
		if c.state&refusedFrame != 0 || g.newest == s.pending.frame {
			continue
		}
		matched++
		s.makeRoomAlone(slot, c, f.charge())
		if s.refuseIfOver(slot, c, behind(s.pendingCharge(c), f.charge()), f) {
			continue
		}
		g.newest = s.pending.frame
		g.add(f)
		s.gates.retain(f)
	}
	s.gates.met = s.gates.met[:0]
	return matched
}

// isGatedWithNewest says whether the frame that is being queued is behind the connection's gate already.
func (s *Sender) isGatedWithNewest(c *connQueue) bool {
	return c.state&gated != 0 && s.gates.of[c].newest == s.pending.frame
}

// makeRoomAlone is makeRoom for one connection.
func (s *Sender) makeRoomAlone(slot uint32, c *connQueue, size int) {
	if c.node == 0 || c.state&refusing != 0 || s.charge(c)+frameOverhead+size <= s.limit {
		return
	}
	if c.backlog != 0 {
		s.roomAgain(slot)
	}
	if c.backlog == 0 {
		s.flushOne(slot)
	}
}

// add queues f on one connection whatever its limit.
func (s *Sender) add(slot uint32, c *connQueue, f *Frame) {
	s.pending.beginFrame()
	to := s.pending.child(c.node, f)
	s.pending.move(c.node, to, 1)
	c.node = to
	s.lists.push(slot, c, inExpress)
}

// dropGated drops what waits behind a connection's gate, which stays.
func (s *Sender) dropGated(c *connQueue, why Reason) {
	if c.state&gated != 0 {
		g := s.gates.of[c]
		s.count.Dropped[why] += uint64(g.counted)
		s.gates.empty(g)
	}
}

// gates are what connections have waiting behind a gate. They belong to the Sender, and cost nothing where there is none.
//
// I1: of has a gate for each connection that is marked gated, and no other.
// I2: users is how many gates have a frame, and the gates of a frame have one reference to it each.
// I3: held is the memory of all gates, and of all frames behind them, each counted once.
type gates struct {
	of    map[*connQueue]*gate
	users map[*Frame]int32
	held  int
	// met are the gated connections that queue has come across.
	met []uint32
}

// gate is what waits for one connection to be ungated, in order. bytes and counted are those of all its frames, and runs how many more
// frames they are than there are pieces.
type gate struct {
	frames  []*Frame
	bytes   int
	counted int
	runs    int
	// newest is the number of the frame that was added last, while it is being queued.
	newest uint32
}

func (g *gate) add(f *Frame) {
	g.frames = append(g.frames, f)
	g.bytes += len(f.bytes)
	g.runs += f.frames() - 1
	g.counted += int(f.count)
}

// charge is what the gate counts against the connection's limit.
func (g *gate) charge() int { return g.bytes + frameOverhead*max(len(g.frames)+g.runs-1, 0) }

// share is the memory that the gate takes: of frames that others have as well, its share.
func (g *gates) share(x *gate) int {
	held := placeBytes * len(x.frames)
	for _, f := range x.frames {
		held += (len(f.bytes) + nodeOverhead) / int(max(g.users[f], 1))
	}
	return held
}

func (g *gates) retain(f *Frame) {
	f.Retain(1)
	g.held += placeBytes
	if g.users[f]++; g.users[f] == 1 {
		g.held += len(f.bytes) + nodeOverhead
	}
}

func (g *gates) release(f *Frame) {
	g.held -= placeBytes
	if g.users[f]--; g.users[f] == 0 {
		g.held -= len(f.bytes) + nodeOverhead
		delete(g.users, f)
	}
	f.Release()
}

// remove takes a connection's gate away. Its frames are the caller's; nil if there is no gate.
func (g *gates) remove(c *connQueue) *gate {
	if c.state&gated == 0 {
		return nil
	}
	c.state &^= gated
	x := g.of[c]
	delete(g.of, c)
	return x
}

// empty releases the frames of a gate.
func (g *gates) empty(x *gate) {
	for _, f := range x.frames {
		g.release(f)
	}
	*x = gate{newest: x.newest}
}

// trim gives the memory of a spike back while nothing is gated.
func (g *gates) trim() {
	if len(g.of) == 0 {
		*g = gates{}
	}
}
