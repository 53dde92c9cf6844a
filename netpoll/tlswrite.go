package netpoll

import "syscall"

// writeSecured is write for a connection of TLS: it seals what there is in whole records. What was sealed must go out as it is, so what a
// socket does not take of it is kept; its plaintext counts as sent when its record is, and until then the Sender offers it again.
func (r *Reactor) writeSecured(n uint32, s *slot, pieces [][]byte) (sent int, errno syscall.Errno) {
	t := *r.secured.bySlot.At(n)
	if t.handshake != nil {
		return 0, 0
	}
	if len(t.rest) > 0 {
		if errno = r.sendRest(n, s, t); errno != 0 || len(t.rest) > 0 {
			return 0, errno
		}
		r.shutBehindRest(n, s, t)
		if sent = int(t.sealed); sent > 0 {
			t.sealed = 0
			return sent, 0
		}
	}
	x := &r.secured
	plain := x.gather(pieces, sealLimit(s))
	var ends [sealedRecords]int
	x.drive(t)
	for i, rest := 0, plain; len(rest) > 0; i++ {
		record := rest[:min(len(rest), maxSealed)]
		rest = rest[len(record):]
		if _, err := t.conn.Write(record); err != nil {
			x.drive(nil)
			x.records = x.records[:0]
			return 0, syscall.EPIPE
		}
		ends[i] = len(x.records)
	}
	x.drive(nil)
	taken, errno := r.sendRaw(n, s, x.records)
	if taken == len(x.records) {
		x.records = x.records[:0]
		return len(plain), 0
	}
	for i := 0; ends[i] <= taken; i++ {
		sent += maxSealed
	}
	t.sealed = int32(len(plain) - sent)
	t.keep(x.records[taken:])
	x.records = x.records[:0]
	return sent, errno
}

// sealedRecords is how many records are sealed for one call of a socket that is not known to be full.
const sealedRecords = 5

// sealLimit is how many bytes are sealed at a time: of what a socket that has been full does not take, little has to be kept.
func sealLimit(s *slot) int {
	if s.is(awaitsRoom) {
		return maxSealed
	}
	return sealedRecords * maxSealed
}

// gather returns the first bytes of pieces, at most limit, in one piece. It is valid until the next call.
func (x *tlsSessions) gather(pieces [][]byte, limit int) []byte {
	if len(pieces) == 1 || len(pieces[0]) >= limit {
		return pieces[0][:min(len(pieces[0]), limit)]
	}
	x.gathered = x.gathered[:0]
	for _, piece := range pieces {
		room := limit - len(x.gathered)
		x.gathered = append(x.gathered, piece[:min(len(piece), room)]...)
	}
	return x.gathered
}

// keep keeps records that the socket has not taken.
func (t *tlsSession) keep(records []byte) {
	t.rest = append(t.rest, records...)
	t.recount()
}

// sendRest sends what the socket has not taken before, as far as it takes it now.
func (r *Reactor) sendRest(n uint32, s *slot, t *tlsSession) syscall.Errno {
	taken, errno := r.sendRaw(n, s, t.rest)
	if taken == len(t.rest) {
		t.rest = nil
	} else {
		t.rest = t.rest[taken:]
	}
	t.recount()
	return errno
}

// sendRecords sends records that the Sender knows nothing of, and those that crypto/tls has made meanwhile: of a handshake, alerts, and
// answers to key updates. They come behind what has been sealed before.
func (r *Reactor) sendRecords(n uint32, t *tlsSession, records []byte) {
	x := &r.secured
	if len(x.records) > 0 {
		records = append(records, x.records...)
		x.records = x.records[:0]
	}
	if len(records) == 0 {
		return
	}
	s := r.conns.table.At(n)
	if len(t.rest) == 0 {
		taken, errno := r.sendRaw(n, s, records)
		if isBroken(errno) {
			r.sender.noteFailed(n, errno)
			return
		}
		records = records[taken:]
	}
	if len(records) > 0 {
		t.keep(records)
		r.awaitRoom(n, true)
	}
}

// roomAgain goes on with a connection whose socket has room again: with records that the Sender knows nothing of, and else with what
// that has queued.
func (r *Reactor) roomAgain(n uint32) {
	s := r.conns.table.At(n)
	if s.is(secured) {
		t := *r.secured.bySlot.At(n)
		if t.sealed == 0 && len(t.rest) > 0 {
			if errno := r.sendRest(n, s, t); isBroken(errno) {
				r.sender.noteFailed(n, errno)
				return
			}
			if len(t.rest) > 0 {
				return
			}
		}
		r.shutBehindRest(n, s, t)
		if t.handshake != nil {
			defer r.watch(n, s)
		}
	}
	r.sender.hasRoom(n)
}

// shutBehindRest shuts the write side if that waited for the rest, and the rest is out.
func (r *Reactor) shutBehindRest(n uint32, s *slot, t *tlsSession) {
	if t.flags&tlsShutting != 0 && len(t.rest) == 0 {
		t.flags &^= tlsShutting
		r.shutdownRaw(n, s)
	}
}

// isBroken says that a send has failed for good.
func isBroken(errno syscall.Errno) bool {
	return errno != 0 && errno != syscall.EAGAIN && errno != syscall.EINTR
}

// hasRest says whether the socket has not taken all records of a connection.
func (r *Reactor) hasRest(n uint32, s *slot) bool {
	return s.is(secured) && len((*r.secured.bySlot.At(n)).rest) > 0
}

// watchesRoom says whether the poller is to watch for room in a socket: not for what the Sender has queued while a handshake is under way.
func (r *Reactor) watchesRoom(n uint32, s *slot) bool {
	if !s.is(awaitsRoom | secured) {
		return s.is(awaitsRoom)
	}
	t := *r.secured.bySlot.At(n)
	return len(t.rest) > 0 || t.handshake == nil
}

// committed is how many of the bytes that a connection has queued are sealed already, so that they can't be taken back.
func (r *Reactor) committed(n uint32) int {
	if !r.conns.table.At(n).is(secured) {
		return 0
	}
	return int((*r.secured.bySlot.At(n)).sealed)
}

// shutdownSecured says to the peer, within TLS, that nothing more will come, and then shuts the write side.
func (r *Reactor) shutdownSecured(n uint32, s *slot) {
	t := *r.secured.bySlot.At(n)
	if t.handshake == nil {
		r.closeNotify(t)
		r.sendRecords(n, t, nil)
	}
	if len(t.rest) > 0 {
		t.flags |= tlsShutting
		return
	}
	r.shutdownRaw(n, s)
}

// closeNotify makes the record that says that nothing more will come, if it was not made before.
func (r *Reactor) closeNotify(t *tlsSession) {
	r.secured.drive(t)
	_ = t.conn.CloseWrite()
	r.secured.drive(nil)
}
