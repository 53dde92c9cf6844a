package spoke

import "testing"

// TestAConnectionIsWhatReconnectAskedFor: a call ahead of it does not shorten a delay later.
func TestAConnectionIsWhatReconnectAskedFor(t *testing.T) {
	c := &Client{signals: signals{again: make(chan struct{}, 1), write: make(chan struct{}, 1)}}
	c.Reconnect()
	if len(c.signals.again) != 1 {
		t.Fatal("Reconnect left no mark")
	}
	c.take(&link{})
	if len(c.signals.again) != 0 {
		t.Error("the mark is still there behind the connection")
	}
}
