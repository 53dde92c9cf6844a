//go:build linux

package storm

import (
	"testing"

	"github.com/spokehub/spokehub/bench/server"
	"github.com/spokehub/spokehub/bench/swarm"
)

const (
	groupHealthy = 0
	groupVictims = 1
	groupWriters = 2
	groupFlood   = 3
)

// steady is a fleet with one publisher on a schedule. A storm must not lose, duplicate or reorder any event of its subscribers.
type steady struct {
	*swarm.Fleet
	hub    *server.Server
	spokes int
}

// startSteady connects it and starts publishing.
func startSteady(t *testing.T, h *server.Server, spokes, size int, rate float64) *steady {
	t.Helper()
	s := connectSteady(t, h, spokes, size)
	s.start(t, size, rate)
	return s
}

// connectSteady only connects it, so that others can subscribe before the first event.
func connectSteady(t *testing.T, h *server.Server, spokes, size int) *steady {
	t.Helper()
	s := &steady{Fleet: startFleet(t, spokes), hub: h, spokes: spokes}
	connect(t, s.Fleet, h, swarm.Plan{Group: groupHealthy, Count: spokes, Topics: 1, Size: size, Subscription: swarm.Subscription{Subscribe: true, Ack: true}})
	connect(t, s.Fleet, h, swarm.Plan{Group: groupWriters, Count: 1, First: 1 << 20, Size: size}, 0)
	return s
}

func (s *steady) start(t *testing.T, size int, rate float64) {
	t.Helper()
	err := s.Publish(swarm.Publication{
		Kind: swarm.PublishRate, Group: groupHealthy, Writers: groupWriters, Topics: 1, Size: size, Rate: rate,
	}, []int{0})
	if err != nil {
		t.Fatal(err)
	}
}

// finish ends publishing, and wants everything at every spoke.
func (s *steady) finish(t *testing.T) {
	t.Helper()
	sent, err := s.Pause()
	if err != nil {
		t.Fatal(err)
	}
	if sent[groupHealthy] == 0 {
		t.Error("got no event published, want some")
	}
	awaitDelivered(t, s.Fleet, groupHealthy, sent[groupHealthy]*uint64(s.spokes))
	wantNoFaults(t, "healthy spokes", report(t, s.Fleet, sent)[groupHealthy])
}
