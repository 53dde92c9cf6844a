package netpoll

import (
	"errors"
	"time"
)

// goroutinePoller waits for tasks alone: the links of its connections bring their bytes as tasks.
type goroutinePoller struct {
	reactor *Reactor
	kicked  chan struct{}
	timer   *time.Timer
}

var errNoDescriptors = errors.New("the goroutine engine takes connections, not descriptors")

func newGoroutinePoller(r *Reactor) *goroutinePoller {
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	return &goroutinePoller{reactor: r, kicked: make(chan struct{}, 1), timer: timer}
}

func (p *goroutinePoller) add(int32, Conn, bool) error       { return errNoDescriptors }
func (p *goroutinePoller) mod(int32, Conn, bool, bool) error { return errNoDescriptors }
func (p *goroutinePoller) once(int32, Conn, bool) error      { return errNoDescriptors }
func (p *goroutinePoller) del(int32) error                   { return errNoDescriptors }
func (p *goroutinePoller) retire(int32)                      {}

func (p *goroutinePoller) alarm(ticks uint32) {
	p.timer.Stop()
	if ticks > 0 {
		p.timer.Reset(time.Duration(ticks) * Tick)
	}
}

func (p *goroutinePoller) kick() {
	select {
	case p.kicked <- struct{}{}:
	default:
	}
}

func (p *goroutinePoller) run() {
	defer p.timer.Stop()
	for {
		switch p.reactor.turn() {
		case stopped:
			return
		case waitForMore:
			select {
			case <-p.kicked:
			case <-p.timer.C:
			}
		}
	}
}
