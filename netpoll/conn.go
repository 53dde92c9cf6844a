package netpoll

import (
	"net"
	"time"
)

// Conn returns the name by which other goroutines may speak of the connection in slot n.
func (r *Reactor) Conn(n uint32) Conn { return Conn{Slot: n, Gen: r.slots.table.At(n).gen} }

// Holds says whether c is still open, and so whether its slot may be used.
func (r *Reactor) Holds(c Conn) bool {
	if c.Slot >= r.slots.table.Len() {
		return false
	}
	s := r.slots.table.At(c.Slot)
	return (s.gen == c.Gen || defectIgnoresGeneration) && s.flags&inUse != 0
}

// OpenLink takes over conn, which may be any net.Conn, serves it with two goroutines and starts reading from it. The
// slot is valid until Close or Release.
func (r *Reactor) OpenLink(conn net.Conn) uint32 {
	n := r.slots.take()
	s := r.slots.table.At(n)
	s.flags |= linked
	s.seen = r.wheel.now
	r.links[n] = newLink(r, Conn{Slot: n, Gen: s.gen}, conn)
	return n
}

// Close ends a connection: what it has queued is dropped for why, and its socket is closed behind this turn. Its slot
// number is no longer valid.
func (r *Reactor) Close(n uint32, why Reason) {
	s := r.slots.table.At(n)
	r.dropAll(s, why)
	if s.flags&linked != 0 {
		r.closed = append(r.closed, r.links[n])
		delete(r.links, n)
	} else {
		r.closing = append(r.closing, s.fd)
	}
	if s.flags&listening != 0 {
		r.listen.forget(n)
	}
	r.slots.retire(n)
}

func (r *Reactor) dropAll(s *slot, why Reason) {
	r.count.Dropped[why] += uint64(r.log.nodes[s.head].counted)
	r.forget(s)
	if s.back != 0 {
		g := &r.backlogs.all[s.back]
		if !defectLosesCount {
			r.count.Dropped[why] += uint64(g.counted())
		}
		g.drop(&r.log.batches)
		r.backlogs.put(s.back)
		s.back = 0
	}
}

// bury closes the descriptors of ended connections and frees their slots, when no batch of readiness names them.
func (r *Reactor) bury() {
	for _, fd := range r.closing {
		r.poller.retire(fd)
		closeDescriptor(fd)
	}
	if len(r.closing) > 0 {
		r.hurryAccept()
	}
	for _, l := range r.closed {
		l.close()
	}
	clear(r.closed)
	r.closed = r.closed[:0]
	r.closing = r.closing[:0]
	r.slots.recycle()
}

// Pause stops reading from a connection. What the peer sends then waits in the kernel.
func (r *Reactor) Pause(n uint32) {
	s := r.slots.table.At(n)
	if s.flags&paused == 0 {
		s.flags |= paused
		r.watch(n, s)
	}
}

// Resume reads on. The peer's silence counts from now.
func (r *Reactor) Resume(n uint32) {
	s := r.slots.table.At(n)
	if s.flags&paused != 0 && !defectNeverResumes {
		s.flags &^= paused
		s.seen = r.wheel.now
		r.watch(n, s)
	}
}

func (r *Reactor) arm(n uint32, s *slot) {
	if s.flags&armed == 0 {
		s.flags |= armed
		r.watch(n, s)
	}
}

func (r *Reactor) disarm(n uint32, s *slot) {
	if s.flags&armed != 0 {
		s.flags &^= armed
		r.watch(n, s)
	}
}

func (r *Reactor) watch(n uint32, s *slot) {
	if s.flags&linked != 0 {
		if s.flags&paused == 0 {
			r.links[n].resume()
		}
		return
	}
	token := Conn{Slot: n, Gen: s.gen}
	if err := r.rewatch(s, token); err != nil {
		r.Post(TaskFunc(func(r *Reactor) {
			if r.Holds(token) {
				r.tellHangup(token.Slot, err)
			}
		}))
	}
}

func (r *Reactor) rewatch(s *slot, token Conn) error {
	if s.flags&muted != 0 {
		if s.flags&(paused|armed) == paused {
			return nil
		}
		s.flags &^= muted
		if err := r.poller.add(s.fd, token, s.flags&armed != 0); err != nil || s.flags&paused == 0 {
			return err
		}
	}
	return r.poller.mod(s.fd, token, s.flags&paused == 0, s.flags&armed != 0)
}

// mute stops watching a paused connection that is broken, which the poller would report without end. What it has sent
// before is read, and its end found, after Resume. One that waits for room is not muted: its next write finds the end.
func (r *Reactor) mute(s *slot) {
	s.flags |= muted
	r.detach(s)
}

// SetDeadline makes Handler.Expired come for the connection in d, rounded up to a Tick; it replaces the deadline set
// before. It costs no timer and no allocation. Not positive: no deadline.
func (r *Reactor) SetDeadline(n uint32, d time.Duration) {
	s := r.slots.table.At(n)
	if d <= 0 {
		s.due = 0
		return
	}
	r.wheel.set(n, s, r.wheel.now+uint32((d+Tick-1)/Tick))
}

// SilentFor is how long the peer has sent nothing, to the Tick.
func (r *Reactor) SilentFor(n uint32) time.Duration {
	return time.Duration(r.wheel.now-r.slots.table.At(n).seen) * Tick
}

// ShutdownWrite tells the peer that nothing more will be sent. Queued bytes must have been drained.
func (r *Reactor) ShutdownWrite(n uint32) {
	s := r.slots.table.At(n)
	if s.flags&linked != 0 {
		r.links[n].shutdownWrite()
		return
	}
	shutdownWrite(s.fd)
}

// ReadSoon reads in this turn what the connection has already sent, without waiting for readiness: right after accept
// there often is something.
func (r *Reactor) ReadSoon(n uint32) { r.fresh = append(r.fresh, r.Conn(n)) }

func (r *Reactor) readFresh() {
	for i := 0; i < len(r.fresh); i++ {
		if c := r.fresh[i]; r.Holds(c) && r.slots.table.At(c.Slot).flags&paused == 0 {
			r.read(c.Slot)
		}
	}
	r.fresh = r.fresh[:0]
}

// Worst is the connection with the longest backlog, NoSlot if no socket is full.
func (r *Reactor) Worst() uint32 {
	worst, most := NoSlot, 0
	for n := range r.slots.table.Len() {
		s := r.slots.table.At(n)
		if s.back == 0 || s.flags&(inUse|refusing) != inUse {
			continue
		}
		if bytes := r.backlogs.all[s.back].bytes; bytes > most {
			worst, most = uint32(n), bytes
		}
	}
	return worst
}

// Refuse makes the connection refuse whatever Fanout and Send still bring it; it counts as DropOverflow.
func (r *Reactor) Refuse(n uint32) { r.slots.table.At(n).flags |= refusing }
