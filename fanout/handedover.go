package fanout

import (
	"sync"
	"time"

	"github.com/spokehub/spokehub/broker"
)

// suspicion is how long ahead of the end of a connection what was handed over may have been lost with it. An engine whose Publish does not wait for an answer
// learns by pings that its server is gone: NATS after some six seconds.
const suspicion = 10 * time.Second

// handedOver are the types without a stream of which the broker is given events, or has been lately: in the time since began, up to last, and in that before. mu
// guards all; it may be taken under that of the outbox, which need not be held for as long as it takes to look at a parcel.
//
// I1: what was given within suspicion of last is in one of them.
type handedOver struct {
	mu          sync.Mutex
	now, before lostTypes
	began, last time.Time
}

// note notes what the broker is about to be given.
func (h *handedOver) note(messages []broker.Message, at time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.last = at; at.Sub(h.began) > suspicion {
		h.before, h.now, h.began = h.now, lostTypes{}, at
	}
	last := ""
	for i := range messages {
		if key := &messages[i].Key; key.Kind == broker.Plain && key.Type != last {
			last = key.Type
			h.now.add(last)
		}
	}
}

// add notes what others are about to be told of.
func (h *handedOver) add(lost *lostTypes) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now.merge(lost)
}

// takeLate moves what may have been lost if the connection has ended now, and forgets the rest.
func (h *handedOver) takeLate(lost *lostTypes) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if time.Since(h.last) <= suspicion {
		lost.merge(&h.now)
		lost.merge(&h.before)
	}
	h.now, h.before, h.began, h.last = lostTypes{}, lostTypes{}, time.Time{}, time.Time{}
}

// suspect has others be told, once the broker is back, that the events may be lost which it was given shortly before it was gone. They can't know: their own
// connections have had no trouble.
func (o *outbox) suspect() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.handed.takeLate(&o.lost)
}
