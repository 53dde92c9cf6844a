package nats

import (
	"errors"
	"time"
)

const (
	// quiet is after how long without anything from the servers the engine sends itself a message, and patience how long it waits for that.
	quiet    = 5 * time.Second
	patience = 5 * time.Second
	// longestQuiet bounds how far the first is put off, twice as long each time that it was in vain.
	longestQuiet = 5 * time.Minute
)

// probe is a message to oneself, which finds a connection that looks healthy and delivers nothing. It belongs to the keeper's goroutine.
type probe struct {
	asked *asked
	// sent is when, of the monotonic clock since began; wait is how long it has to be quiet before the next.
	sent, wait time.Duration
	session    int
}

func newProbe() probe { return probe{wait: quiet} }

// listenToSelf sends a probe if it was quiet, and gives up the connection if the last one has not come.
func (e *Engine) listenToSelf(k *keeper) {
	p := &k.probe
	if !e.link.up.Load() || p.session != k.session {
		if p.asked != nil {
			e.calls.forget(p.asked.id)
		}
		p.asked, p.session = nil, k.session
		return
	}
	now := time.Since(began)
	heard := time.Duration(e.calls.heard.Load())
	if p.asked == nil {
		if now-max(heard, p.sent) >= p.wait {
			p.sent = now
			p.asked = e.askSelf()
		}
		return
	}
	if heard > p.sent {
		e.calls.forget(p.asked.id)
		p.asked, p.wait = nil, quiet
		return
	}
	if now-p.sent >= patience {
		e.calls.forget(p.asked.id)
		p.asked, p.wait = nil, min(2*p.wait, longestQuiet)
		e.news.because(errors.New("the connection is deaf: a message to oneself did not come back"))
		e.link.drop()
	}
}

// askSelf sends a message to the subject at which its own answer is awaited.
func (e *Engine) askSelf() *asked {
	a := &asked{one: one{done: make(chan struct{})}}
	id, reply := e.calls.await(a)
	a.id = id
	if err := e.publishRaw(reply, "", nil, nil); err != nil {
		e.calls.forget(id)
	}
	return a
}
