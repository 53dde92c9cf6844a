package fanout

import (
	"time"

	"github.com/spokehub/spokehub/broker"
)

// suspicion is how long ahead of the end of a connection what was handed over may have been lost with it. An engine whose Publish does not wait for an answer
// learns by pings that its server is gone: NATS after some six seconds.
const suspicion = 10 * time.Second

// handedOver are the types without a stream of which the broker is given events, or has been lately: in the time since began, up to last, and in that before. It
// belongs to the outbox.
//
// I1: what was given within suspicion of last is in one of them.
type handedOver struct {
	now, before lostTypes
	began, last time.Time
}

// note notes what the broker is about to be given.
func (h *handedOver) note(messages []broker.Message, at time.Time) {
	if len(messages) == 0 {
		return
	}
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

// suspect has others be told, once the broker is back, that the events may be lost which it was given shortly before it was gone. They can't know: their own
// connections have had no trouble.
func (o *outbox) suspect() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if h := &o.handed; time.Since(h.last) <= suspicion {
		o.lost.merge(&h.now)
		o.lost.merge(&h.before)
	}
	o.handed = handedOver{}
}
