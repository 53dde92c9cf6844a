package fanout

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"time"
)

// verdict is what becomes of a handshake: the client is let in with an identity, or to identify itself later, or it is refused.
type verdict struct {
	identity Identity
	later    bool
	// refusal is nil for a client that is let in, and valid. It is shared: nobody changes it.
	refusal *Refusal
}

var (
	refuseFailed    = &Refusal{Status: http.StatusInternalServerError, Reason: "the hub could not decide whether to let you in"}
	refuseUndecided = &Refusal{Status: http.StatusServiceUnavailable, Reason: "the hub could not decide in time whether to let you in", RetryAfter: 2 * time.Second}
	refuseCanceled  = &Refusal{Status: http.StatusServiceUnavailable, Reason: "shutting down", RetryAfter: 2 * time.Second}
	refuseExpired   = &Refusal{Status: http.StatusUnauthorized, Reason: "the identity has expired"}
)

// decide asks Config.OnHandshake. A worker calls it, or a goroutine for a request of net/http.
func (h *Hub) decide(ctx context.Context, hs *Handshake) verdict {
	identity, err := h.callOnHandshake(ctx, hs)
	var refusal *Refusal
	switch {
	case errors.As(err, &refusal) && refusal != nil:
		if err := refusal.check(); err != nil {
			return h.undecided(hs, refuseFailed, err)
		}
		return verdict{refusal: refusal}
	case errors.Is(err, errPanicked):
		return verdict{refusal: refuseFailed}
	case errors.Is(ctx.Err(), context.Canceled):
		return verdict{refusal: refuseCanceled}
	case ctx.Err() != nil:
		return h.undecided(hs, refuseUndecided, ctx.Err())
	case errors.Is(err, ErrAuthLater):
		return verdict{later: true}
	case errors.Is(err, context.DeadlineExceeded):
		return h.undecided(hs, refuseUndecided, err)
	case err == nil:
		err = identity.check()
	}
	switch {
	case errors.Is(err, ErrIdentityExpired):
		return verdict{refusal: refuseExpired}
	case err != nil:
		return h.undecided(hs, refuseFailed, err)
	}
	return verdict{identity: identity}
}

// undecided logs why the embedder's hook could not decide, of which the client learns nothing but the refusal.
func (h *Hub) undecided(hs *Handshake, refusal *Refusal, err error) verdict {
	h.log.handshakeFailed(hs, refusal.Status, err)
	return verdict{refusal: refusal}
}

// errHookEnded is why a hook that has ended its goroutine has not decided.
var errHookEnded = errors.New("OnHandshake has ended its goroutine")

var errPanicked = errors.New("OnHandshake panicked")

// callOnHandshake calls the hook. If that panics, the error is errPanicked.
func (h *Hub) callOnHandshake(ctx context.Context, hs *Handshake) (identity Identity, err error) {
	defer func() {
		if v := recover(); v != nil {
			h.counters.panics.Add(1)
			h.log.handshakeFailed(hs, refuseFailed.Status, fmt.Errorf("%w: %v\n%s", errPanicked, v, debug.Stack()))
			identity, err = Identity{}, errPanicked
		}
	}()
	return h.cfg.OnHandshake(ctx, hs)
}
