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
		table   = r.slots.table
		serial  = r.serial
		from    = NoSlot
		to      uint32
		moved   int32
		tooLong bool
		already bool
		matched int
	)
	for _, n := range members {
		s := &table[n]
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
	r.serial++
	if r.serial == 0 {
		r.serial = 1
	}
}

// Send queues f on one connection, under the same limit as Fanout. The caller keeps its reference.
func (r *Reactor) Send(n uint32, f *Frame) {
	r.NextSerial()
	r.Fanout(f, []uint32{n}, NoSlot)
}

// SendAnyway queues f on one connection whatever its limit: for close frames. The caller keeps its reference.
func (r *Reactor) SendAnyway(n uint32, f *Frame) {
	r.NextSerial()
	s := &r.slots.table[n]
	if f.counted {
		r.count.Matched++
	}
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
		if backlog+pending <= r.cfg.QueueLimit {
			return false
		}
		s.flags |= refusing
		r.over = append(r.over, overflow{slot: n, queued: backlog + pending - len(f.bytes), frame: len(f.bytes)})
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
		r.over = r.over[:last]
		if r.slots.table[o.slot].flags&inUse != 0 {
			r.handler.Overflow(o.slot, o.queued, o.frame)
		}
	}
}

// Buffered is the number of bytes queued on a connection and not yet taken by the kernel.
func (r *Reactor) Buffered(n uint32) int {
	s := &r.slots.table[n]
	bytes := int(r.log.nodes[s.head].bytes)
	if s.back != 0 {
		bytes += r.backlogs.all[s.back].bytes
	}
	return bytes
}

// BlockedFor is how many ticks ago the connection's socket filled up and has not emptied since; 0 while it is not full.
func (r *Reactor) BlockedFor(n uint32) uint32 {
	if back := r.slots.table[n].back; back != 0 {
		return r.wheel.now - r.backlogs.all[back].since
	}
	return 0
}

// Cut drops what is queued on a connection but for the rest of a frame that is half sent.
func (r *Reactor) Cut(n uint32, why Reason) {
	s := &r.slots.table[n]
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
