//go:build linux

package swarm

import "golang.org/x/sys/unix"

const writerHighWater = 1 << 20

type spokeState uint8

const (
	stateConnecting spokeState = iota
	stateSecuring
	stateUpgrading
	stateSubscribing
	stateReady
	stateStalled
	stateClosed
)

// spoke is one connection of a client process.
// I1: partial holds the beginning of a frame or of the handshake's answer, and nothing that was handled.
type spoke struct {
	fd    int32
	topic uint32
	state spokeState
	group uint8
	// checked is true for a subscriber whose events count.
	checked bool
	expect  sequence
	partial []byte
	// writer is nil for a subscriber, second for a spoke of one topic.
	writer *writer
	second *secondTopic
	// secure is nil without TLS.
	secure *secure
	// rooms are nil but for a spoke that gets all topics, slow is nil but for one that reads slowly.
	rooms *rooms
	slow  *slowReader
}

// listening reports whether the spoke is a subscriber that must get every event.
func (s *spoke) listening() bool {
	return s.checked && s.state != stateClosed && s.state != stateStalled
}

// writable writes what waits for room in the socket.
func (s *spoke) writable() {
	switch {
	case s.writer != nil && s.writer.blocked:
		s.writer.flush()
	case s.secure != nil && s.secure.wire.out.blocked:
		s.secure.wire.out.flush()
	}
}

// secondTopic is what a spoke of two topics knows besides: what it expects of topic 0, and the stamp of its last event.
type secondTopic struct {
	expect sequence
	at     int64
}

// payloadGrowth is how many bytes longer the payload of an event of topic 0 is than that of another topic whose envelope is as long.
const payloadGrowth = len("room:00000000") - len("tick:")

// expectation is what the spoke expects of a topic, nil if it isn't subscribed to it, and how much longer that topic's payload
// is than that of the group's plan.
func (s *spoke) expectation(topic uint32) (expect *sequence, longer int) {
	switch {
	case s.rooms != nil:
		return s.rooms.expectation(topic), 0
	case topic == s.topic:
		return &s.expect, 0
	case topic == 0 && s.second != nil:
		return &s.second.expect, payloadGrowth
	}
	return nil, 0
}

// rooms are what a spoke expects that gets all topics: those from first on.
type rooms struct {
	first  uint32
	expect []sequence
}

func newRooms(plan Plan) *rooms {
	r := &rooms{first: uint32(plan.FirstTopic), expect: make([]sequence, plan.Topics)}
	for i := range r.expect {
		r.expect[i] = startAt(topicSent(uint64(plan.From), plan.Topics, i))
	}
	return r
}

func (r *rooms) expectation(topic uint32) *sequence {
	if index := topic - r.first; index < uint32(len(r.expect)) {
		return &r.expect[index]
	}
	return nil
}

// finish counts what is missing at the end, where published events were sent in all.
func (r *rooms) finish(published uint64, faults *Faults) {
	for i := range r.expect {
		r.expect[i].finish(topicSent(published, len(r.expect), i), faults)
	}
}

// inOrder counts an event that one publisher sent before the last one.
func (b *secondTopic) inOrder(at int64, faults *Faults) {
	if at < b.at {
		faults.Reordered++
	}
	b.at = at
}

// writer is the outgoing side of a connection that publishes: what is appended goes out in one write at the end of a turn.
// I1: buffer[sent:] is what the socket hasn't taken, or with TLS what is yet to be encrypted.
type writer struct {
	fd int32
	// dead is true once the connection has ended, blocked while its socket is full.
	dead, blocked bool
	buffer        []byte
	sent          int
	// secure is nil without TLS.
	secure *secure
}

// full reports whether the server doesn't read what is written.
func (w *writer) full() bool {
	return w.dead || w.queued() > writerHighWater
}

func (w *writer) queued() int {
	if w.secure != nil {
		return len(w.buffer) + w.secure.wire.out.queued()
	}
	return len(w.buffer) - w.sent
}

// flush writes what it can.
func (w *writer) flush() {
	if w.secure != nil {
		w.flushSecure()
		return
	}
	for !w.dead && w.sent < len(w.buffer) {
		n, errno := writeRaw(int(w.fd), w.buffer[w.sent:])
		switch {
		case errno == unix.EAGAIN:
			w.blocked = true
			return
		case errno == unix.EINTR:
		case n < 0:
			w.dead = true
		default:
			w.sent += n
		}
	}
	w.blocked = false
	w.buffer, w.sent = w.buffer[:0], 0
}

func (w *writer) flushSecure() {
	if w.dead {
		return
	}
	w.secure.seal(w.buffer)
	w.buffer = w.buffer[:0]
	w.blocked, w.dead = w.secure.wire.out.blocked, w.secure.wire.out.dead
}
