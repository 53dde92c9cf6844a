package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spokehub/spokehub/auth"
	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

// identityFlags are the flags of serve that say who clients are.
type identityFlags struct {
	JWTKeys       []string      `name:"jwt-key" reload:"" group:"identity" placeholder:"FILE" help:"File with what verifies the tokens (JWT) of clients: public keys or certificates in PEM, or one secret for HMAC. Repeat it for several. With a key set, clients need a token. (default: none)"`
	JWKS          string        `name:"jwks" reload:"" group:"identity" placeholder:"URL|FILE" help:"JSON Web Key Set with more such keys. A URL is fetched again every 5 minutes, and when a token names an unknown key. (default: none)"`
	JWTIssuer     string        `name:"jwt-issuer" reload:"" group:"identity" placeholder:"NAME" help:"What the claim iss of tokens must be. (default: anything)"`
	JWTAudience   string        `name:"jwt-audience" reload:"" group:"identity" placeholder:"NAME" help:"What the claim aud of tokens must contain. (default: anything)"`
	JWTLeeway     time.Duration `name:"jwt-leeway" reload:"" group:"identity" default:"5s" placeholder:"TIME" help:"How far the clocks of the issuer and the hub may differ. (default ${default})"`
	JWTCookie     string        `name:"jwt-cookie" reload:"" group:"identity" placeholder:"NAME" help:"Cookie in which a token may be. It does not go together with --origin '*'. (default: none)"`
	JWTQuery      string        `name:"jwt-query" reload:"" group:"identity" placeholder:"NAME" help:"Query parameter in which a token may be. Proxies write queries into their logs: prefer another way. (default: none)"`
	Anonymous     []string      `name:"anonymous" reload:"" group:"identity" placeholder:"WHAT" help:"What a client without a token or certificate may do: all, none, or subscribe=PATTERN and publish=PATTERN, such as subscribe=price:*. Repeat it for several. (default: all; none once there is a key, or an authority for certificates of clients)"`
	TLSClientUser string        `name:"tls-client-user" reload:"" group:"identity" default:"cn" enum:"cn,dns,uri,email,none" placeholder:"NAME" help:"Which name in a client's certificate is its user, one of ${enum}: the common name, or the first DNS name, URI (such as a SPIFFE ID) or mail address among its alternative names. With none, each client needs a certificate, but has to show a token, too, if there is a key. (default ${default})"`
	APIKeys       string        `name:"api-keys" reload:"" group:"identity" placeholder:"FILE" help:"File with the hashes of API keys, as spokehub token apikey makes them. With it, the admin address asks for a key, and only then may it be one that other machines reach. (default: none)"`

	// ClientCertificates says that clients show certificates at one address at least.
	ClientCertificates bool `kong:"-" help:"Clients show certificates."`
}

// hasCertificates says whether certificates say who clients are.
func (f *identityFlags) hasCertificates() bool {
	return f.ClientCertificates && f.TLSClientUser != "none"
}

// hasKeys says whether tokens can be verified.
func (f *identityFlags) hasKeys() bool { return len(f.JWTKeys) > 0 || f.JWKS != "" }

// isOpen says whether clients need no identity at all, so that the hub needn't ask.
func (f *identityFlags) isOpen() bool {
	return !f.hasKeys() && !f.hasCertificates() && (len(f.Anonymous) == 0 || slices.Equal(f.Anonymous, []string{"all"}))
}

// check rejects flags that don't go together. It opens no file.
func (f *identityFlags) check() (mistakes []error) {
	fail := func(format string, arguments ...any) { mistakes = append(mistakes, fmt.Errorf(format, arguments...)) }
	if f.JWTLeeway < 0 {
		fail("--jwt-leeway: %v is negative", f.JWTLeeway)
	}
	if _, err := f.anonymous(); err != nil {
		fail("--anonymous: %w", err)
	}
	if f.hasKeys() {
		return mistakes
	}
	if slices.Equal(f.Anonymous, []string{"none"}) && !f.hasCertificates() {
		fail("--anonymous: none without --jwt-key, --jwks or --tls-client-ca lets nobody in")
	}
	for _, flag := range []struct{ name, value string }{
		{"--jwt-issuer", f.JWTIssuer}, {"--jwt-audience", f.JWTAudience}, {"--jwt-cookie", f.JWTCookie}, {"--jwt-query", f.JWTQuery},
	} {
		if flag.value != "" {
			fail("%s: it needs --jwt-key or --jwks, for there is nothing yet that verifies a token", flag.name)
		}
	}
	return mistakes
}

// anonymous is what a client without a token may do, or nil if it has to show one.
func (f *identityFlags) anonymous() (*fanout.Permissions, error) {
	given := f.Anonymous
	if len(given) == 0 {
		given = []string{"all"}
		if f.hasKeys() || f.hasCertificates() {
			given = []string{"none"}
		}
	}
	if len(given) == 1 && given[0] == "none" {
		return nil, nil
	}
	var subscribe, publish []string
	for _, entry := range given {
		what, pattern, _ := strings.Cut(entry, "=")
		switch {
		case entry == "all" && len(given) == 1:
			subscribe, publish = []string{"*"}, []string{"*"}
		case strings.Contains(strings.ReplaceAll(pattern, "$$", ""), "$user"):
			return nil, fmt.Errorf("%q: a client without a token has no name to stand for $user", entry)
		case what == "subscribe" && pattern != "":
			subscribe = append(subscribe, pattern)
		case what == "publish" && pattern != "":
			publish = append(publish, pattern)
		case entry == "all" || entry == "none":
			return nil, fmt.Errorf("%q does not go together with others", entry)
		default:
			return nil, fmt.Errorf("%q is none of all, none, subscribe=PATTERN and publish=PATTERN", entry)
		}
	}
	permissions := &fanout.Permissions{}
	var err error
	if permissions.Subscribe, err = event.ParsePatterns(subscribe); err != nil {
		return nil, err
	}
	if permissions.Publish, err = event.ParsePatterns(publish); err != nil {
		return nil, err
	}
	return permissions, nil
}

// authConfig reads the files of the flags. Its errors name flag and file.
func (f *identityFlags) authConfig(origins []string, logger *slog.Logger) (auth.Config, error) {
	config := auth.Config{
		JWKS:     f.JWKS,
		Issuer:   f.JWTIssuer,
		Audience: f.JWTAudience,
		Leeway:   f.JWTLeeway,
		Cookie:   f.JWTCookie,
		Query:    f.JWTQuery,
		Origins:  origins,
		Logger:   logger,
	}
	if f.JWTLeeway == 0 {
		config.Leeway = -1
	}
	if f.hasCertificates() {
		config.Certificates = clientUsers[f.TLSClientUser]
	}
	for _, name := range f.JWTKeys {
		keys, err := readKeys(name)
		if err != nil {
			return config, fmt.Errorf("--jwt-key: %w", err)
		}
		config.Keys = append(config.Keys, keys...)
	}
	var err error
	if err := checkKeySet(f.JWKS); err != nil {
		return config, err
	}
	if config.Anonymous, err = f.anonymous(); err != nil {
		return config, fmt.Errorf("--anonymous: %w", err)
	}
	return config, nil
}

// checkFiles says what is wrong with the files, and with what package auth is told.
func (f *identityFlags) checkFiles(origins []string) error {
	if _, err := f.readAPIKeys(); err != nil || f.isOpen() {
		return err
	}
	config, err := f.authConfig(origins, nil)
	if err != nil {
		return err
	}
	if err := config.Check(); err != nil {
		return authError(err)
	}
	return nil
}

// authError makes an error of auth.New name the flag instead of the field of auth.Config.
func authError(err error) error {
	text := err.Error()
	for field, flag := range map[string]string{"auth: Config.Cookie": "--jwt-cookie", "auth: Config.JWKS": "--jwks", "auth: Config.Keys": "--jwt-key", "Origins": "--origin"} {
		text = strings.ReplaceAll(text, field, flag)
	}
	if !strings.HasPrefix(text, "--") {
		text = "--jwks: " + text
	}
	return fmt.Errorf("%s", text)
}

// checkKeySet says what is wrong with the name of a file that has a key set.
func checkKeySet(name string) error {
	switch {
	case name == "" || isWebURL(name):
		return nil
	case strings.Contains(name, "://"):
		return errors.New("--jwks: want an http or https URL, or the name of a file")
	}
	if _, err := readKeyFile(name); err != nil {
		return fmt.Errorf("--jwks: %w", err)
	}
	return nil
}

func isWebURL(text string) bool {
	address, err := url.Parse(text)
	return err != nil && strings.HasPrefix(text, "http") || err == nil && (address.Scheme == "http" || address.Scheme == "https")
}

func readKeys(name string) ([]auth.Key, error) {
	text, err := readKeyFile(name)
	if err != nil {
		return nil, err
	}
	keys, err := auth.ParseKeys(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return keys, nil
}

// readAPIKeys reads the file of --api-keys; nil if there is none.
func (f *identityFlags) readAPIKeys() (*auth.APIKeys, error) {
	if f.APIKeys == "" {
		return nil, nil
	}
	text, err := readKeyFile(f.APIKeys)
	if err != nil {
		return nil, fmt.Errorf("--api-keys: %w", err)
	}
	keys, err := auth.ParseAPIKeys(text)
	if err != nil {
		return nil, fmt.Errorf("--api-keys: %s: %w", f.APIKeys, err)
	}
	return keys, nil
}

// contradictions are settings that are weaker than they look, or do nothing.
func (f *identityFlags) contradictions() (found []contradiction) {
	warn := func(message string, attributes ...any) { found = append(found, contradiction{message, attributes}) }
	if f.JWKS != "" && f.JWTAudience == "" {
		warn("--jwks without --jwt-audience: a token that the provider has made for another service is good here, too")
	}
	if where, err := url.Parse(f.JWKS); err == nil && where.Scheme == "http" && !isLocalName(where.Hostname()) {
		warn("--jwks is fetched over http: whoever is on the way can put a key of their own into it", "host", where.Host)
	}
	if f.JWTQuery != "" {
		warn("--jwt-query: tokens in queries end up in the logs of proxies", "parameter", f.JWTQuery)
	}
	if f.JWTLeeway > maxComfortableLeeway {
		warn("--jwt-leeway is long: a token is good for as long after it has expired", "leeway", f.JWTLeeway)
	}
	return found
}

// maxComfortableLeeway is more than clocks differ that somebody looks after.
const maxComfortableLeeway = 5 * time.Minute

func isLocalName(host string) bool {
	return host == "localhost" || isLoopback(host+":0") || isLoopback("["+host+"]:0")
}

// fileSums are the sums of the files that the flags name, by flag.
func (f *identityFlags) fileSums() map[string][sha256.Size]byte {
	sums := map[string][sha256.Size]byte{}
	for name, files := range map[string][]string{"jwt-key": f.JWTKeys, "jwks": {f.JWKS}, "api-keys": {f.APIKeys}} {
		sum := sha256.New()
		for _, file := range files {
			text, _ := readBounded(file)
			sum.Write(text)
		}
		sums[name] = [sha256.Size]byte(sum.Sum(nil))
	}
	return sums
}
