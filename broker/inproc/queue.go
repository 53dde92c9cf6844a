package inproc

import (
	"sync"

	"github.com/spokehub/spokehub/broker"
)

// queueLimit is how many deliveries may wait for a sink.
const queueLimit = 1 << 16

// itemKind says what a sink is told.
type itemKind uint8

const (
	itemDelivery itemKind = iota
	itemUp
	itemDown
	itemLost
)

// item is what a sink is told.
type item struct {
	kind     itemKind
	delivery broker.Delivery
	reason   string
}

// queue has what a sink is to be told, in order. mu guards all fields but wake.
type queue struct {
	wake  chan struct{}
	mu    sync.Mutex
	items []item
	// held has nothing be taken, and limit is how many items there may be.
	held  bool
	limit int
}

func newQueue() *queue { return &queue{wake: make(chan struct{}, 1), limit: queueLimit} }

// put adds a delivery, or says that there is no room.
func (q *queue) put(i item) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.items) >= q.limit {
		return false
	}
	q.items = append(q.items, i)
	q.notify()
	return true
}

// putAlways adds what must not get lost.
func (q *queue) putAlways(i item) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.items = append(q.items, i)
	q.notify()
}

func (q *queue) notify() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// take takes all items, none while they are held.
func (q *queue) take() []item {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.held {
		return nil
	}
	taken := q.items
	q.items = nil
	return taken
}

// hold has nothing be taken, until it is called with false.
func (q *queue) hold(held bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.held = held
	q.notify()
}

// dropDeliveries drops deliveries that wait, as a connection does that breaks.
func (q *queue) dropDeliveries() {
	q.mu.Lock()
	defer q.mu.Unlock()
	var left []item
	for _, i := range q.items {
		if i.kind != itemDelivery {
			left = append(left, i)
		}
	}
	q.items = left
}

func (q *queue) setLimit(limit int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.limit = limit
}
