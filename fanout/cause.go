package fanout

import (
	"fmt"
	"time"
)

// CauseKind says what ended a connection.
type CauseKind uint8

const (
	// CausePeerClosed: the peer sent a close frame; Cause.Code is its code, 1005 if it gave none.
	CausePeerClosed CauseKind = iota + 1
	// CausePeerGone: the peer ended the connection without a close frame, or reading or sending failed; see Cause.Err.
	CausePeerGone
	// CauseViolation: the peer broke RFC 6455, a rate limit or the time for a message; Cause.Code was sent to it.
	CauseViolation
	// CauseBackpressure: the queue went over its limit; 1013 was sent.
	CauseBackpressure
	// CauseBudget: all connections together went over the memory budget and this one held most; 1013 was sent.
	CauseBudget
	// CauseSilent: the peer was silent for the peer timeout and did not answer a ping; 1001 was sent if its socket took that.
	CauseSilent
	// CauseClosed: Spoke.Close was called.
	CauseClosed
	// CauseRemoved: RemoveConnection was called; the socket is not closed.
	CauseRemoved
	// CauseShutdown: the hub shut down; 1012 was sent.
	CauseShutdown
	// CauseInternal: the hub failed; 1011 was sent if that was possible.
	CauseInternal
	// CauseUnauthenticated: the spoke's identity expired, or Config.OnAuth turned it away; Cause.Code was sent.
	CauseUnauthenticated
)

var causeNames = [...]string{
	CausePeerClosed: "closed by the peer", CausePeerGone: "peer is gone", CauseViolation: "protocol violation",
	CauseBackpressure: "backpressure", CauseBudget: "memory budget", CauseSilent: "peer is silent",
	CauseClosed: "closed", CauseRemoved: "removed", CauseShutdown: "shutdown", CauseInternal: "internal error",
	CauseUnauthenticated: "not authenticated",
}

// String describes it in words.
func (k CauseKind) String() string {
	if int(k) < len(causeNames) && causeNames[k] != "" {
		return causeNames[k]
	}
	return fmt.Sprintf("cause %d", uint8(k))
}

// Cause is what ended a connection. The first cause wins.
type Cause struct {
	// Kind says what happened.
	Kind CauseKind
	// Code is the close code that was sent, or with CausePeerClosed received; 0 if there was none.
	Code uint16
	// Reason is the reason that went with it.
	Reason string
	// Err is what failed, if something did.
	Err error
}

// String describes it in words.
func (c Cause) String() string {
	text := c.Kind.String()
	if c.Code != 0 {
		text = fmt.Sprintf("%s (%d)", text, c.Code)
	}
	if c.Reason != "" {
		text += ": " + c.Reason
	}
	if c.Err != nil {
		text += ": " + c.Err.Error()
	}
	return text
}

// Close codes. The hub itself sends those below 4000. It refuses handshakes with an HTTP status; the codes from 4000 on are
// for embedders whose Refusal of a handshake, or Spoke.Close, is to be seen by a page, from which a browser hides that status.
const (
	CodeNormal       = 1000
	CodeGoingAway    = 1001
	CodePolicy       = 1008
	CodeInternal     = 1011
	CodeRestart      = 1012
	CodeTryLater     = 1013
	CodeUnauthorized = 4401
	CodeForbidden    = 4403
	CodeTooMany      = 4429
)

// Backpressure is what Config.OnBackpressure learns.
type Backpressure struct {
	// Queued is what the queue counted for when the frame did not fit: its unsent bytes, and 64 for each frame behind the first.
	Queued int
	// Held is how many bytes of the memory budget the spoke took: its queue, its unfinished message, events for callbacks that
	// have not begun, its subscriptions. What it shares with others counts for its share.
	Held int
	// Frame is the length in bytes of the frame that did not fit, 0 when the memory budget was the reason.
	Frame int
	// Limit is the configured threshold in bytes.
	Limit int
	// Blocked is how long the socket has been full.
	Blocked time.Duration
	// Budget says that the memory budget of the hub was exceeded, not the spoke's own limit.
	Budget bool
	// Why says how the spoke was doing, and what the likely cause was. It must not be changed.
	Why *Slowness
}
