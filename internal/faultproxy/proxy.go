package faultproxy

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"
)

// Direction is one in which bytes pass.
type Direction uint8

const (
	// Neither is no direction.
	Neither Direction = iota
	// ToTarget is from who has connected to the proxy.
	ToTarget
	// FromTarget is to who has connected to the proxy.
	FromTarget
)

// Proxy passes on what comes to a target. Any goroutine may call its methods; what they change holds for the connections that are there and
// for later ones.
//
// I1: changed is closed, and replaced, at each change of faults.
type Proxy struct {
	target   string
	listener *net.TCPListener
	ctx      context.Context
	end      context.CancelFunc
	running  sync.WaitGroup

	mu      sync.Mutex
	faults  faults
	changed chan struct{}
	links   map[*link]struct{}
}

// faults are what a proxy does to what passes. The zero value passes all on.
type faults struct {
	isPaused, isCut bool
	swallowed       Direction
	bandwidth       int
	delay           time.Duration
}

// New begins to listen on a free port of the loopback, for connections to target, a host and port. The target need not be there yet. The caller ends the
// proxy with Close.
func New(target string) (*Proxy, error) {
	if _, _, err := net.SplitHostPort(target); err != nil {
		return nil, fmt.Errorf("faultproxy: the target %q is no host and port: %w", target, err)
	}
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, fmt.Errorf("faultproxy: listen on the loopback: %w", err)
	}
	p := &Proxy{target: target, listener: listener, changed: make(chan struct{}), links: make(map[*link]struct{})}
	p.ctx, p.end = context.WithCancel(context.Background())
	p.running.Go(p.accept)
	return p, nil
}

// Addr is where the proxy listens, as host and port. It stays the same until Close.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Pause freezes the links: connections stay, new ones are taken, and nothing passes, not even an end. What is sent meanwhile fills buffers, and then
// blocks who sends it.
func (p *Proxy) Pause() { p.change(func(f *faults) { f.isPaused = true }) }

// Resume ends what Pause began; nothing is lost.
func (p *Proxy) Resume() { p.change(func(f *faults) { f.isPaused = false }) }

// Cut resets all connections, and each new one as soon as it is there, until Restore.
func (p *Proxy) Cut() {
	p.change(func(f *faults) { f.isCut = true })
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		l.reset()
	}
}

// Restore ends what Cut began. Connections that were reset stay so.
func (p *Proxy) Restore() { p.change(func(f *faults) { f.isCut = false }) }

// Half swallows what is sent in a direction from now on, while the connections stay open and the other direction works. With Neither it ends that: what
// was swallowed is lost.
func (p *Proxy) Half(swallowed Direction) { p.change(func(f *faults) { f.swallowed = swallowed }) }

// SetBandwidth limits each direction of each connection to so many bytes a second; 0 for no limit.
func (p *Proxy) SetBandwidth(bytes int) { p.change(func(f *faults) { f.bandwidth = max(bytes, 0) }) }

// SetDelay has bytes take that long from one end to the other; 0 for no time.
func (p *Proxy) SetDelay(d time.Duration) { p.change(func(f *faults) { f.delay = max(d, 0) }) }

// Close ends all connections and waits until nothing of the proxy runs. Later calls do nothing.
func (p *Proxy) Close() {
	p.end()
	_ = p.listener.Close()
	p.mu.Lock()
	for l := range p.links {
		l.reset()
	}
	p.mu.Unlock()
	p.running.Wait()
}

func (p *Proxy) change(edit func(*faults)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	edit(&p.faults)
	close(p.changed)
	p.changed = make(chan struct{})
}

// now returns the faults, and a channel that is closed once they change.
func (p *Proxy) now() (faults, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.faults, p.changed
}

// acceptPause is how long it takes until a connection is accepted again after that has failed, for want of files for instance.
const acceptPause = 10 * time.Millisecond

func (p *Proxy) accept() {
	for p.ctx.Err() == nil {
		client, err := p.listener.AcceptTCP()
		if err != nil {
			select {
			case <-p.ctx.Done():
			case <-time.After(acceptPause):
			}
			continue
		}
		l := &link{proxy: p, client: client, done: make(chan struct{})}
		if !p.add(l) {
			l.reset()
			continue
		}
		p.running.Go(l.run)
	}
}

// add enters a link into the table, unless the proxy is cut or has ended.
func (p *Proxy) add(l *link) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.faults.isCut || p.ctx.Err() != nil {
		return false
	}
	p.links[l] = struct{}{}
	return true
}

func (p *Proxy) remove(l *link) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.links, l)
}
