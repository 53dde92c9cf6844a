package spoke

import (
	"net"
	"testing"
)

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

// TestReconnectCountsThoughTheConnectionHasEndedJustNow: its goroutine may not have told so yet, and then waits.
func TestReconnectCountsThoughTheConnectionHasEndedJustNow(t *testing.T) {
	a, b := net.Pipe()
	defer b.Close()
	c := &Client{cfg: Config{MinDelay: 1}, signals: signals{again: make(chan struct{}, 1), write: make(chan struct{}, 1)}}
	c.take(&link{raw: &watched{Conn: a}})
	c.link.giveUp(ErrSilent)
	c.Reconnect()
	if len(c.signals.again) != 1 {
		t.Error("Reconnect left no mark to end the delay")
	}
	c.after(errReconnect, 0, false)
	if len(c.signals.again) != 0 {
		t.Error("the mark is still there for a delay behind the attempt that Reconnect asked for")
	}
}
