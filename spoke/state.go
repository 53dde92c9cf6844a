package spoke

import (
	"fmt"
	"log/slog"
	"time"
)

// Phase is where a client is in its life.
type Phase int

const (
	// Connecting says that an attempt is under way.
	Connecting Phase = iota
	// Connected says that there is a connection.
	Connected
	// Waiting says that there is none, and that the next attempt comes after State.RetryIn.
	Waiting
	// Closed says that there will be none any more.
	Closed
)

// String returns the name of the phase in lower case.
func (p Phase) String() string {
	switch p {
	case Connecting:
		return "connecting"
	case Connected:
		return "connected"
	case Waiting:
		return "waiting"
	case Closed:
		return "closed"
	}
	return fmt.Sprintf("Phase(%d)", int(p))
}

// State is what a client is doing.
type State struct {
	// Phase is where it is in its life.
	Phase Phase
	// Attempt counts the attempts to connect since the last connection that lasted Config.HealthyAfter.
	Attempt int
	// RetryIn is the delay ahead of the next attempt, when the phase began. Zero but for Waiting.
	RetryIn time.Duration
	// Err is why the last connection ended or failed: a *CloseError, a *ConnectError, or another one. Nil once there is a
	// connection, and for a client that was closed by Close.
	Err error
}

// tell makes s the client's state, calls OnState and logs. It is called by the run goroutine, and by Dial before that one starts.
func (c *Client) tell(s State) {
	c.mu.Lock()
	c.state = s
	c.mu.Unlock()
	c.logState(s)
	if c.cfg.OnState != nil {
		c.guard("OnState", func() { c.cfg.OnState(s) })
	}
}

func (c *Client) logState(s State) {
	at := slog.String("url", c.endpoint.name)
	switch {
	case s.Phase == Connected:
		c.cfg.Logger.Info("connected to the hub", at)
	case s.Phase == Waiting:
		c.cfg.Logger.Warn("no connection to the hub", at, slog.String("cause", s.Err.Error()), slog.Duration("retry_in", s.RetryIn), slog.Int("attempt", s.Attempt))
	case s.Phase == Closed && s.Err != nil:
		c.cfg.Logger.Error("the hub won't have this client, which does not come back", at, slog.String("cause", s.Err.Error()))
	case s.Phase == Closed:
		c.cfg.Logger.Info("closed", at)
	}
}

// State returns what the client is doing. Any goroutine may call it; it does not block.
func (c *Client) State() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

// Stats are counts since Dial.
type Stats struct {
	// Connections is how many connections there have been.
	Connections uint64
	// Received is how many events have come, and Malformed how many messages that are none.
	Received, Malformed uint64
	// Sent is how many events have been written to a socket.
	Sent uint64
	// Rejected is how many subscriptions and events the hub has refused.
	Rejected uint64
	// Unavailable is how often the hub has said of a topic that it can't take the subscription now, and is asked again.
	Unavailable uint64
	// Gaps is how many gaps there have been: times at which the hub did not send all events, or could not tell.
	Gaps uint64
	// Repeated is how many events of streams have come again and were dropped.
	Repeated uint64
	// Panics is how many listeners and callbacks have panicked.
	Panics uint64
	// Queued and QueuedBytes are the events that wait to be sent, now.
	Queued, QueuedBytes int
}

// Stats returns the client's counts. Any goroutine may call it; it does not block.
func (c *Client) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.stats
	s.Received = c.received.Load()
	s.Queued, s.QueuedBytes = len(c.outbox.messages), c.outbox.bytes
	return s
}

// count changes a count under the lock.
func (c *Client) count(change func(*Stats)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.stats)
}
