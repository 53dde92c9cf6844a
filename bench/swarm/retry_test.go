//go:build linux

package swarm

import "testing"

func TestARetryHint(t *testing.T) {
	for name, c := range map[string]struct {
		payload string
		ms      int
		hinted  bool
	}{
		"is read from the reason of a close":   {"\x03\xf4" + `{"retry_after_ms":1500}`, 1500, true},
		"may be at once":                       {"\x03\xf4" + `{"retry_after_ms":0}`, 0, true},
		"is not there without a reason":        {"\x03\xe8", 0, false},
		"is not there in an empty close":       {"", 0, false},
		"is not there in a reason of words":    {"\x03\xe8bye", 0, false},
		"is not there in a reason for another": {"\x03\xe8" + `{"why":1}`, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			if ms, hinted := retryHint([]byte(c.payload)); ms != c.ms || hinted != c.hinted {
				t.Errorf("got %d, %v, want %d, %v", ms, hinted, c.ms, c.hinted)
			}
		})
	}
}
