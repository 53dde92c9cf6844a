package swarm

import "encoding/json"

// retryHint reads the milliseconds that the reason of a close frame advises to wait.
func retryHint(payload []byte) (ms int, hinted bool) {
	if len(payload) <= 2 {
		return 0, false
	}
	var reason struct {
		After *int `json:"retry_after_ms"`
	}
	if json.Unmarshal(payload[2:], &reason) != nil || reason.After == nil {
		return 0, false
	}
	return *reason.After, true
}
