package netpoll

import (
	"errors"
	"net"
	"os"
	"sync"
	"time"
)

// Released is a connection on its way back from a reactor to another owner.
type Released struct {
	fd      int32
	link    *link
	writing bool
	unread  []byte
	unsent  []byte
}

// Release takes a connection out of the reactor without closing it. What is queued on it and what unread holds (bytes
// that were read ahead, in order) stay with the connection: see Released.Conn. The slot is no longer valid.
func (r *Reactor) Release(n uint32, unread []byte) *Released {
	s := r.slots.table.At(n)
	out := &Released{fd: s.fd, unread: unread, unsent: r.unsent(s)}
	if defectLosesUnsent {
		out.unsent = nil
	}
	if s.flags&linked != 0 {
		out.link = r.links[n]
		out.writing = out.link.busy
		delete(r.links, n)
		out.link.detach()
	} else {
		r.detach(s)
	}
	r.slots.retire(n)
	return out
}

// unsent takes what is queued off a connection and returns a copy. All of it counts as handed back.
func (r *Reactor) unsent(s *slot) []byte {
	var rest []byte
	if s.back != 0 {
		g := &r.backlogs.all[s.back]
		r.count.HandedBack += uint64(g.counted())
		offset := g.offset
		for _, b := range g.items[g.head:] {
			rest = append(rest, b.bytes[offset:]...)
			offset = 0
		}
		g.drop(&r.log.batches)
		r.backlogs.put(s.back)
		s.back = 0
	}
	if s.head != 0 {
		r.count.HandedBack += uint64(r.log.nodes[s.head].counted)
		rest = append(rest, r.log.batch(s.head).bytes...)
		r.forget(s)
	}
	return rest
}

// Conn makes a net.Conn of the released connection. Unread bytes are the first that its Read returns. Unsent bytes are
// written in the background, ahead of whatever the new owner writes: its Write waits for them. Where there is neither,
// the plain connection comes back. It may wait for the end of a read under way, not for the peer; call it once, on any
// goroutine but the reactor's.
func (c *Released) Conn() (net.Conn, error) {
	if c.link == nil {
		conn, err := connOf(c.fd)
		if err != nil {
			return nil, err
		}
		if len(c.unread) == 0 && len(c.unsent) == 0 {
			return conn, nil
		}
		return newHandover(conn, c.unread, c.unsent, nil), nil
	}
	ahead, reading := c.link.settle()
	unread := append(c.unread, ahead...)
	if len(unread) == 0 && len(c.unsent) == 0 && !c.writing && !reading {
		return c.link.conn, nil
	}
	h := newHandover(c.link.conn, unread, c.unsent, c.link.writeDone)
	if reading {
		h.reader = c.link
	}
	return h, nil
}

// handover is a net.Conn with a past: bytes read ahead of it, and bytes still to be written before its own.
type handover struct {
	net.Conn
	read   sync.Mutex
	unread []byte
	reader *link
	past   chan struct{}
	failed error
	mu     sync.Mutex
	until  time.Time
	moved  chan struct{}
}

const handoverLinger = 5 * time.Second

func newHandover(conn net.Conn, unread, unsent []byte, writer <-chan struct{}) *handover {
	h := &handover{Conn: conn, unread: unread, past: make(chan struct{}), moved: make(chan struct{})}
	go h.finish(unsent, writer)
	return h
}

func (h *handover) finish(unsent []byte, writer <-chan struct{}) {
	if writer != nil {
		<-writer
	}
	if len(unsent) > 0 {
		_, h.failed = h.Conn.Write(unsent)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	close(h.past)
	_ = h.Conn.SetWriteDeadline(h.until)
}

// Read returns the bytes that were read ahead first.
func (h *handover) Read(p []byte) (int, error) {
	h.read.Lock()
	if len(h.unread) == 0 && h.reader != nil {
		<-h.reader.readDone
		l := h.reader
		h.reader, h.unread = nil, l.input
		if len(l.input) == 0 && l.inputErr != nil {
			h.read.Unlock()
			return 0, l.inputErr
		}
	}
	if len(h.unread) > 0 {
		n := copy(p, h.unread)
		h.unread = h.unread[n:]
		h.read.Unlock()
		return n, nil
	}
	h.read.Unlock()
	return h.Conn.Read(p)
}

// Write waits until the bytes of the past are written.
func (h *handover) Write(p []byte) (int, error) {
	if err := h.await(); err != nil {
		return 0, err
	}
	return h.Conn.Write(p)
}

// await waits for the past, as long as the write deadline lets it.
func (h *handover) await() error {
	for {
		h.mu.Lock()
		until, moved := h.until, h.moved
		h.mu.Unlock()
		var expired <-chan time.Time
		if !until.IsZero() {
			timer := time.NewTimer(time.Until(until))
			defer timer.Stop()
			expired = timer.C
		}
		select {
		case <-h.past:
			return h.failed
		case <-expired:
			return os.ErrDeadlineExceeded
		case <-moved:
		}
	}
}

// SetDeadline sets both deadlines.
func (h *handover) SetDeadline(t time.Time) error {
	return errors.Join(h.Conn.SetReadDeadline(t), h.SetWriteDeadline(t))
}

// SetWriteDeadline holds for the owner's own writes: what is written of the past is not cut short.
func (h *handover) SetWriteDeadline(t time.Time) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.until = t
	close(h.moved)
	h.moved = make(chan struct{})
	select {
	case <-h.past:
		return h.Conn.SetWriteDeadline(t)
	default:
		return nil
	}
}

// Close gives the bytes of the past a few seconds to be written.
func (h *handover) Close() error {
	_ = h.Conn.SetWriteDeadline(time.Now().Add(handoverLinger))
	<-h.past
	return h.Conn.Close()
}
