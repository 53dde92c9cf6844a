//go:build linux

package main

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

const (
	// ripening is how often the proxy looks for lines whose fault is due.
	ripening = 20 * time.Millisecond
	// heldMost is how long a connect is held back where no later one comes.
	heldMost = time.Second
)

// proxy stands between the clients and the hub. Each connection is a line with a number, from 1 in the order of accepts, and its plan
// follows from the number. Its methods may be called from any goroutine.
type proxy struct {
	listener net.Listener
	seed     seed
	longest  time.Duration
	ledger   *ledger
	arrivals *arrivals
	closing  chan struct{}
	running  sync.WaitGroup
	traffic  traffic
}

// traffic is what changes. Its lock guards it.
type traffic struct {
	mu  sync.Mutex
	hub string
	// lines are all that have not ended, with the active time at which their fault is due; ripe lines have none.
	lines map[*line]time.Duration
	ripe  map[*line]bool
	// active is how long faults were allowed so far, calm whether they are not now.
	active time.Duration
	calm   bool
	// last is the latest line that was served; later is closed when there is a later one.
	last  int
	later chan struct{}
}

// startProxy listens on a free port. Faults that wait do so for at most longest.
func startProxy(seed seed, longest time.Duration, l *ledger, a *arrivals) (*proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the proxy: %w", err)
	}
	p := &proxy{listener: listener, seed: seed, longest: longest, ledger: l, arrivals: a, closing: make(chan struct{})}
	p.traffic.lines, p.traffic.ripe, p.traffic.later = map[*line]time.Duration{}, map[*line]bool{}, make(chan struct{})
	p.running.Go(p.accept)
	p.running.Go(p.ripen)
	return p, nil
}

// address is where clients connect.
func (p *proxy) address() string { return p.listener.Addr().String() }

// close ends all lines and waits for them.
func (p *proxy) close() {
	close(p.closing)
	p.listener.Close()
	p.cutAll()
	p.running.Wait()
}

// lead makes this the hub of the lines to come.
func (p *proxy) lead(address string) {
	p.traffic.mu.Lock()
	defer p.traffic.mu.Unlock()
	p.traffic.hub = address
}

func (p *proxy) hubAddress() string {
	p.traffic.mu.Lock()
	defer p.traffic.mu.Unlock()
	return p.traffic.hub
}

// setCalm holds back all faults that have not begun, or lets them go on.
func (p *proxy) setCalm(calm bool) {
	p.traffic.mu.Lock()
	defer p.traffic.mu.Unlock()
	p.traffic.calm = calm
}

func (p *proxy) isActive() bool {
	p.traffic.mu.Lock()
	defer p.traffic.mu.Unlock()
	return !p.traffic.calm
}

// cutAll resets every line.
func (p *proxy) cutAll() {
	for _, l := range p.open() {
		l.end(false, false)
	}
}

func (p *proxy) open() (lines []*line) {
	p.traffic.mu.Lock()
	defer p.traffic.mu.Unlock()
	for l := range p.traffic.lines {
		lines = append(lines, l)
	}
	return lines
}

// accept numbers connections and serves each in a goroutine, until the listener closes.
func (p *proxy) accept() {
	for number := 1; ; number++ {
		conn, err := p.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			p.ledger.problem(nobody, "the proxy accepts no more: %v", err)
			return
		}
		l := &line{
			number: number, plan: p.seed.line(number, p.longest), proxy: p, accepted: time.Now(), conn: conn.(*net.TCPConn), done: make(chan struct{}),
		}
		p.ledger.accepted(l.plan.fault)
		p.traffic.mu.Lock()
		p.traffic.lines[l] = p.traffic.active + l.plan.after
		p.traffic.mu.Unlock()
		select {
		case <-p.closing:
			l.end(false, false)
		default:
		}
		p.running.Go(l.serve)
	}
}

// served notes a line that the hub serves now: its fault may come, and connects that are held back for it go on.
func (p *proxy) served(l *line) {
	p.traffic.mu.Lock()
	defer p.traffic.mu.Unlock()
	if !l.plan.fault.kind().atOnce {
		p.traffic.ripe[l] = true
	}
	if l.number > p.traffic.last {
		p.traffic.last = l.number
		close(p.traffic.later)
		p.traffic.later = make(chan struct{})
	}
}

func (p *proxy) gone(l *line) {
	p.traffic.mu.Lock()
	defer p.traffic.mu.Unlock()
	delete(p.traffic.lines, l)
	delete(p.traffic.ripe, l)
}

// awaitLater blocks until a later line has been served, for a while.
func (p *proxy) awaitLater(l *line) {
	deadline := time.After(heldMost)
	for {
		p.traffic.mu.Lock()
		later, last := p.traffic.later, p.traffic.last
		p.traffic.mu.Unlock()
		if last > l.number {
			return
		}
		select {
		case <-later:
		case <-deadline:
			return
		case <-l.done:
			return
		}
	}
}

// ripen begins faults when they are due.
func (p *proxy) ripen() {
	ticker := time.NewTicker(ripening)
	defer ticker.Stop()
	before := time.Now()
	for {
		select {
		case <-p.closing:
			return
		case <-ticker.C:
		}
		now := time.Now()
		for _, l := range p.due(now.Sub(before)) {
			l.afflict()
		}
		before = now
	}
}

// due adds to the active time and returns the lines whose fault is due now.
func (p *proxy) due(passed time.Duration) (lines []*line) {
	p.traffic.mu.Lock()
	defer p.traffic.mu.Unlock()
	if p.traffic.calm {
		return nil
	}
	p.traffic.active += passed
	for l := range p.traffic.ripe {
		if p.traffic.lines[l] <= p.traffic.active {
			lines = append(lines, l)
			delete(p.traffic.ripe, l)
		}
	}
	return lines
}
