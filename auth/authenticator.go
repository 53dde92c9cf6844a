package auth

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spokehub/spokehub/fanout"
)

// ErrUnavailable says that a token can't be judged, because the provider of the keys does not give them. Later it may be good.
var ErrUnavailable = errors.New("the keys that verify tokens can't be had at the moment")

// Authenticator verifies tokens. Its methods may be called by any goroutine. rules is replaced whole by whoever holds mu, which
// also guards closed.
type Authenticator struct {
	rules  atomic.Pointer[rules]
	mu     sync.Mutex
	closed bool
}

// rules are one Config in use. They never change.
type rules struct {
	cfg      Config
	verifier verifier
}

// New checks the configuration and reads the file of Config.JWKS, if it is one. A URL is fetched in the background: until its keys are
// there, clients that need them are refused with 503. Close ends that.
func New(c Config) (*Authenticator, error) {
	a := &Authenticator{}
	if err := a.Reload(c); err != nil {
		return nil, err
	}
	return a, nil
}

// Reload replaces the configuration for all tokens that come from now on; identities that are already given stay until they
// expire. An error changes nothing. The keys of a URL that stays the same stay, too.
func (a *Authenticator) Reload(c Config) error {
	commit, err := a.Prepare(c)
	if err != nil {
		return err
	}
	commit()
	return nil
}

// Prepare is the first half of Reload: it checks the configuration and reads its file, and changes nothing. commit does the rest and
// can't fail, so that a service can reload several things or none. What Prepare has read may be dropped instead.
func (a *Authenticator) Prepare(c Config) (commit func(), err error) {
	c, err = c.withDefaults()
	if err != nil {
		return nil, err
	}
	next, err := newVerifier(c, a.provider())
	if err != nil {
		return nil, err
	}
	return func() { a.replace(&rules{cfg: c, verifier: next}) }, nil
}

// provider is the one in use, or nil.
func (a *Authenticator) provider() *provider {
	if r := a.rules.Load(); r != nil {
		return r.verifier.provider
	}
	return nil
}

func (a *Authenticator) replace(next *rules) {
	a.mu.Lock()
	defer a.mu.Unlock()
	last := a.provider()
	a.rules.Store(next)
	if last != next.verifier.provider {
		if last != nil {
			last.close()
		}
		if next.verifier.provider != nil && !a.closed {
			next.verifier.provider.start()
		}
	}
}

// Close ends the fetching of keys and waits for that. The keys that are there stay good.
func (a *Authenticator) Close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed = true
	if p := a.provider(); p != nil {
		p.close()
	}
}

// Verify says whom a token identifies. The error says why it is not good, in words that may be shown to whoever sent it, or is
// ErrUnavailable. It blocks only for an unknown key, until Config.JWKS was fetched, for a short time, or until ctx ends.
func (a *Authenticator) Verify(ctx context.Context, token string) (fanout.Identity, error) {
	return a.rules.Load().verifier.verify(ctx, token)
}

// OnHandshake is a fanout.Config.OnHandshake.
func (a *Authenticator) OnHandshake(ctx context.Context, h *fanout.Handshake) (fanout.Identity, error) {
	r := a.rules.Load()
	token, err := r.cfg.findToken(h)
	if err != nil {
		refusal := r.cfg.refusal(h, err)
		if refusal.Status != 0 {
			refusal.Status = http.StatusBadRequest
		}
		return fanout.Identity{}, refusal
	}
	certified, isCertified, err := r.cfg.findCertificate(h)
	switch {
	case err != nil:
		return fanout.Identity{}, r.cfg.refusal(h, err)
	case token != "":
		identity, err := r.verifier.verify(ctx, token)
		if err == nil && isCertified && identity.User != certified.User {
			err = errOtherUser
		}
		if err != nil {
			return fanout.Identity{}, r.cfg.refusal(h, err)
		}
		return identity, nil
	case isCertified:
		return certified, nil
	case r.cfg.Anonymous != nil:
		return fanout.Identity{Permissions: r.cfg.Anonymous}, nil
	case !r.cfg.hasKeys():
		return fanout.Identity{}, r.cfg.refusal(h, errNoCertificate)
	case r.cfg.HandshakeOnly:
		return fanout.Identity{}, r.cfg.refusal(h, errNoToken)
	}
	return fanout.Identity{}, fanout.ErrAuthLater
}

// OnAuth is a fanout.Config.OnAuth.
func (a *Authenticator) OnAuth(ctx context.Context, _ *fanout.Spoke, token string) (fanout.Identity, error) {
	identity, err := a.Verify(ctx, token)
	if err != nil {
		return fanout.Identity{}, statusRefusal(err)
	}
	return identity, nil
}

// retryUnavailable is when a client that can't be judged should come back.
const retryUnavailable = 5 * time.Second

// refusal is how a client is refused whose token is missing or not good.
func (c *Config) refusal(h *fanout.Handshake, err error) *fanout.Refusal {
	byCode := c.Refusals == RefuseByCode || c.Refusals == RefuseVisibly && h.Request.Header.Get("Origin") != ""
	if byCode && !errors.Is(err, ErrUnavailable) {
		return &fanout.Refusal{Code: fanout.CodeUnauthorized, Reason: closeReason(err)}
	}
	return statusRefusal(err)
}

// maxCloseReason is how many bytes of reason a close frame has room for.
const maxCloseReason = 123

// closeReason is an error as the reason of a close frame: {"reason":"..."}, as those of the hub itself are, with a shorter text where it is
// too long.
func closeReason(err error) string {
	text := err.Error()
	for text = text[:min(len(text), maxCloseReason)]; ; text = text[:len(text)-1] {
		reason, _ := json.Marshal(map[string]string{"reason": strings.ToValidUTF8(text, "")})
		if len(reason) <= maxCloseReason {
			return string(reason)
		}
	}
}

func statusRefusal(err error) *fanout.Refusal {
	if errors.Is(err, ErrUnavailable) {
		return &fanout.Refusal{Status: http.StatusServiceUnavailable, Reason: ErrUnavailable.Error(), RetryAfter: retryUnavailable}
	}
	return &fanout.Refusal{Status: http.StatusUnauthorized, Reason: err.Error()}
}
