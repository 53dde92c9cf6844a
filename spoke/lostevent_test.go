package spoke

import (
	"errors"
	"testing"
)

// TestAnEventThatTheLastConnectionTookIsUnconfirmed: the write goroutine may learn that a socket took an event when there is another
// connection already, whose hub can't confirm it.
func TestAnEventThatTheLastConnectionTookIsUnconfirmed(t *testing.T) {
	c := &Client{signals: signals{write: make(chan struct{}, 1), again: make(chan struct{}, 1)}}
	last := &link{}
	c.take(last)
	c.outbox.push([]byte(`{"type":"e"}`))
	waits := &flush{events: 1, done: make(chan error, 1)}
	c.flushes.waiting, c.flushes.asked = []*flush{waits}, true
	c.flushes.connectionLost(&c.outbox)
	c.take(&link{})
	c.noteSent(last)
	select {
	case err := <-waits.done:
		if !errors.Is(err, ErrUnconfirmed) {
			t.Errorf("Flush returns %v, want ErrUnconfirmed", err)
		}
	default:
		t.Error("Flush goes on to wait for the next connection to confirm the event")
	}
}
