package fanout

import (
	"sync"
	"time"
)

const (
	// lossPause is how long losses of events of types without streams are collected before spokes are told.
	lossPause = 250 * time.Millisecond
	// manyLosses is of how many types losses are told one by one.
	manyLosses = 1024
)

// lossTeller collects the types of which events may have been lost, and tells the spokes: so one episode is one gap. mu guards all fields but
// cluster.
type lossTeller struct {
	cluster *cluster
	mu      sync.Mutex
	types   map[string]bool
	// all says that events of any type may have been lost.
	all bool
	// newest is the last spoke that there was at the last loss.
	newest uint64
	timer  *time.Timer
	ended  bool
}

func (t *lossTeller) init(c *cluster) { t.cluster, t.types = c, map[string]bool{} }

// add notes that events of a type have been lost.
func (t *lossTeller) add(typ []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.all || t.types[string(typ)]:
	case len(t.types) >= manyLosses:
		t.all = true
	default:
		t.types[string(typ)] = true
	}
	t.armLocked()
}

// addAll notes that events of any type may have been lost.
func (t *lossTeller) addAll() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.all = true
	t.armLocked()
}

func (t *lossTeller) armLocked() {
	t.newest = t.cluster.hub.shared.ids.Load()
	if t.timer == nil && !t.ended {
		t.timer = time.AfterFunc(lossPause, t.tell)
	}
}

func (t *lossTeller) tell() {
	t.mu.Lock()
	types, all, newest := t.types, t.all, t.newest
	t.types, t.all, t.timer = map[string]bool{}, false, nil
	ended := t.ended
	t.mu.Unlock()
	switch {
	case ended:
	case all:
		t.cluster.hub.tellPlainGap(nil, newest)
	default:
		t.cluster.hub.tellPlainGap(types, newest)
	}
}

func (t *lossTeller) stop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
	if t.timer != nil {
		t.timer.Stop()
	}
}
