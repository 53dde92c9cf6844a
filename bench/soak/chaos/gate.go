//go:build linux

package main

import (
	"sync"
	"time"
)

// gate lets one direction of a line through, or not. Its lock guards it.
type gate struct {
	mu   sync.Mutex
	open chan struct{}
}

func newGate() *gate {
	g := &gate{open: make(chan struct{})}
	close(g.open)
	return g
}

// shut stops what comes from now on, for a while, or if that is 0 for ever.
func (g *gate) shut(lasts time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	shut := make(chan struct{})
	g.open = shut
	if lasts > 0 {
		time.AfterFunc(lasts, func() { close(shut) })
	}
}

// through is closed while the gate is open.
func (g *gate) through() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.open
}

func (g *gate) isShut() bool {
	select {
	case <-g.through():
		return false
	default:
		return true
	}
}
