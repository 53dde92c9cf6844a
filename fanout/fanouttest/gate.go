package fanouttest

import (
	"errors"
	"net"
	"os"
	"sync"
	"time"
)

// gate is the reading side of a connection that can be shut. Any goroutine may shut it; one reads.
//
// I1: when stall has returned, nothing is read until resume.
type gate struct {
	conn net.Conn
	// reading is held during a read.
	reading sync.Mutex

	mu sync.Mutex
	// opened is closed by resume; nil while the gate is open.
	opened chan struct{}
}

// longAgo is a deadline that has passed, in fake time too.
var longAgo = time.Unix(1, 0)

func (g *gate) stall() {
	g.mu.Lock()
	if g.opened == nil {
		g.opened = make(chan struct{})
		_ = g.conn.SetReadDeadline(longAgo)
	}
	g.mu.Unlock()
	g.reading.Lock()
	defer g.reading.Unlock()
}

func (g *gate) resume() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.opened != nil {
		close(g.opened)
		g.opened = nil
		_ = g.conn.SetReadDeadline(time.Time{})
	}
}

// stalled returns what is closed when the gate opens; nil while it is open.
func (g *gate) stalled() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.opened
}

// Read waits while the gate is shut.
func (g *gate) Read(p []byte) (int, error) {
	for {
		if opened := g.stalled(); opened != nil {
			<-opened
			continue
		}
		n, err := g.readOnce(p)
		if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
	}
}

// readOnce reads; a stall in between ends it.
func (g *gate) readOnce(p []byte) (int, error) {
	g.reading.Lock()
	defer g.reading.Unlock()
	if g.stalled() != nil {
		return 0, os.ErrDeadlineExceeded
	}
	n, err := g.conn.Read(p)
	if n > 0 && errors.Is(err, os.ErrDeadlineExceeded) {
		err = nil
	}
	return n, err
}
