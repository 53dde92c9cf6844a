package faultproxy

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

const (
	// chunkBytes is how much is read at a time, and chunksAhead how many chunks of a direction may wait to be written.
	chunkBytes  = 16 << 10
	chunksAhead = 16
	// writesPerSecond is into how many writes a second the bytes are cut that a bandwidth allows.
	writesPerSecond = 50
)

// link is a connection to the proxy, and the one to the target that belongs to it. mu guards server and isOver; done is closed once it is over.
type link struct {
	proxy  *Proxy
	client *net.TCPConn
	done   chan struct{}
	mu     sync.Mutex
	server *net.TCPConn
	isOver bool
}

// chunk is what was read at once. One without bytes is the end.
type chunk struct {
	data []byte
	at   time.Time
}

// reset ends both connections at once, so that their peers see them break. What waits is lost.
func (l *link) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.isOver {
		return
	}
	l.isOver = true
	close(l.done)
	breakOff(l.client)
	if l.server != nil {
		breakOff(l.server)
	}
}

func breakOff(c *net.TCPConn) {
	_ = c.SetLinger(0)
	_ = c.Close()
}

// finish closes both connections in good order, after both directions have ended.
func (l *link) finish() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.isOver {
		return
	}
	l.isOver = true
	close(l.done)
	_ = l.client.Close()
	_ = l.server.Close()
}

// run connects to the target and passes on what comes, until both directions have ended or the link is reset.
func (l *link) run() {
	defer l.proxy.remove(l)
	defer l.reset()
	if !l.connect() {
		return
	}
	var directions sync.WaitGroup
	directions.Go(func() { l.pass(ToTarget, l.client, l.server) })
	directions.Go(func() { l.pass(FromTarget, l.server, l.client) })
	directions.Wait()
	l.finish()
}

// connect makes the connection to the target, once the link is not frozen.
func (l *link) connect() bool {
	if _, ok := l.await(time.Time{}, 0); !ok {
		return false
	}
	var dialer net.Dialer
	conn, err := dialer.DialContext(l.proxy.ctx, "tcp", l.proxy.target)
	if err != nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.server = conn.(*net.TCPConn)
	if l.isOver {
		breakOff(l.server)
	}
	return !l.isOver
}

// pass passes one direction on until it ends.
func (l *link) pass(d Direction, from, to *net.TCPConn) {
	chunks := make(chan chunk, chunksAhead)
	var reading sync.WaitGroup
	reading.Go(func() { l.read(d, from, chunks) })
	l.write(chunks, to)
	reading.Wait()
}

// read reads chunks until the direction ends.
func (l *link) read(d Direction, from *net.TCPConn, chunks chan<- chunk) {
	for {
		buffer := make([]byte, chunkBytes)
		n, err := from.Read(buffer)
		if err != nil && !errors.Is(err, io.EOF) {
			l.reset()
			return
		}
		now, _ := l.proxy.now()
		if now.swallowed == d && n > 0 {
			continue
		}
		select {
		case chunks <- chunk{buffer[:n], time.Now()}:
		case <-l.done:
			return
		}
		if err != nil {
			return
		}
	}
}

// write writes chunks when the faults allow, until the direction ends.
func (l *link) write(chunks <-chan chunk, to *net.TCPConn) {
	var free time.Time
	for {
		var c chunk
		select {
		case c = <-chunks:
		case <-l.done:
			return
		}
		if len(c.data) == 0 {
			if _, ok := l.await(c.at, 0); ok {
				_ = to.CloseWrite()
			}
			return
		}
		for len(c.data) > 0 {
			now, ok := l.await(c.at, time.Until(free))
			if !ok {
				return
			}
			n := len(c.data)
			if now.bandwidth > 0 {
				n = min(n, max(1, now.bandwidth/writesPerSecond))
			}
			if _, err := to.Write(c.data[:n]); err != nil {
				l.reset()
				return
			}
			c.data = c.data[n:]
			if now.bandwidth > 0 {
				free = time.Now().Add(time.Duration(n) * time.Second / time.Duration(now.bandwidth))
			}
		}
	}
}

// await waits until what was read at some time may be written, at least as long as it is told, and says whether the link is still there.
func (l *link) await(read time.Time, atLeast time.Duration) (faults, bool) {
	until := time.Now().Add(atLeast)
	for {
		now, changed := l.proxy.now()
		left := max(time.Until(until), time.Until(read.Add(now.delay)))
		if left <= 0 && !now.isPaused {
			select {
			case <-l.done:
				return now, false
			default:
				return now, true
			}
		}
		var due <-chan time.Time
		if !now.isPaused {
			timer := time.NewTimer(left)
			due = timer.C
		}
		select {
		case <-due:
		case <-changed:
		case <-l.done:
			return now, false
		}
	}
}
