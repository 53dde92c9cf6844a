//go:build linux

package swarm

type spokeState uint8

const (
	stateConnecting spokeState = iota
	stateUpgrading
	stateSubscribing
	stateReady
	stateStalled
	stateClosed
)

// spoke is one connection of a client process.
// I1: partial holds the beginning of a frame or of the handshake's answer, and nothing that was handled.
type spoke struct {
	fd    int32
	topic uint32
	state spokeState
	group uint8
	// checked is true for a subscriber whose events count.
	checked bool
	expect  sequence
	partial []byte
	// writer is nil for a subscriber, second for a spoke of one topic.
	writer *writer
	second *secondTopic
}

// listening reports whether the spoke is a subscriber that must get every event.
func (s *spoke) listening() bool {
	return s.checked && s.state != stateClosed && s.state != stateStalled
}
