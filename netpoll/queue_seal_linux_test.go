package netpoll

import (
	"bytes"
	"slices"
	"syscall"
)

// sealer is a transport that commits to more than it sends, as TLS does: it takes records, of which what the socket does not take goes out
// as it is. The bytes of a record stay what they are, so that the model can follow them.
type sealer struct {
	*Reactor
	model *queueModel
	// committedTo are the bytes of a slot that are taken and not said to be sent, rest those of them that the socket has not taken.
	committedTo map[uint32][]byte
	rest        map[uint32][]byte
	// said is how many bytes of a slot write has said to be sent.
	said map[uint32]int
}

const (
	modelRecord = 1000
	// modelRecords is how many records a sealer takes at once.
	modelRecords = 2
)

func newSealer(m *queueModel) *sealer {
	return &sealer{Reactor: m.r, model: m, committedTo: make(map[uint32][]byte), rest: make(map[uint32][]byte), said: make(map[uint32]int)}
}

func (s *sealer) committed(slot uint32) int { return len(s.committedTo[slot]) }

func (s *sealer) write(slot uint32, pieces [][]byte) (int, syscall.Errno) {
	sent, errno := s.seal(slot, slices.Concat(pieces...))
	s.said[slot] += sent
	return sent, errno
}

func (s *sealer) seal(slot uint32, offered []byte) (int, syscall.Errno) {
	if taken := s.committedTo[slot]; len(taken) > 0 {
		if !bytes.HasPrefix(offered, taken) {
			s.model.t.Fatalf("slot %d: got other bytes offered than those that are sealed", slot)
		}
		rest := s.rest[slot]
		n, errno := s.Reactor.write(slot, [][]byte{rest})
		s.rest[slot] = rest[n:]
		if n < len(rest) {
			return 0, errno
		}
		s.committedTo[slot] = nil
		return len(taken), 0
	}
	plain := bytes.Clone(offered[:min(len(offered), modelRecords*modelRecord)])
	n, errno := s.Reactor.write(slot, [][]byte{plain})
	if n == len(plain) {
		return n, 0
	}
	whole := n / modelRecord * modelRecord
	s.committedTo[slot], s.rest[slot] = plain[whole:], plain[n:]
	return whole, errno
}

// forget forgets a slot that is used no longer.
func (s *sealer) forget(slot uint32) {
	delete(s.committedTo, slot)
	delete(s.rest, slot)
	delete(s.said, slot)
}

// seals has the model's connections be sealed, before the first is opened.
func (m *queueModel) seals() {
	m.sealer = newSealer(m)
	m.r.sender.to = m.sealer
}

// committed is how many bytes at the front of a connection's queue can't be taken back.
func (m *queueModel) committed(c *modelConn) int {
	if m.sealer == nil {
		return 0
	}
	return m.sealer.committed(c.slot)
}

// sentOf is how many bytes of a connection have been sent, by the transport or, where nothing is sealed, by the peer's socket.
func (m *queueModel) sentOf(c *modelConn, inside int) int {
	if m.sealer != nil {
		return m.sealer.said[c.slot]
	}
	return c.received + inside
}

// expected is what the peer gets next: what has been sent, and behind it what is queued, of which some may have come ahead.
func (c *modelConn) expected() []byte {
	next := slices.Clone(c.stream[min(c.received, len(c.stream)):])
	skip := c.offset + max(0, c.received-len(c.stream))
	for _, f := range c.queue {
		n := min(skip, len(f.bytes))
		next = append(next, f.bytes[n:]...)
		skip -= n
	}
	return next
}
