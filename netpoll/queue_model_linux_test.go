package netpoll

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

const modelLimit = 20000

// modelFrame is a frame as the plain model of the queue has it.
type modelFrame struct {
	bytes   []byte
	counted bool
	// last: SendLast brought it after the connection had left.
	last bool
}

// modelConn is one connection as the plain model has it: a slice of frames, the first of them sent up to offset.
type modelConn struct {
	slot     uint32
	peer     int
	queue    []modelFrame
	offset   int
	sent     int
	received int
	stream   []byte
	refusing bool
	left     bool
	gated    bool
	// behind is what waits behind the gate.
	behind []modelFrame
	drains int
}

func (c *modelConn) unsent() int {
	total := -c.offset
	for _, f := range c.queue {
		total += len(f.bytes)
	}
	for _, f := range c.behind {
		total += len(f.bytes)
	}
	return total
}

// charge is what the unsent frames count for against the limit.
func (c *modelConn) charge() int {
	return c.unsent() + frameOverhead*max(len(c.queue)+len(c.behind)-1, 0)
}

// accepts says whether the limit lets f in behind what is unsent.
func (c *modelConn) accepts(f *Frame) bool {
	size := len(f.bytes) + frameOverhead*(max(len(f.ends), 1)-1)
	if len(c.queue)+len(c.behind) == 0 {
		return size <= modelLimit
	}
	return c.charge()+frameOverhead+size <= modelLimit
}

func (c *modelConn) countedLeft() uint64 { return countedIn(c.queue) + countedIn(c.behind) }

func countedIn(frames []modelFrame) (n uint64) {
	for _, f := range frames {
		if f.counted {
			n++
		}
	}
	return n
}

// queueModel drives a still reactor over socket pairs and does the same to slices.
type queueModel struct {
	t       testing.TB
	r       *Reactor
	poller  *stillPoller
	handler *recorder
	conns   []*modelConn
	want    Ledger
	last    *Frame
	over    map[uint32]int
	drained map[uint32]int
	serial  uint32
	frames  []*Frame
	// sealer is there if what is sent is sealed.
	sealer *sealer
}

func newQueueModel(t testing.TB) *queueModel {
	m := &queueModel{t: t, handler: newRecorder(), last: NewFrame([]byte("<the close frame>"), false),
		over: make(map[uint32]int), drained: make(map[uint32]int)}
	m.r, m.poller = still(t, Config{Handler: m.handler, QueueLimit: modelLimit})
	m.handler.onOverflow = func(n uint32, _, _ int) {
		m.over[n]++
		m.r.sender.Cut(n, DropOverflow)
		m.r.sender.SendLast(n, m.last)
	}
	m.handler.onDrained = func(n uint32) {
		m.drained[n]++
		if left, gated := m.r.sender.Buffered(n), m.behindGate(n); left != gated {
			t.Fatalf("slot %d: got Drained with %d bytes buffered, want none but the %d behind a gate", n, left, gated)
		}
	}
	m.handler.onHangup = func(n uint32, err error) { t.Fatalf("got a hangup: %v", err) }
	return m
}

// behindGate is how many bytes wait behind a connection's gate by the sender's own count, which check holds against the model
// once the call that has brought them has returned.
func (m *queueModel) behindGate(slot uint32) int {
	if g := m.r.sender.gates.of[m.r.sender.conns.At(slot)]; g != nil {
		return g.bytes
	}
	return 0
}

func (m *queueModel) open() {
	if len(m.conns) >= 12 {
		return
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		m.t.Fatal(err)
	}
	_ = unix.SetsockoptInt(pair[0], unix.SOL_SOCKET, unix.SO_SNDBUF, 4096)
	n, err := m.r.Open(pair[0])
	if err != nil {
		m.t.Fatal(err)
	}
	m.conns = append(m.conns, &modelConn{slot: n, peer: pair[1]})
}

// frame makes a frame that no other equals, of a size that the byte class chooses.
func (m *queueModel) frame(class byte, counted bool) *Frame {
	if class >= 192 {
		return m.joined(class-192, counted)
	}
	size := []int{8, 9, 100, 700, 3000, 7000, 15000, modelLimit, modelLimit + 1}[int(class)%9]
	m.serial++
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(m.serial) ^ byte(i)
	}
	binary.LittleEndian.PutUint32(b, m.serial)
	f := NewFrame(b, counted)
	m.frames = append(m.frames, f)
	return f
}

// sync learns from the peer's socket how much has been sent, and moves the model on.
func (m *queueModel) sync(c *modelConn) {
	inside, err := unix.IoctlGetInt(c.peer, unix.TIOCINQ)
	if err != nil {
		m.t.Fatal(err)
	}
	n := m.sentOf(c, inside) - c.sent
	c.sent += n
	for n > 0 {
		if len(c.queue) == 0 {
			m.t.Fatalf("slot %d: got %d bytes sent that nobody queued", c.slot, n)
		}
		f := c.queue[0]
		step := min(n, len(f.bytes)-c.offset)
		c.stream = append(c.stream, f.bytes[c.offset:c.offset+step]...)
		c.offset += step
		n -= step
		if c.offset == len(f.bytes) {
			c.queue, c.offset = c.queue[1:], 0
			if f.counted {
				m.want.Delivered++
			}
		}
	}
}

func (m *queueModel) cut(c *modelConn, why Reason) {
	var kept []modelFrame
	begins, committed := -c.offset, m.committed(c)
	for i, f := range c.queue {
		switch {
		case begins < committed || i == len(c.queue)-1 && f.last:
			kept = append(kept, f)
		case f.counted:
			m.want.Dropped[why]++
		}
		begins += len(f.bytes)
	}
	c.queue = kept
	c.dropBehind(&m.want.Dropped[why])
}

func (c *modelConn) dropBehind(dropped *uint64) {
	*dropped += countedIn(c.behind)
	c.behind = nil
}

// offered is what the contract says of one connection that was handed f by a call that has just returned; fitted says
// whether the limit let f in before it. Only where it did not may bytes have been sent to make room.
func (m *queueModel) offered(c *modelConn, f *Frame, fitted, ahead bool) {
	before := c.sent
	m.sync(c)
	parts := partsOf(f)
	m.want.Matched += countedIn(parts)
	if fitted && c.sent != before {
		m.t.Fatalf("slot %d: got %d bytes sent within a call that only queues", c.slot, c.sent-before)
	}
	if !c.refusing && c.accepts(f) {
		if c.gated && !ahead {
			c.behind = append(c.behind, parts...)
			return
		}
		c.queue = append(c.queue, parts...)
		return
	}
	m.want.Dropped[DropOverflow] += countedIn(parts)
	if c.refusing {
		return
	}
	c.refusing = true
	if m.over[c.slot] != 1 {
		m.t.Fatalf("slot %d: got %d calls of Overflow, want 1", c.slot, m.over[c.slot])
	}
	m.cut(c, DropOverflow)
	c.queue = append(c.queue, modelFrame{bytes: m.last.bytes})
}

// fanout queues one frame on two overlapping lists of members, as a type and a type with an id are.
func (m *queueModel) fanout(class, first, second, except byte, counted bool) {
	f := m.frame(class, counted)
	left := NoSlot
	if int(except) < len(m.conns) {
		left = m.conns[except].slot
	}
	got := make(map[uint32]bool)
	var members [2][]uint32
	var offered []*modelConn
	var fitted []bool
	for list, mask := range []byte{first, second} {
		for i, c := range m.conns {
			if mask>>(i%8)&1 == 0 {
				continue
			}
			members[list] = append(members[list], c.slot)
			if c.slot == left || c.left || got[c.slot] {
				continue
			}
			got[c.slot] = true
			offered = append(offered, c)
			fitted = append(fitted, c.accepts(f))
		}
	}
	m.r.sender.Fanout(f, members[0], members[1], left)
	m.r.passOnNotices()
	for i, c := range offered {
		m.offered(c, f, fitted[i], false)
	}
}

func (m *queueModel) isBlocked(c *modelConn) bool { return m.r.sender.conns.At(c.slot).backlog != 0 }

func (m *queueModel) send(c *modelConn, class byte, anyway bool) {
	if anyway {
		class %= 192
	}
	f := m.frame(class, !anyway)
	if anyway {
		m.r.sender.SendLast(c.slot, f)
		if c.left {
			c.dropBehind(&m.want.Dropped[DropClosed])
		}
		c.queue = append(c.queue, modelFrame{bytes: f.bytes, last: c.left})
		return
	}
	fitted := c.accepts(f)
	m.r.sender.Send(c.slot, f)
	m.r.passOnNotices()
	if c.left {
		return
	}
	m.offered(c, f, fitted, false)
}

func (m *queueModel) flush(steps int) {
	for range steps {
		switch {
		case !m.r.sender.lists.express.empty():
			m.r.sender.flushList(&m.r.sender.lists.express, inExpress, 1)
		case !m.r.sender.lists.bulk.empty():
			m.r.sender.flushList(&m.r.sender.lists.bulk, inBulk, 1)
		}
	}
	m.r.passOnNotices()
	for _, c := range m.conns {
		m.sync(c)
	}
}

// peerReads has the peer take bytes out of its socket, and the reactor resend where it waits for room.
func (m *queueModel) peerReads(c *modelConn, most int) {
	buf := make([]byte, most)
	n, err := unix.Read(c.peer, buf)
	if err == nil && n > 0 {
		if want := c.expected(); !bytes.HasPrefix(want, buf[:n]) {
			m.t.Fatalf("slot %d: got bytes at %d that differ from what was queued", c.slot, c.received)
		}
		c.received += n
	}
	if w := m.poller.watched[m.r.conns.table.At(c.slot).fd]; w.write {
		m.r.ready(m.r.Conn(c.slot), writable)
		m.r.passOnNotices()
	}
	m.sync(c)
}

func (m *queueModel) drop(i int, why Reason) {
	c := m.conns[i]
	m.want.Dropped[why] += c.countedLeft()
	m.r.Close(c.slot, why)
	m.r.closeRetired()
	m.forget(i)
}

func (m *queueModel) release(i int) {
	c := m.conns[i]
	var rest []byte
	for j, f := range append(slices.Clone(c.queue), c.behind...) {
		b := f.bytes
		if j == 0 && len(c.queue) > 0 {
			b = b[c.offset:]
		}
		rest = append(rest, b...)
	}
	m.want.HandedBack += c.countedLeft()
	out := m.r.Release(c.slot, nil)
	rest = rest[m.committed(c):]
	if !bytes.Equal(out.unsent, rest) {
		m.t.Fatalf("slot %d: got %d bytes handed back, want the %d that were queued", c.slot, len(out.unsent), len(rest))
	}
	unix.Close(int(out.fd))
	m.r.closeRetired()
	m.forget(i)
}

func (m *queueModel) forget(i int) {
	c := m.conns[i]
	unix.Close(c.peer)
	if m.sealer != nil {
		m.sealer.forget(c.slot)
	}
	delete(m.over, c.slot)
	delete(m.drained, c.slot)
	m.conns = append(m.conns[:i], m.conns[i+1:]...)
}

func (m *queueModel) check() {
	m.t.Helper()
	checkQueue(m.t, &m.r.sender)
	m.want.Queued = 0
	for _, c := range m.conns {
		m.want.Queued += c.countedLeft()
		s := m.r.conns.table.At(c.slot)
		if got := m.r.sender.Buffered(c.slot); got != c.unsent() {
			m.t.Fatalf("slot %d: got %d bytes buffered, want %d", c.slot, got, c.unsent())
		}
		if got := m.r.sender.Charge(c.slot); got != c.charge() {
			m.t.Fatalf("slot %d: got charge %d, want %d", c.slot, got, c.charge())
		}
		if got := m.poller.watched[s.fd].write; got != m.isBlocked(c) {
			m.t.Fatalf("slot %d: got watched for room %v, want %v: only while its socket is full", c.slot, got, m.isBlocked(c))
		}
	}
	got := m.r.Count().Ledger
	if got != m.want {
		m.t.Fatalf("got the ledger %+v, want %+v", got, m.want)
	}
	if n := latencyOf(&m.r.sender).Count(); n != got.Delivered {
		m.t.Fatalf("got %d deliveries whose latency is counted, want all %d", n, got.Delivered)
	}
	dropped := uint64(0)
	for _, n := range got.Dropped {
		dropped += n
	}
	if got.Matched != got.Delivered+got.HandedBack+dropped+got.Queued {
		m.t.Fatalf("got a ledger that doesn't add up: %+v", got)
	}
}
