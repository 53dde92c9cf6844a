package netpoll

import (
	"errors"
	"net"
	"os"
	"sync"
	"time"
)

// linkFills are the reader's goroutines of a link that is watched, of which there is one at a time.
//
// Owners: run never changes; running is for any goroutine; the rest belongs to the reader from its start until its task, to the reactor
// otherwise.
type linkFills struct {
	run     func()
	running sync.WaitGroup
	buffer  *linkBuffer
	// isShaken: the handshake is done.
	isShaken bool
	// isDry: nothing was buffered above the socket.
	isDry bool
	// began is the tick at which the reader was started. It belongs to the reactor.
	began uint32
}

// linkFillBytes is about how much memory a reader takes: the stack of its goroutine, its buffer, and the record that crypto/tls has in
// part.
const linkFillBytes = 8<<10 + linkReadBytes

var (
	// past is a deadline that has expired, never is none.
	past  = time.Unix(1, 0)
	never time.Time
)

// startFill has a goroutine read.
func (l *link) startFill() {
	l.countReading(linkFillBytes)
	l.watch.fills.began = l.reactor.now()
	l.watch.fills.running.Add(1)
	l.reactor.links.running.Add(1)
	go l.watch.fills.run()
}

func (l *link) runFill() {
	w := l.watch
	defer l.reactor.links.running.Done()
	defer w.fills.running.Done()
	if w.ended.Load() {
		return
	}
	w.fills.buffer = takeLinkBuffer(linkReadBytes)
	n, err := w.fills.fill(l.conn, w.fills.buffer.bytes)
	l.in.input, l.in.err = w.fills.buffer.bytes[:n], err
	l.reactor.Post(l)
}

// fill reads what has come. A handshake that is still to be done, and the rest of a record that has begun, it waits for, and else for
// nothing: with a deadline in the past, Read returns what is buffered above the socket and leaves the socket alone. For crypto/tls such
// an error is temporary, once the handshake is done.
func (f *linkFills) fill(conn net.Conn, into []byte) (n int, err error) {
	if !f.isShaken {
		if err := conn.(overConn).Handshake(); err != nil {
			return 0, err
		}
		f.isShaken = true
	}
	if f.isDry {
		if n, err = conn.Read(into); err != nil {
			return n, err
		}
	}
	_ = conn.SetReadDeadline(past)
	m := 0
	for more := true; more && n < len(into); more = m > 0 && err == nil {
		m, err = conn.Read(into[n:])
		n += m
	}
	_ = conn.SetReadDeadline(never)
	if f.isDry = errors.Is(err, os.ErrDeadlineExceeded); f.isDry {
		err = nil
	}
	return n, err
}

// giveReadBufferBack runs when what was read has been consumed.
func (l *link) giveReadBufferBack() {
	if l.watch != nil {
		l.countReading(0)
		l.watch.fills.buffer.giveBack()
		l.watch.fills.buffer = nil
	}
}
