package fanouttest

import (
	"time"

	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/wsframe"
)

// Quiet waits minPoll before it looks again at a busy hub, twice as long each time up to maxPoll.
const (
	minPoll = 100 * time.Microsecond
	maxPoll = 10 * time.Millisecond
)

// Quiet waits until the hub has nothing left to do: everything that clients have sent is handled, all callbacks and listeners have
// returned, and everything dispatched has arrived at its clients or was dropped. What is queued for clients that stall is left queued.
// It fails the test if that takes longer than Patience. Connections that were not made with Connect must read what they are sent.
func (h *Hub) Quiet() {
	h.t.Helper()
	expired := time.NewTimer(h.Patience)
	defer expired.Stop()
	for poll := minPoll; ; poll = min(2*poll, maxPoll) {
		before := h.Stats()
		answered := h.roundTrips(expired.C)
		after := h.Stats()
		if answered && h.isQuiet(before) && h.isQuiet(after) && workOf(before) == workOf(after) {
			return
		}
		if !answered || !sleep(poll, expired.C) {
			h.t.Fatalf("waited %v for a quiet hub, got all clients answered %v, %d inboxes with callbacks, %d bytes on their way to queues, %d events queued",
				h.Patience, answered, after.CallbacksPending, after.Waiting, after.Queued)
		}
	}
}

// roundTrips sends a ping from each client that reads and waits for the pongs. A pong comes behind everything that was queued
// for the client, and the ping behind everything that the client has sent.
func (h *Hub) roundTrips(expired <-chan time.Time) bool {
	type waiting struct {
		client *Client
		pongs  int
	}
	var all []waiting
	for _, c := range h.clients {
		if c.stalled() {
			continue
		}
		c.received.mu.Lock()
		pongs := c.received.pongs
		c.received.mu.Unlock()
		c.wire.send(wsframe.Ping, nil)
		all = append(all, waiting{c, pongs + 1})
	}
	for _, w := range all {
		answered := func(r *received) bool { return r.pongs >= w.pongs || r.end != nil }
		if !w.client.received.await(expired, answered) {
			return false
		}
	}
	return true
}

func (c *Client) stalled() bool { return c.wire.gate.stalled() != nil }

// isQuiet says whether nothing waits on the hub's side.
func (h *Hub) isQuiet(st fanout.Stats) bool {
	return st.Waiting == 0 && st.CallbacksPending == 0 && (st.Queued == 0 || h.anyStalled())
}

func (h *Hub) anyStalled() bool {
	for _, c := range h.clients {
		if c.stalled() {
			return true
		}
	}
	return false
}

// work is what a busy hub changes.
type work struct {
	accepted, disconnected, messagesIn, eventsDispatched, deliveries uint64
}

func workOf(st fanout.Stats) work {
	return work{st.Accepted, st.Disconnected, st.MessagesIn, st.EventsDispatched, st.Deliveries}
}

// sleep returns false if expired fires first.
func sleep(d time.Duration, expired <-chan time.Time) bool {
	select {
	case <-time.After(d):
		return true
	case <-expired:
		return false
	}
}
