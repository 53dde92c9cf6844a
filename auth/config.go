package auth

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spokehub/spokehub/fanout"
)

// Subprotocol is what a client offers beside bearer.TOKEN, and what the hub answers: put it into fanout.Config.Subprotocols.
const Subprotocol = "spokehub.v1"

// Config says whose tokens are good and where clients may show them. The zero value of a field means its default.
type Config struct {
	// Keys verify tokens, each only with the algorithms of its type. Several may be good at a time, as they are while a key is replaced.
	Keys []Key
	// JWKS is where more keys are: the http or https URL of a JSON Web Key Set, which is fetched again and again, or the name of a
	// file, which New and Reload read. A file may have secrets (kty oct); those of a URL are ignored, for anybody can read them.
	JWKS string
	// RefreshInterval is how often the URL is fetched. A token whose key is unknown has it fetched at once, at a limited rate. While the
	// provider fails, the last good keys stay. Default 5 min.
	RefreshInterval time.Duration
	// FetchTimeout is how long one fetch may take. Default 10 s.
	FetchTimeout time.Duration
	// Issuer is what the claim iss must be. Default: anything.
	Issuer string
	// Audience is what the claim aud must contain. Default: anything, so that every token that the keys verify is good.
	Audience string
	// Leeway is how far the clocks of issuer and hub may differ: a token is good so much before nbf and after exp. Default 5 s;
	// negative: none.
	Leeway time.Duration
	// AllowNoExpiry accepts tokens without exp, which are good forever.
	AllowNoExpiry bool

	// Cookie is the name of a cookie that has the token. Browsers send it whichever page asks, so only the check of Origin keeps strange
	// pages out: Origins may not have a "*" then, and a hub whose Origins has one takes no cookie from a page. Default: no cookie.
	Cookie string
	// Origins is fanout.Config.Origins, for that check.
	Origins []string
	// Query is the name of a query parameter that has the token. Proxies and servers write queries into their logs: prefer
	// another way. Default: none.
	Query string
	// HandshakeOnly refuses a client whose handshake has no token. Default: it may send __auth.
	HandshakeOnly bool
	// Certificates says which name in a client's certificate is its user, where the server verifies certificates of clients (ClientCAs and
	// ClientAuth of its tls.Config). The identity ends with the certificate. It allows all topics, so that fanout.Config.TopicRules
	// says who may have which. A token beside a certificate is what holds, and has to be for the same user. Default: certificates
	// say nothing.
	Certificates CertificateUser
	// Anonymous is what a client without a token, and without a certificate, may do; it then needs no __auth. Default: it can't do without.
	Anonymous *fanout.Permissions
	// Default is what a user may do whose token has no claim subscribe, or no claim publish. Default: nothing.
	Default fanout.Permissions
	// Refusals is how clients are refused. Default RefuseVisibly.
	Refusals Refusals
	// Logger gets what happens to the provider of keys. Default: silence.
	Logger *slog.Logger
}

// Refusals is how a client is refused that has no good token.
type Refusals uint8

const (
	// RefuseVisibly answers 401, but closes with 4401 after the upgrade if the client sends an Origin, as browsers do, for these hide
	// the status from pages.
	RefuseVisibly Refusals = iota
	// RefuseByStatus always answers 401.
	RefuseByStatus
	// RefuseByCode always closes with 4401 after the upgrade.
	RefuseByCode
)

const (
	defaultRefresh      = 5 * time.Minute
	defaultFetchTimeout = 10 * time.Second
	defaultLeeway       = 5 * time.Second
	// maxToken is the length of the longest token that is looked at.
	maxToken = 8 << 10
)

// Check says what New would find wrong. It reads the file of JWKS, and fetches nothing.
func (c Config) Check() error {
	c, err := c.withDefaults()
	if err != nil {
		return err
	}
	_, err = newVerifier(c, nil)
	return err
}

func (c Config) withDefaults() (Config, error) {
	if err := c.check(); err != nil {
		return c, err
	}
	if c.RefreshInterval == 0 {
		c.RefreshInterval = defaultRefresh
	}
	if c.FetchTimeout == 0 {
		c.FetchTimeout = defaultFetchTimeout
	}
	if c.Leeway == 0 {
		c.Leeway = defaultLeeway
	}
	c.Leeway = max(c.Leeway, 0)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c, nil
}

func (c Config) check() error {
	switch {
	case !c.hasKeys() && c.Anonymous == nil && c.Certificates == NoCertificateUser:
		return errors.New("auth: Config.Keys: no keys and no JWKS, so that no client could ever get in")
	case c.RefreshInterval < 0 || c.FetchTimeout < 0:
		return errors.New("auth: Config.RefreshInterval, Config.FetchTimeout: negative")
	case c.Cookie != "" && !isCookieName(c.Cookie):
		return fmt.Errorf("auth: Config.Cookie: %q is not the name of a cookie", c.Cookie)
	case c.Cookie != "" && slices.Contains(c.Origins, "*"):
		return errors.New(`auth: Config.Cookie: Origins has "*", so that any page could act for a visitor: browsers send cookies by themselves`)
	case c.Certificates > EmailAddress:
		return fmt.Errorf("auth: Config.Certificates: %d is none of the kinds", c.Certificates)
	case c.Refusals > RefuseByCode:
		return fmt.Errorf("auth: Config.Refusals: %d is none of the kinds", c.Refusals)
	}
	return nil
}

// hasKeys says whether a token could be good.
func (c *Config) hasKeys() bool { return len(c.Keys) > 0 || c.JWKS != "" }

func isCookieName(name string) bool { return (&http.Cookie{Name: name}).Valid() == nil }

func isURL(jwks string) bool {
	lower := strings.ToLower(jwks)
	return strings.HasPrefix(lower, "http://") || strings.HasPrefix(lower, "https://")
}
