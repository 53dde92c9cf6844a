package netpoll

import (
	"errors"
	"net"
	"os"
	"sync"
	"time"
)

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
		<-h.reader.in.done
		l := h.reader
		h.reader, h.unread = nil, l.in.input
		if len(l.in.input) == 0 && l.in.err != nil {
			h.read.Unlock()
			return 0, l.in.err
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

// NetConn is the connection beneath.
func (h *handover) NetConn() net.Conn { return h.Conn }

// Handshake does that of a connection of TLS beneath, if it is still to be done.
func (h *handover) Handshake() error {
	if over, ok := h.Conn.(overConn); ok {
		return over.Handshake()
	}
	return nil
}

// Settled is the connection beneath one that Released.Conn has made, when nothing of its past is left, and else conn itself.
func Settled(conn net.Conn) net.Conn {
	h, ok := conn.(*handover)
	if !ok {
		return conn
	}
	h.read.Lock()
	defer h.read.Unlock()
	select {
	case <-h.past:
	default:
		return conn
	}
	if len(h.unread) > 0 || h.reader != nil || h.failed != nil {
		return conn
	}
	return Settled(h.Conn)
}

// Close gives the bytes of the past a few seconds to be written.
func (h *handover) Close() error {
	_ = h.Conn.SetWriteDeadline(time.Now().Add(handoverLinger))
	<-h.past
	return h.Conn.Close()
}

// CloseWrite shuts the write side behind the bytes of the past, where the connection beneath can.
func (h *handover) CloseWrite() error {
	if err := h.await(); err != nil {
		return err
	}
	if half, ok := h.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
