package netpoll

import (
	"math/rand/v2"
	"testing"
)

// sealedOperations is the bit of the first operation that has all be sealed.
const sealedOperations = 0x80

// run takes operations from a list of bytes: what a fuzzer changes.
func (m *queueModel) run(operations []byte) {
	take := func() byte {
		if len(operations) == 0 {
			return 0
		}
		b := operations[0]
		operations = operations[1:]
		return b
	}
	if len(operations) > 0 && operations[0]&sealedOperations != 0 {
		m.seals()
	}
	for len(operations) > 0 {
		operation := take()
		if len(m.conns) == 0 {
			m.open()
		}
		i := int(take()) % len(m.conns)
		c := m.conns[i]
		switch operation % 16 {
		case 0, 1:
			m.open()
		case 2, 3, 4, 5:
			m.fanout(take(), take(), take(), take(), operation&16 == 0)
		case 6:
			m.send(c, take(), false)
		case 7:
			m.send(c, take(), true)
		case 8, 9:
			m.flush(int(take()) % 16)
		case 10, 11:
			m.peerReads(c, 1+int(take())*64)
		case 12:
			m.r.sender.Cut(c.slot, DropBudget)
			m.r.passOnNotices()
			m.cut(c, DropBudget)
		case 13:
			if take()%4 == 0 {
				m.drop(i, DropClosed)
			}
		case 14:
			if take()%4 == 0 {
				m.release(i)
			}
		case 15:
			switch take() % 8 {
			case 0:
				m.r.sender.Leave(c.slot)
				c.left = true
			case 1, 2:
				m.gate(c)
			case 3:
				m.ungate(c)
			case 4, 5:
				m.sendAhead(c, take())
			default:
				m.notifyDrained(c)
			}
		}
		m.check()
	}
	m.finish()
}

func (m *queueModel) notifyDrained(c *modelConn) {
	if m.r.sender.conns.At(c.slot).state&wantsDrained == 0 {
		c.drains++
	}
	m.r.sender.NotifyDrained(c.slot)
}

// finish lets every peer read all, and then closes.
func (m *queueModel) finish() {
	for _, c := range m.conns {
		m.ungate(c)
	}
	for rounds, pending := 0, true; pending; rounds++ {
		if rounds > 10000 {
			m.t.Fatal("got frames that are never sent, want all sent once the peers read")
		}
		m.flush(64)
		pending = m.r.sender.hasWork()
		for _, c := range m.conns {
			m.peerReads(c, 1<<16)
			pending = pending || c.unsent() > 0 || c.received < c.sent
		}
	}
	m.check()
	for _, c := range m.conns {
		if m.drained[c.slot] != c.drains {
			m.t.Fatalf("slot %d: got %d calls of Drained, want %d", c.slot, m.drained[c.slot], c.drains)
		}
	}
	for len(m.conns) > 0 {
		m.drop(0, DropClosed)
		m.check()
	}
	if m.r.sender.pending.live != 0 || m.r.sender.pending.batches.held != 0 {
		m.t.Fatalf("got %d nodes and %d bytes left when all is closed, want none", m.r.sender.pending.live, m.r.sender.pending.batches.held)
	}
	for _, f := range m.frames {
		if refs := f.refs.Load(); refs != 1 {
			m.t.Fatalf("got a frame with %d references when all is closed, want its maker's", refs)
		}
	}
}

func TestQueueAgreesWithSlicesOfFrames(t *testing.T) {
	for seed := range uint64(150) {
		random := rand.New(rand.NewPCG(seed, 7))
		operations := make([]byte, 600)
		for i := range operations {
			operations[i] = byte(random.Uint32())
		}
		newQueueModel(t).run(operations)
		if t.Failed() {
			t.Fatalf("seed %d fails", seed)
		}
	}
}

func FuzzQueue(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 2, 0, 3, 255, 255, 9, 8, 0, 5, 10, 0, 200})
	f.Add([]byte{0, 0, 6, 0, 7, 6, 0, 7, 8, 0, 4, 12, 0, 7, 0, 1, 14, 0, 0})
	f.Add([]byte{0, 0, 0, 0, 0, 0, 2, 0, 8, 7, 3, 1, 2, 0, 5, 7, 3, 1, 15, 1, 8, 0, 9, 13, 0, 0})
	f.Add([]byte{sealedOperations, 0, 0, 0, 6, 0, 6, 6, 0, 5, 8, 0, 4, 12, 0, 10, 0, 9, 7, 0, 1, 8, 0, 4, 14, 0, 0})
	f.Fuzz(func(t *testing.T, operations []byte) {
		if len(operations) > 2000 {
			return
		}
		newQueueModel(t).run(operations)
	})
}
