package auth

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/spokehub/spokehub/fanout"
)

// identityProvider answers with a key set, or as a broken one does. mu guards answer.
type identityProvider struct {
	server  *httptest.Server
	fetches atomic.Int32
	// fetched gets a word for each request that has been answered.
	fetched chan struct{}
	mu      sync.Mutex
	answer  http.HandlerFunc
}

func startIdentityProvider(t *testing.T, answer http.HandlerFunc) *identityProvider {
	p := &identityProvider{answer: answer, fetched: make(chan struct{}, 1000)}
	p.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.fetches.Add(1)
		p.mu.Lock()
		answer := p.answer
		p.mu.Unlock()
		answer(w, r)
		p.fetched <- struct{}{}
	}))
	t.Cleanup(p.server.Close)
	return p
}

func (p *identityProvider) become(answer http.HandlerFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = answer
}

// awaitFetches waits until requests that begin from now on have been answered.
func (p *identityProvider) awaitFetches(t *testing.T, count int) {
	t.Helper()
	for len(p.fetched) > 0 {
		<-p.fetched
	}
	for range count {
		select {
		case <-p.fetched:
		case <-time.After(patience):
			t.Fatal("got no fetch, want one")
		}
	}
}

// startPatiently makes an authenticator whose tokens wait for keys as long as the test does.
func startPatiently(t *testing.T, c Config) *Authenticator {
	t.Helper()
	a := start(t, c)
	a.rules.Load().verifier.provider.source.patience = patience
	return a
}

func says(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { w.Write([]byte(text)) }
}

func fails(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(status) }
}

// hangs answers when its client gives up.
func hangs(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

func TestRotatedKeyIsGoodAtOnce(t *testing.T) {
	provider := startIdentityProvider(t, says(jwks(jwk("rsa", "1", nil))))
	a := startPatiently(t, Config{JWKS: provider.server.URL})
	first := sign(t, "RS256", "rsa", map[string]any{"kid": "1"}, goodClaims(nil))
	second := sign(t, "EdDSA", "ed", map[string]any{"kid": "2"}, goodClaims(nil))
	if _, err := a.Verify(within(t), first); err != nil {
		t.Fatalf("got the error %v for the first key, want none", err)
	}
	if _, err := a.Verify(within(t), second); err == nil || errors.Is(err, ErrUnavailable) {
		t.Errorf("got the error %v for a key that is not there, want that it is unknown", err)
	}
	provider.become(says(jwks(jwk("ed", "2", nil))))
	if _, err := a.Verify(within(t), second); err != nil {
		t.Errorf("got the error %v for the second key, want none", err)
	}
	if _, err := a.Verify(within(t), first); err == nil {
		t.Error("got no error for a key that is gone, want one")
	}
}

func TestKeyThatIsReplacedUnderItsNameIsGoodAtOnce(t *testing.T) {
	for name, kid := range map[string]string{"with a kid": "1", "without one": ""} {
		t.Run(name, func(t *testing.T) {
			provider := startIdentityProvider(t, says(jwks(jwk("rsa", kid, nil))))
			a := startPatiently(t, Config{JWKS: provider.server.URL})
			header := map[string]any{}
			if kid != "" {
				header["kid"] = kid
			}
			if _, err := a.Verify(within(t), sign(t, "RS256", "rsa", header, goodClaims(nil))); err != nil {
				t.Fatalf("got the error %v for the first key, want none", err)
			}
			provider.become(says(jwks(jwk("rsa2", kid, nil))))
			if _, err := a.Verify(within(t), sign(t, "RS256", "rsa2", header, goodClaims(nil))); err != nil {
				t.Errorf("got the error %v for the second key, want none", err)
			}
			provider.become(fails(500))
			for range unknownBurst {
				if _, err := a.Verify(within(t), sign(t, "RS256", "rsa", header, goodClaims(nil))); err == nil || errors.Is(err, ErrUnavailable) {
					t.Errorf("got the error %v for a bad signature, want that it is one", err)
				}
			}
		})
	}
}

func TestExpiredTokenCausesNoFetch(t *testing.T) {
	provider := startIdentityProvider(t, says(jwks(jwk("rsa", "1", nil))))
	a := startPatiently(t, Config{JWKS: provider.server.URL, Keys: mustParse(t, []byte(secret))})
	if _, err := a.Verify(within(t), sign(t, "RS256", "rsa", nil, goodClaims(nil))); err != nil {
		t.Fatal(err)
	}
	before := provider.fetches.Load()
	for _, key := range []string{secret, "rsa", "none"} {
		algorithm := map[string]string{secret: "HS256", "rsa": "RS256", "none": "none"}[key]
		if _, err := a.Verify(within(t), sign(t, algorithm, key, nil, goodClaims(map[string]any{"exp": 1}))); err == nil {
			t.Error("got no error for a token that expired, want one")
		}
	}
	if got := provider.fetches.Load(); got != before {
		t.Errorf("got %d fetches, want %d", got, before)
	}
}

// TestFailedFetchChangesNoKey is P1.
func TestFailedFetchChangesNoKey(t *testing.T) {
	token := sign(t, "RS256", "rsa", map[string]any{"kid": "1"}, goodClaims(nil))
	other := sign(t, "EdDSA", "ed", map[string]any{"kid": "2"}, goodClaims(nil))
	for name, answer := range map[string]http.HandlerFunc{
		"that ends with 500":       fails(500),
		"that ends with 404":       fails(404),
		"that is empty":            says(""),
		"that is not JSON":         says("<html>be right back</html>"),
		"that is another document": says(`{"error":"maintenance"}`),
		"without a key":            says(`{"keys":[]}`),
		"whose keys are none":      says(`{"keys":[{"kty":"EC","crv":"secp256k1","x":"AA","y":"AA"},{"kty":"oct","k":"c2VjcmV0"}]}`),
		"that is endless":          func(w http.ResponseWriter, r *http.Request) { writeForever(w) },
		"that is cut off": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "9999")
			w.Write([]byte(`{"keys":[`))
		},
		"that hangs":                hangs,
		"that redirects in circles": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/", http.StatusFound) },
		"whose connection breaks":   func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			provider := startIdentityProvider(t, says(jwks(jwk("rsa", "1", nil))))
			provider.server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
			a := startPatiently(t, Config{JWKS: provider.server.URL, FetchTimeout: 5 * time.Second})
			if _, err := a.Verify(within(t), token); err != nil {
				t.Fatalf("got the error %v before, want none", err)
			}
			provider.become(answer)
			if _, err := a.Verify(within(t), other); !errors.Is(err, ErrUnavailable) {
				t.Errorf("got the error %v for an unknown key, want %v", err, ErrUnavailable)
			}
			if _, err := a.Verify(within(t), token); err != nil {
				t.Errorf("got the error %v for the known key, want none", err)
			}
		})
	}
}

// writeForever writes until nobody reads, and returns how much.
func writeForever(w http.ResponseWriter) (written int) {
	block := []byte(strings.Repeat(" ", 64<<10))
	for {
		n, err := w.Write(block)
		written += n
		if err != nil {
			return written
		}
	}
}

func TestEndlessKeySetIsNotReadToItsEnd(t *testing.T) {
	written := make(chan int, 100)
	provider := startIdentityProvider(t, func(w http.ResponseWriter, r *http.Request) { written <- writeForever(w) })
	start(t, Config{JWKS: provider.server.URL, FetchTimeout: patience})
	select {
	case got := <-written:
		if most := 32 * maxKeySet; got > most {
			t.Errorf("got %d bytes sent, want at most %d", got, most)
		}
	case <-time.After(patience):
		t.Error("got no end of the answer, want one")
	}
}

func TestHubStartsBeforeItsProvider(t *testing.T) {
	var log bytes.Buffer
	provider := startIdentityProvider(t, fails(503))
	a := start(t, Config{JWKS: provider.server.URL, RefreshInterval: time.Millisecond, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	h := handshake("", "Authorization", "Bearer "+sign(t, "RS256", "rsa", map[string]any{"kid": "1"}, goodClaims(nil)), "Origin", "https://a.example")
	_, err := a.OnHandshake(within(t), h)
	var refusal *fanout.Refusal
	if !errors.As(err, &refusal) || refusal.Status != http.StatusServiceUnavailable || refusal.RetryAfter <= 0 {
		t.Errorf("got the error %v, want 503 and when to come back", err)
	}
	provider.become(says(jwks(jwk("rsa", "1", nil))))
	provider.awaitFetches(t, 3)
	if identity, err := a.OnHandshake(within(t), h); err != nil || identity.User != "ada" {
		t.Errorf("got %q and the error %v once the provider is there, want ada", identity.User, err)
	}
	a.Close()
	if !strings.Contains(log.String(), "refused with 503") || !strings.Contains(log.String(), "keys for tokens fetched") {
		t.Errorf("got the log %q, want that the keys are missing and then there", log.String())
	}
}

func TestEachReasonOfAFailingProviderIsLoggedOnce(t *testing.T) {
	var log bytes.Buffer
	provider := startIdentityProvider(t, says(jwks(jwk("rsa", "1", nil))))
	a := start(t, Config{JWKS: provider.server.URL, RefreshInterval: time.Millisecond, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	for _, answer := range []http.HandlerFunc{fails(503), says("<html>"), fails(503)} {
		provider.awaitFetches(t, 3)
		provider.become(answer)
		provider.awaitFetches(t, 3)
	}
	a.Close()
	if unavailable, html := strings.Count(log.String(), "status 503"), strings.Count(log.String(), "malformed"); unavailable != 2 || html != 1 {
		t.Errorf("got %d and %d lines, want 2 of the status and 1 of the JSON: %s", unavailable, html, log.String())
	}
}

func TestKeysAreRefreshed(t *testing.T) {
	provider := startIdentityProvider(t, says(jwks(jwk("rsa", "1", nil))))
	a := startPatiently(t, Config{JWKS: provider.server.URL, RefreshInterval: time.Millisecond})
	token := sign(t, "RS256", "rsa", map[string]any{"kid": "1"}, goodClaims(nil))
	if _, err := a.Verify(within(t), token); err != nil {
		t.Fatal(err)
	}
	provider.become(says(jwks(jwk("ed", "1", nil))))
	provider.awaitFetches(t, 3)
	if _, err := a.Verify(within(t), token); err == nil {
		t.Error("got no error for a key that was withdrawn, want one")
	}
}

func TestUnknownKeysCauseFewFetches(t *testing.T) {
	provider := startIdentityProvider(t, says(jwks(jwk("rsa", "1", nil))))
	a := startPatiently(t, Config{JWKS: provider.server.URL})
	var unavailable int
	for range 100 {
		if _, err := a.Verify(within(t), sign(t, "EdDSA", "ed", map[string]any{"kid": "x"}, goodClaims(nil))); errors.Is(err, ErrUnavailable) {
			unavailable++
		} else if err == nil {
			t.Fatal("got no error, want one")
		}
	}
	if got := provider.fetches.Load(); got > unknownBurst+3 || unavailable == 0 {
		t.Errorf("got %d fetches and %d times that nobody knows, want at most %d and some", got, unavailable, unknownBurst+3)
	}
}

func TestProviderThatHangsHoldsNoTokenForLong(t *testing.T) {
	provider := startIdentityProvider(t, hangs)
	a := start(t, Config{JWKS: provider.server.URL, Keys: mustParse(t, []byte(secret))})
	if _, err := a.Verify(within(t), goodToken(t)); err != nil {
		t.Errorf("got the error %v for a token of a key at hand, want none", err)
	}
	if _, err := a.Verify(within(t), sign(t, "RS256", "rsa", nil, goodClaims(nil))); !errors.Is(err, ErrUnavailable) {
		t.Errorf("got the error %v, want %v", err, ErrUnavailable)
	}
}

func TestReloadKeepsTheKeysOfAProvider(t *testing.T) {
	provider := startIdentityProvider(t, says(jwks(jwk("rsa", "1", nil))))
	c := Config{JWKS: provider.server.URL}
	a := startPatiently(t, c)
	token := sign(t, "RS256", "rsa", map[string]any{"kid": "1"}, goodClaims(nil))
	if _, err := a.Verify(within(t), token); err != nil {
		t.Fatal(err)
	}
	provider.become(fails(500))
	if err := a.Reload(Config{JWKS: provider.server.URL, Leeway: time.Minute}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Verify(within(t), token); err != nil {
		t.Errorf("got the error %v, want none", err)
	}
	fetching := a.rules.Load().verifier.provider
	if err := a.Reload(Config{Keys: mustParse(t, []byte(secret))}); err != nil {
		t.Fatal(err)
	}
	select {
	case <-fetching.finished:
	default:
		t.Error("got a provider that is still fetched from, want an end")
	}
	if _, err := a.Verify(within(t), token); err == nil {
		t.Error("got no error for a key of a provider that is not asked any more, want one")
	}
}

func TestPasswordOfAProviderIsInNoLogAndNoError(t *testing.T) {
	var log bytes.Buffer
	provider := startIdentityProvider(t, fails(500))
	for _, base := range []string{provider.server.URL, "http://127.0.0.1:1"} {
		where := strings.Replace(base, "http://", "http://user:hunter2@", 1) + "/keys?apikey=hunter2"
		a := start(t, Config{JWKS: where, Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
		_, err := a.Verify(within(t), sign(t, "RS256", "rsa", nil, goodClaims(nil)))
		a.Close()
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("got the error %v, want one without the password", err)
		}
	}
	if text := log.String(); text == "" || strings.Contains(text, "hunter2") {
		t.Errorf("got the log %q, want one without the password", text)
	}
}

func TestKeySetsAreRead(t *testing.T) {
	for name, c := range map[string]struct {
		set  string
		kid  string
		alg  string
		key  string
		want bool
	}{
		"RSA":                            {jwks(jwk("rsa", "1", nil)), "1", "PS512", "rsa", true},
		"EC":                             {jwks(jwk("p384", "1", nil)), "1", "ES384", "p384", true},
		"Ed25519":                        {jwks(jwk("ed", "1", nil)), "1", "EdDSA", "ed", true},
		"a key that is for signatures":   {jwks(jwk("rsa", "1", map[string]string{"use": "sig"})), "1", "RS256", "rsa", true},
		"no key that is for encryption":  {jwks(jwk("ed", "0", nil), jwk("rsa", "1", map[string]string{"use": "enc"})), "1", "RS256", "rsa", false},
		"a key pinned to this algorithm": {jwks(jwk("rsa", "1", map[string]string{"alg": "RS256"})), "1", "RS256", "rsa", true},
		"no key pinned to another one":   {jwks(jwk("rsa", "1", map[string]string{"alg": "RS256"})), "1", "PS256", "rsa", false},
		"no key pinned to HMAC":          {jwks(jwk("ed", "0", nil), jwk("rsa", "1", map[string]string{"alg": "HS256"})), "1", "RS256", "rsa", false},
		"a token without kid":            {jwks(jwk("rsa2", "1", nil), jwk("rsa", "2", nil)), "", "RS256", "rsa", true},
		"a key without kid":              {jwks(jwk("rsa", "", nil)), "1", "RS256", "rsa", true},
		"no key of another kid":          {jwks(jwk("rsa", "2", nil)), "1", "RS256", "rsa", false},
		"two keys with one kid":          {jwks(jwk("p256", "1", nil), jwk("rsa", "1", nil)), "1", "RS256", "rsa", true},
		"a key beside malformed ones":    {`{"keys":[7,{"kty":"RSA"},{"kty":"new"},` + strings.TrimPrefix(jwks(jwk("rsa", "1", nil)), `{"keys":[`), "1", "RS256", "rsa", true},
		"a secret in a file":             {jwks(map[string]string{"kty": "oct", "kid": "1", "k": "YSBzZWNyZXQgb2YgbW9yZSB0aGFuIHRoaXJ0eS10d28gYnl0ZXM"}), "1", "HS256", secret, true},
		"no link to a certificate":       {jwks(jwk("rsa", "1", map[string]string{"x5u": "https://127.0.0.1:1/"})), "1", "RS256", "rsa", true},
	} {
		t.Run(name, func(t *testing.T) {
			keys, err := parseKeySet([]byte(c.set), true)
			if err != nil {
				t.Fatalf("got the error %v, want none", err)
			}
			header := map[string]any{}
			if c.kid != "" {
				header["kid"] = c.kid
			}
			_, err = start(t, Config{Keys: keys}).Verify(within(t), sign(t, c.alg, c.key, header, goodClaims(nil)))
			if (err == nil) != c.want {
				t.Errorf("got the error %v, want good: %v", err, c.want)
			}
		})
	}
	if _, err := parseKeySet([]byte(jwks(map[string]string{"kty": "oct", "k": "YSBzZWNyZXQgb2YgbW9yZSB0aGFuIHRoaXJ0eS10d28gYnl0ZXM"})), false); err == nil {
		t.Error("got a secret from a set that anybody can fetch, want an error")
	}
}

func FuzzParseKeySet(f *testing.F) {
	f.Add([]byte(jwks(jwk("rsa", "1", nil), jwk("p256", "2", nil), jwk("ed", "3", nil))))
	f.Add([]byte(`{"keys":[{"kty":"oct","k":"AAAA"},{"kty":"RSA","n":"AA","e":"AA"},{"kty":"EC","crv":"P-256","x":"","y":""}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		keys, err := parseKeySet(text, true)
		if err != nil {
			return
		}
		if _, err := newKeySet(keys); err != nil {
			t.Errorf("got the error %v for keys that were read, want none", err)
		}
	})
}
