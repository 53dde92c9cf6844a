package netpoll

// Pause stops reading from a connection. What the peer sends then waits in the kernel.
func (r *Reactor) Pause(n uint32) {
	r.owner.assert()
	if s := r.conns.table.At(n); !s.is(paused) {
		s.state |= paused
		r.watch(n, s)
	}
}

// Resume reads on. The peer's silence counts from now.
func (r *Reactor) Resume(n uint32) {
	r.owner.assert()
	if s := r.conns.table.At(n); s.is(paused) {
		s.state &^= paused
		s.seen = r.now()
		r.watch(n, s)
		if s.is(secured) {
			r.resumeSecured(n)
		}
	}
}

// awaitRoom has the poller tell when a full socket has room, or no longer.
func (r *Reactor) awaitRoom(n uint32, wanted bool) {
	s := r.conns.table.At(n)
	wanted = wanted || r.hasRest(n, s)
	if s.is(awaitsRoom) == wanted {
		return
	}
	s.state ^= awaitsRoom
	r.watch(n, s)
}

// watch brings the poller, or the link, up to date with what a connection waits for. A failure ends the connection, in a
// task: the caller may be in the midst of something.
func (r *Reactor) watch(n uint32, s *slot) {
	if s.is(linked) {
		if !s.is(paused) {
			r.links.bySlot[n].readOn(s)
		}
		return
	}
	token := Conn{Slot: n, Gen: s.gen}
	if err := r.watchDescriptor(s, token, r.watchesRoom(n, s)); err != nil {
		r.hangUpSoon(token, err)
	}
}

// hangUpSoon tells of a failure in a task.
func (r *Reactor) hangUpSoon(token Conn, err error) {
	r.Post(TaskFunc(func(r *Reactor) {
		if r.Holds(token) {
			r.notifyHangup(token.Slot, err)
		}
	}))
}

func (r *Reactor) watchDescriptor(s *slot, token Conn, room bool) error {
	if s.is(unwatched) {
		if s.state&(paused|awaitsRoom) == paused {
			return nil
		}
		s.state &^= unwatched
		if err := r.poller.add(s.fd, token, room); err != nil || !s.is(paused) {
			return err
		}
	}
	return r.poller.mod(s.fd, token, !s.is(paused), room)
}

// unwatch stops watching a paused connection that is broken. What it has sent before is read, and its end found, after
// Resume. One that waits for room goes on being watched: its next write finds the end.
func (r *Reactor) unwatch(s *slot) {
	s.state |= unwatched
	r.detach(s)
}
