package fanout

import (
	"maps"

	"github.com/spokehub/spokehub/event"
)

// Kinds are counters by kind. A kind of which there was none may be missing.
type Kinds struct {
	// Controls are control events of spokes, by what they ask: together ControlsIn and ControlsUnknown.
	Controls map[event.Kind]uint64
	// Rejects are answers to spokes that say no: to a control event or one of its topics, or to an event, or that a topic was taken away. They count
	// whether the spoke has asked for an answer or not. Those of events also count when it is not told, as it has been told lately.
	Rejects map[event.Reason]uint64
	// Disconnections are the spokes of Disconnected, by what ended them.
	Disconnections map[CauseKind]uint64
	// LogSuppressed are log lines that the hub did not write because there were too many of their kind, whatever the level of the log:
	// malformed, slow, filling, violation, resources, hijack, refusal, handshake, identity, stream, broker, message (of the broker that can't be read) and node. All of them are there.
	LogSuppressed map[string]uint64
}

func newKinds() Kinds {
	return Kinds{
		Controls: make(map[event.Kind]uint64), Rejects: make(map[event.Reason]uint64),
		Disconnections: make(map[CauseKind]uint64), LogSuppressed: make(map[string]uint64),
	}
}

// copy is k for a caller who may change it.
func (k *Kinds) copy() Kinds {
	return Kinds{
		Controls: maps.Clone(k.Controls), Rejects: maps.Clone(k.Rejects),
		Disconnections: maps.Clone(k.Disconnections), LogSuppressed: maps.Clone(k.LogSuppressed),
	}
}

// kindCounters are those that a loop has. They belong to its goroutine.
type kindCounters struct {
	controlKinds [event.UnknownControl + 1]uint64
	rejects      map[event.Reason]uint64
	causes       [len(causeNames)]uint64
}

// addTo adds what the loop has counted.
func (n *kindCounters) addTo(k *Kinds) {
	for kind, times := range n.controlKinds {
		if times > 0 {
			k.Controls[event.Kind(kind)] += times
		}
	}
	for reason, times := range n.rejects {
		k.Rejects[reason] += times
	}
	for cause, times := range n.causes {
		if times > 0 {
			k.Disconnections[CauseKind(cause)] += times
		}
	}
}

// limits are those of the log, by what they are called in Kinds.
func (g *hubLog) limits() map[string]*logLimit {
	return map[string]*logLimit{
		"malformed": &g.malformed, "slow": &g.slow.closed, "filling": &g.slow.filling, "violation": &g.violated, "resources": &g.exhausted, "hijack": &g.hidden,
		"refusal": &g.refusals.limit, "handshake": &g.undecided, "identity": &g.identity, "stream": &g.streams,
		"broker": &g.broker.troubles, "message": &g.broker.foreign, "node": &g.broker.nodes,
	}
}

// addTo adds how many lines were not written.
func (g *hubLog) addTo(k *Kinds) {
	for name, limit := range g.limits() {
		limit.mu.Lock()
		k.LogSuppressed[name] = limit.suppressed
		limit.mu.Unlock()
	}
}
