package spoke

import (
	"encoding/json"
	"fmt"
	"time"
)

// CloseError is how the hub ended a connection.
type CloseError struct {
	// Code is the close code of RFC 6455; 1006 for a connection that was lost without one.
	Code int
	// Reason is the text behind it.
	Reason string
	// Err is what happened to a connection that was lost without a close; nil if it was closed.
	Err error
}

// The close codes that a client does not take for a broken connection.
const (
	codeNormal          = 1000
	codeProtocol        = 1002
	codeUnsupported     = 1003
	codeLost            = 1006
	codeNotUTF8         = 1007
	codePolicy          = 1008
	codeTooBig          = 1009
	codeUnauthenticated = 4401
	codeForbidden       = 4403
)

// meanings say what a code means, and what to do where something can be done.
var meanings = map[int]string{
	codeNormal:          "the hub ended the connection",
	1001:                "the hub went away, or has heard nothing of this client for too long",
	codeProtocol:        "the hub found a breach of the WebSocket protocol",
	codeUnsupported:     "the hub can't accept this kind of data",
	codeLost:            "the connection was lost without a close",
	codeNotUTF8:         "the hub got a text that is not UTF-8",
	codePolicy:          "the client broke a rule of the hub: it sent too much, or too slowly; or an operator disconnected it",
	codeTooBig:          "a message is longer than the hub takes",
	1011:                "the hub had an internal error",
	1012:                "the hub is about to restart",
	1013:                "the client read too slowly, and its queue in the hub was full",
	codeUnauthenticated: "the hub wants a token that is good: see Config.Token and Config.GetToken",
	codeForbidden:       "the hub knows who this is and does not let it in",
	4429:                "too many connections or requests",
}

// Error says what the code means, and what to do where something can be done. A reason that says when to come back is left out: who comes back tells
// the time itself.
func (e *CloseError) Error() string {
	meaning := meanings[e.Code]
	if meaning == "" {
		meaning = "the other side closed the connection"
	}
	text := fmt.Sprintf("%d: %s", e.Code, meaning)
	if e.Err != nil {
		return fmt.Sprintf("%s: %v", text, e.Err)
	}
	if _, isHint := e.hint(); e.Reason != "" && !isHint {
		text += fmt.Sprintf(" (%s)", printable(e.Reason))
	}
	return text
}

// Unwrap returns Err.
func (e *CloseError) Unwrap() error { return e.Err }

// hint returns the delay that the reason asks for.
func (e *CloseError) hint() (delay time.Duration, ok bool) { return parseHint(e.Reason) }

// parseHint reads the reason {"retry_after_ms":1500}. A delay that is negative or longer than a day is none.
func parseHint(reason string) (delay time.Duration, ok bool) {
	var hint struct {
		RetryAfter *float64 `json:"retry_after_ms"`
	}
	if json.Unmarshal([]byte(reason), &hint) != nil || hint.RetryAfter == nil {
		return 0, false
	}
	if ms := *hint.RetryAfter; ms >= 0 && ms <= float64(maxDuration/time.Millisecond) {
		return time.Duration(ms * float64(time.Millisecond)), true
	}
	return 0, false
}

// course is what to do behind a connection that has ended or failed.
type course int

const (
	comeBack course = iota
	comeBackWithNewToken
	stop
)

// course is the contract's table of close codes. A code that it does not have means come back.
func (e *CloseError) course() course {
	switch e.Code {
	case codeNormal, codeProtocol, codeUnsupported, codeNotUTF8, codeTooBig, codeForbidden:
		return stop
	case codePolicy:
		if _, hinted := e.hint(); !hinted {
			return stop
		}
	case codeUnauthenticated:
		return comeBackWithNewToken
	}
	return comeBack
}
