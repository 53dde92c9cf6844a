package spoke

import (
	"errors"
	"fmt"

	"github.com/spokehub/spokehub/event"
)

var (
	// ErrClosed says that Close has been called.
	ErrClosed = errors.New("spoke: the client is closed")
	// ErrQueueFull says that an event was not taken because what waits for the connection fills the queue: Config.QueueEvents and
	// QueueBytes without a connection, SendBuffer with one.
	ErrQueueFull = errors.New("spoke: the queue of events that wait to be sent is full")
	// ErrSlowReader says that a loop over Events was slower than its events and its buffer, Config.EventBuffer, is full.
	ErrSlowReader = errors.New("spoke: the loop is slower than its events, and Config.EventBuffer of them wait already")
	// ErrUnconfirmed says that the connection broke before the hub had confirmed all that was sent: whether it has the rest is
	// not known.
	ErrUnconfirmed = errors.New("spoke: the connection broke before the hub confirmed what was sent")
	// ErrSilent says that the hub did not answer in time, so the connection was taken for dead.
	ErrSilent = errors.New("the hub is silent: it has left a probe unanswered for Config.PongTimeout")

	errExited = errors.New("spoke: a listener or callback has ended the goroutine that called it, by runtime.Goexit or by FailNow of a test; let it return")

	errReconnect = errors.New("Reconnect was called")
)

// RejectError is what the hub refuses.
type RejectError struct {
	// Topic is what is refused: what was to be subscribed to, or the type and id of an event that was published. It is empty for
	// a token.
	Topic string
	// Reason is why. It is event.Unavailable of an event that its stream does not take now: it may be published again, and comes twice if the
	// hub could not know that the stream had it. Of presence it says that the topic has none. A subscription that the hub can't take now is
	// not refused: the client asks again.
	Reason event.Reason
	// Published says that an event was refused, not a subscription.
	Published bool
	// Presence says that it was who is subscribed to Topic that was asked for.
	Presence bool
}

// Error says what was refused, why, and what to do.
func (e *RejectError) Error() string {
	what := fmt.Sprintf("subscribe to %q", e.Topic)
	switch {
	case e.Published:
		what = fmt.Sprintf("publish to %q", e.Topic)
	case e.Presence:
		what = fmt.Sprintf("ask for the presence of %q", e.Topic)
	case e.Topic == "":
		what = "show a token"
	}
	cure := cures[e.Reason]
	if e.Reason == event.Unavailable && e.Published {
		cure = ": its stream does not take it now, which the hub's log explains; publish it again later"
	}
	return fmt.Sprintf("spoke: %s: the hub refuses it with %s%s", what, e.Reason, cure)
}

// cures say what to do about a reason.
var cures = map[event.Reason]string{
	event.InvalidTopic:    ": a topic is a type, or a type and an id as type:id",
	event.Forbidden:       ": the identity of this client doesn't cover it; ask for a token that does, or for a rule of the hub",
	event.Limit:           ": this client has as many topics as the hub allows; unsubscribe from some, or raise the hub's --max-topics",
	event.Unauthenticated: ": the hub wants a token that is good; see Config.Token and Config.GetToken",
	event.Unavailable:     ": the topic has no presence; a policy of the hub gives it one (topics: presence), where the hub knows identities",
}

// DroppedError stands in a loop over Events for events that were dropped because its buffer was full (Config.WhenFull).
type DroppedError struct {
	// Count is how many were dropped.
	Count int
}

// Error says how many events are missing.
func (e *DroppedError) Error() string {
	return fmt.Sprintf("spoke: the loop is slower than its events: %s dropped; see Config.EventBuffer", plural(e.Count, "event was", "events were"))
}

// UnsentError says that Close has dropped events that had not been sent.
type UnsentError struct {
	// Events is how many.
	Events int
}

// Error says how many events are lost.
func (e *UnsentError) Error() string {
	return fmt.Sprintf("spoke: closed before %s sent", plural(e.Events, "event was", "events were"))
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
