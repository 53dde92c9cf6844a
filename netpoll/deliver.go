package netpoll

// express is the number of members up to which a fan-out is flushed ahead of giants.
const expressMembers = 64

// Fanout queues f on every connection in members but except, each at most once a serial: members that two calls
// between NextSerial and its successor have in common get one copy. Pass NoSlot as except to leave nobody out. members
// is borrowed until return; the caller keeps its reference to f. Connections over their limit get nothing and are
// reported to Handler.Overflow once the walk is over.
func (r *Reactor) Fanout(f *Frame, members []uint32, except uint32) {
	list, listing := &r.bulk, inBulk
	if len(members) <= expressMembers {
		list, listing = &r.express, inExpress
	}
	var (
		table   = r.slots.table.chunks
		serial  = r.serial
		from    = NoSlot
		to      uint32
		moved   int32
		tooLong bool
		already bool
		matched int
	)
	for _, n := range members {
		s := &table[n/tableChunk][n%tableChunk]
		if s.head != from {
			if moved > 0 || from != NoSlot && !already {
				r.log.move(from, to, moved)
				moved = 0
			}
			from = s.head
			already = from != 0 && r.log.nodes[from].serial == serial
			if !already {
				to = r.log.kid(from, serial, f)
				tooLong = int(r.log.nodes[to].bytes) > r.cfg.QueueLimit
			}
		}
		if already || n == except {
			continue
		}
		matched++
		if tooLong || s.back != 0 || s.flags&refusing != 0 {
			if r.refuses(n, s, int(r.log.nodes[to].bytes), f) {
				continue
			}
		}
		s.head = to
		moved++
		if s.flags&listing == 0 {
			if listing == inBulk && s.flags&inExpress != 0 {
				continue
			}
			s.flags |= listing
			list.push(n)
		}
	}
	if from != NoSlot && !already {
		r.log.move(from, to, moved)
	}
	if f.counted {
		r.count.Matched += uint64(matched)
	}
	r.report()
}

// NoSlot is the slot of no connection.
const NoSlot = ^uint32(0)

// NextSerial begins a new fan-out.
func (r *Reactor) NextSerial() {
	r.serials++
	if r.serials == 0 {
		r.serials = 1
	}
	r.serial = r.serials
}

// Send queues f on one connection, under the same limit as Fanout. The caller keeps its reference. A fan-out that is
// under way keeps its serial.
func (r *Reactor) Send(n uint32, f *Frame) {
	outer := r.serial
	r.NextSerial()
	r.Fanout(f, []uint32{n}, NoSlot)
	r.serial = outer
}

// SendAnyway queues f on one connection whatever its limit: for close frames. The caller keeps its reference.
func (r *Reactor) SendAnyway(n uint32, f *Frame) {
	outer := r.serial
	r.NextSerial()
	s := r.slots.table.At(n)
	if f.counted {
		r.count.Matched++
	}
	r.queue(n, s, f)
	r.serial = outer
}

func (r *Reactor) queue(n uint32, s *slot, f *Frame) {
	to := r.log.kid(s.head, r.serial, f)
	r.log.move(s.head, to, 1)
	s.head = to
	if s.flags&inExpress == 0 {
		s.flags |= inExpress
		r.express.push(n)
	}
}

// refuses decides on a connection that may be over its limit once it holds pending bytes in addition to its backlog.
func (r *Reactor) refuses(n uint32, s *slot, pending int, f *Frame) bool {
	backlog := 0
	if s.back != 0 {
		backlog = r.backlogs.all[s.back].bytes
	}
	if s.flags&refusing == 0 {
		if backlog+pending <= r.cfg.QueueLimit || defectIgnoresLimit {
			return false
		}
		o := overflow{slot: n, serial: r.serial, queued: backlog + pending - len(f.bytes), frame: len(f.bytes)}
		if s.back == 0 && s.head != 0 && len(f.bytes) <= r.cfg.QueueLimit {
			o.late = f
			r.over = append(r.over, o)
			return true
		}
		s.flags |= refusing
		r.over = append(r.over, o)
	}
	if f.counted {
		r.count.Dropped[DropOverflow]++
	}
	return true
}

func (r *Reactor) report() {
	for len(r.over) > 0 {
		last := len(r.over) - 1
		o := r.over[last]
		r.over[last] = overflow{}
		r.over = r.over[:last]
		switch {
		case o.late != nil:
			r.deliverLate(o)
		case r.slots.table.At(o.slot).flags&inUse != 0:
			r.tellOverflow(o)
		}
	}
}

// deliverLate queues a frame on a connection behind what the reactor still held back for it, which is sent first.
func (r *Reactor) deliverLate(o overflow) {
	n, f := o.slot, o.late
	s := r.slots.table.At(n)
	if s.flags&inUse != 0 && s.head != 0 {
		r.flushOne(n, 0)
		s = r.slots.table.At(n)
	}
	if s.flags&inUse == 0 {
		if f.counted {
			r.count.Dropped[DropClosed]++
		}
		return
	}
	if r.refuses(n, s, int(r.log.nodes[s.head].bytes)+len(f.bytes), f) {
		return
	}
	outer := r.serial
	r.serial = o.serial
	r.queue(n, s, f)
	r.serial = outer
}

// Buffered is the number of bytes queued on a connection and not yet taken by the kernel.
func (r *Reactor) Buffered(n uint32) int {
	s := r.slots.table.At(n)
	bytes := int(r.log.nodes[s.head].bytes)
	if s.back != 0 {
		bytes += r.backlogs.all[s.back].bytes
	}
	return bytes
}

// BlockedFor is how many ticks ago the connection's socket filled up and has not emptied since; 0 while it is not full.
func (r *Reactor) BlockedFor(n uint32) uint32 {
	if back := r.slots.table.At(n).back; back != 0 {
		return r.wheel.now - r.backlogs.all[back].since
	}
	return 0
}

// Cut drops what is queued on a connection but for the rest of a frame that is half sent.
func (r *Reactor) Cut(n uint32, why Reason) {
	s := r.slots.table.At(n)
	r.count.Dropped[why] += uint64(r.log.nodes[s.head].counted)
	r.forget(s)
	if s.back == 0 {
		return
	}
	g := &r.backlogs.all[s.back]
	r.count.Dropped[why] += uint64(g.cut(&r.log.batches))
	if g.empty() {
		r.unblock(n, s)
	}
}

// forget takes a connection's pending sequence away.
func (r *Reactor) forget(s *slot) {
	if s.head != 0 {
		n := s.head
		s.head = 0
		r.log.leave(n)
	}
}
