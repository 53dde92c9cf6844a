package main

import (
	"fmt"
	"time"
)

// brokerGrace is how long the broker may be away until no further client should be sent to the hub: most restarts of a broker are shorter, and all
// hubs lose it at once.
const brokerGrace = 10 * time.Second

// isCutOff says why the hub is cut off from others, or "".
func (s *service) isCutOff() string {
	state := s.hub.Broker()
	away := time.Since(state.Since).Round(time.Second)
	switch {
	case state.Up && state.Err != nil:
		return state.Err.Error()
	case !state.Clustered || state.Up:
		return ""
	case !state.Reached && state.Err == nil:
		return "the broker has not been reached yet"
	case !state.Reached:
		return fmt.Sprintf("the broker has not been reached yet: %v", state.Err)
	case away >= brokerGrace:
		return fmt.Sprintf("the broker has been away for %v: %v", away, state.Err)
	}
	return ""
}
