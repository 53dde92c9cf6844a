package fanout

import (
	"fmt"
	"time"
)

// Refusal is an error with which Config.OnHandshake or Config.OnAuth turns a client away. Exactly one of Status and Code is set.
type Refusal struct {
	// Status answers the handshake with an HTTP status from 400 to 599, which browsers hide from pages.
	Status int
	// Code lets the handshake succeed and closes the connection at once with a code that pages do see: CodeUnauthorized,
	// CodeForbidden or CodeTooMany.
	Code uint16
	// Reason tells the client's developer what is wrong; it is sent.
	Reason string
	// RetryAfter says when to come back, as Retry-After or retry_after_ms. Zero: no word of it.
	RetryAfter time.Duration
}

// Error describes the refusal.
func (r *Refusal) Error() string {
	if r.Code != 0 {
		return fmt.Sprintf("refused with %d: %s", r.Code, r.Reason)
	}
	return fmt.Sprintf("refused with HTTP status %d: %s", r.Status, r.Reason)
}

// closeReason is the reason of the close frame of a refusal with a code.
func (r *Refusal) closeReason() string {
	if r.RetryAfter > 0 {
		return fmt.Sprintf(`{"retry_after_ms":%d}`, (r.RetryAfter-1)/time.Millisecond+1)
	}
	return r.Reason
}
