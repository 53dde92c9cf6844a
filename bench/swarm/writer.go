//go:build linux

package swarm

import "golang.org/x/sys/unix"

const writerHighWater = 1 << 20

// writer is the outgoing side of a connection that publishes: what is appended goes out in one write at the end of a turn.
// I1: buffer[sent:] is what the socket hasn't taken.
type writer struct {
	fd int32
	// dead is true once the connection has ended, blocked while its socket is full.
	dead, blocked bool
	buffer        []byte
	sent          int
}

// full reports whether the server doesn't read what is written.
func (w *writer) full() bool {
	return w.dead || len(w.buffer)-w.sent > writerHighWater
}

// flush writes what it can.
func (w *writer) flush() {
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
