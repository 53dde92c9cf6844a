package fanout

import (
	"errors"
	"fmt"
	"time"

	"github.com/spokehub/spokehub/wsframe"
)

// Refusal is an error with which Config.OnHandshake or Config.OnAuth turns a client away. Exactly one of Status and Code is set. It may
// be shared; nobody changes it.
type Refusal struct {
	// Status answers the handshake with an HTTP status from 400 to 599, which browsers hide from pages. With 401 goes
	// "WWW-Authenticate: Bearer".
	Status int
	// Code lets the handshake succeed and closes the connection at once with a code that pages do see: CodeUnauthorized,
	// CodeForbidden or CodeTooMany.
	Code uint16
	// Reason tells the client's developer what is wrong. It is sent: as the body, or as the reason of the close frame, cut to 123
	// bytes, unless RetryAfter takes that place.
	Reason string
	// RetryAfter says when to come back, as Retry-After in whole seconds, or as the reason {"retry_after_ms":N} of the close
	// frame. Not positive: no word of it.
	RetryAfter time.Duration
}

// Error describes the refusal.
func (r *Refusal) Error() string {
	if r.Code != 0 {
		return fmt.Sprintf("refused with %d: %s", r.Code, r.Reason)
	}
	return fmt.Sprintf("refused with HTTP status %d: %s", r.Status, r.Reason)
}

var errRefusal = errors.New("a Refusal needs either a Status from 400 to 599 or one of the codes 4401, 4403 and 4429")

// check says whether the embedder's refusal makes sense.
func (r *Refusal) check() error {
	isStatus := r.Status >= 400 && r.Status <= 599
	if r.Code == 0 && isStatus || r.Status == 0 && r.hasCode() {
		return nil
	}
	return fmt.Errorf("%w, not status %d and code %d", errRefusal, r.Status, r.Code)
}

// hasCode says whether the refusal, which may be nil, closes a connection.
func (r *Refusal) hasCode() bool {
	return r != nil && (r.Code == CodeUnauthorized || r.Code == CodeForbidden || r.Code == CodeTooMany)
}

// answer is the HTTP error of a refusal with a status.
func (r *Refusal) answer() *wsframe.Refusal {
	answer := &wsframe.Refusal{Status: r.Status, Reason: r.Reason}
	switch r.Status {
	case 401:
		answer.Field, answer.Value = "WWW-Authenticate", "Bearer"
	case 405:
		answer.Field, answer.Value = "Allow", "GET"
	case 426:
		answer.Field, answer.Value = "Upgrade", "websocket"
	}
	if r.RetryAfter > 0 {
		answer.RetryAfter = int((r.RetryAfter-1)/time.Second) + 1
	}
	return answer
}

// closeReason is the reason of the close frame of a refusal with a code.
func (r *Refusal) closeReason() string {
	if r.RetryAfter > 0 {
		return fmt.Sprintf(`{"retry_after_ms":%d}`, (r.RetryAfter-1)/time.Millisecond+1)
	}
	return r.Reason
}

// closed is a refusal with a close code as the log has it.
func (r *Refusal) closed() *wsframe.Refusal {
	return &wsframe.Refusal{Status: int(r.Code), Reason: r.Reason}
}

// refuseWithCode closes a connection whose handshake has just succeeded, so that the client's page sees why. No callback
// hears of it.
func (l *loop) refuseWithCode(s *Spoke, refusal *Refusal) {
	reason := refusal.closeReason()
	s.marks |= refused
	l.hub.admission.handshakeDone(s)
	l.startClosing(s, Cause{Kind: CauseClosed, Code: refusal.Code, Reason: reason})
	l.sendClose(s, refusal.Code, reason)
}
