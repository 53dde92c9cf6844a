package auth

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

func TestTokensOfEveryAlgorithmAreVerified(t *testing.T) {
	for algorithm, key := range map[string]string{
		"HS256": secret, "HS384": secret, "HS512": secret,
		"RS256": "rsa", "RS384": "rsa", "RS512": "rsa", "PS256": "rsa", "PS384": "rsa", "PS512": "rsa",
		"ES256": "p256", "ES384": "p384", "ES512": "p521", "EdDSA": "ed",
	} {
		t.Run(algorithm, func(t *testing.T) {
			text := []byte(secret + "\n")
			if key != secret {
				text = publicPEM(t, key)
			}
			a := start(t, Config{Keys: mustParse(t, text)})
			identity, err := a.Verify(within(t), sign(t, algorithm, key, nil, goodClaims(nil)))
			if err != nil || identity.User != "ada" {
				t.Errorf("got the user %q and error %v, want ada", identity.User, err)
			}
		})
	}
}

// TestKeyVerifiesOnlyWithAlgorithmsOfItsType is V1: above all, nobody signs by HMAC with a public key.
func TestKeyVerifiesOnlyWithAlgorithmsOfItsType(t *testing.T) {
	public := publicPEM(t, "rsa")
	der, _ := x509.MarshalPKIXPublicKey(testKeys()["rsa"].Public())
	edKey := testKeys()["ed"].Public()
	raw, _ := x509.MarshalPKIXPublicKey(edKey)
	a := start(t, Config{Keys: append(append(mustParse(t, public), mustParse(t, publicPEM(t, "ed"))...), mustParse(t, publicPEM(t, "p256"))...)})
	for name, token := range map[string]string{
		"the PEM of a public key as a secret":    sign(t, "HS256", string(public), nil, goodClaims(nil)),
		"its trimmed PEM":                        sign(t, "HS256", strings.TrimSpace(string(public)), nil, goodClaims(nil)),
		"its DER":                                sign(t, "HS256", string(der), nil, goodClaims(nil)),
		"the bytes of an Ed25519 key":            sign(t, "HS512", string(raw[len(raw)-32:]), nil, goodClaims(nil)),
		"no signature at all":                    sign(t, "none", "", nil, goodClaims(nil)),
		"ES384 where the key is of P-256":        sign(t, "ES384", "p384", nil, goodClaims(nil)),
		"another key of the same type":           sign(t, "RS256", "rsa2", nil, goodClaims(nil)),
		"an empty secret":                        sign(t, "HS256", "", nil, goodClaims(nil)),
		"a header that says none in its own way": "eyJhbGciOiJOb05lIn0." + strings.Split(sign(t, "RS256", "rsa", nil, goodClaims(nil)), ".")[1] + ".",
	} {
		t.Run(name, func(t *testing.T) {
			if identity, err := a.Verify(within(t), token); err == nil {
				t.Errorf("got the user %q, want an error", identity.User)
			}
		})
	}
}

// TestIdentityComesOnlyFromASignedToken is V2.
func TestIdentityComesOnlyFromASignedToken(t *testing.T) {
	a := start(t, Config{Keys: mustParse(t, []byte(secret))})
	good := goodToken(t)
	parts := strings.Split(good, ".")
	other := strings.Split(sign(t, "HS256", secret, nil, goodClaims(map[string]any{"sub": "root"})), ".")
	for name, token := range map[string]string{
		"other claims under the signature": parts[0] + "." + other[1] + "." + parts[2],
		"another signature":                parts[0] + "." + parts[1] + "." + other[2],
		"no signature":                     parts[0] + "." + parts[1] + ".",
		"two parts":                        parts[0] + "." + parts[1],
		"four parts":                       good + ".x",
		"nothing":                          "",
		"dots":                             "..",
		"no base64":                        "a!.b!.c!",
		"a space behind":                   good + " ",
		"a token that is too long":         sign(t, "HS256", secret, nil, goodClaims(map[string]any{"pad": strings.Repeat("x", maxToken)})),
	} {
		t.Run(name, func(t *testing.T) {
			if identity, err := a.Verify(within(t), token); err == nil || identity.User != "" {
				t.Errorf("got the user %q and error %v, want only an error", identity.User, err)
			}
		})
	}
	for at := range good {
		changed := []byte(good)
		changed[at] ^= 1
		before, _ := base64.RawURLEncoding.DecodeString(parts[2])
		if last := strings.LastIndexByte(good, '.'); at > last {
			if after, err := base64.RawURLEncoding.DecodeString(string(changed[last+1:])); err == nil && string(after) == string(before) {
				continue
			}
		}
		if identity, err := a.Verify(within(t), string(changed)); err == nil {
			t.Fatalf("got the user %q for a token with byte %d changed, want an error", identity.User, at)
		}
	}
}

func TestClaimsDecide(t *testing.T) {
	now := time.Now()
	good := map[string]any{"iss": "https://id.example", "aud": "hub"}
	for name, c := range map[string]struct {
		config  func(*Config)
		header  map[string]any
		changed map[string]any
		says    string
	}{
		"let a good token in":                    {nil, nil, nil, ""},
		"let one of several audiences in":        {nil, nil, map[string]any{"aud": []string{"other", "hub"}}, ""},
		"refuse another audience":                {nil, nil, map[string]any{"aud": "other"}, "aud"},
		"refuse a token without audience":        {nil, nil, map[string]any{"aud": nil}, "required"},
		"refuse another issuer":                  {nil, nil, map[string]any{"iss": "https://id.example/"}, "iss"},
		"refuse a token without issuer":          {nil, nil, map[string]any{"iss": nil}, "required"},
		"refuse an expired one":                  {nil, nil, map[string]any{"exp": now.Add(-2 * time.Minute).Unix()}, "expired"},
		"let one in that expired within leeway":  {nil, nil, map[string]any{"exp": now.Add(-30 * time.Second).Unix()}, ""},
		"refuse one that doesn't expire":         {nil, nil, map[string]any{"exp": nil}, "required"},
		"let it in where that is allowed":        {func(c *Config) { c.AllowNoExpiry = true }, nil, map[string]any{"exp": nil}, ""},
		"refuse an exp that is text":             {nil, nil, map[string]any{"exp": "soon"}, "wrong type"},
		"refuse an exp beyond the calendar":      {nil, nil, map[string]any{"exp": 1e18}, "exp"},
		"refuse an exp that overflows":           {nil, nil, map[string]any{"exp": 1e300}, "out of range"},
		"refuse an exp before all calendars":     {nil, nil, map[string]any{"exp": -1e300}, "out of range"},
		"refuse an exp of zero":                  {func(c *Config) { c.AllowNoExpiry = true }, nil, map[string]any{"exp": 0}, "expired"},
		"refuse an nbf that overflows":           {nil, nil, map[string]any{"nbf": 1e300}, "nbf"},
		"refuse an nbf beyond the calendar":      {nil, nil, map[string]any{"nbf": 1e19}, "nbf"},
		"refuse half a character in a user":      {nil, nil, map[string]any{"sub": json.RawMessage(`"a\ud800"`)}, "not valid Unicode"},
		"refuse half a character in a pattern":   {nil, nil, map[string]any{"subscribe": json.RawMessage(`["a:\udc00"]`)}, "not valid Unicode"},
		"refuse one that begins later":           {nil, nil, map[string]any{"nbf": now.Add(2 * time.Minute).Unix()}, "not valid yet"},
		"let one in that begins within leeway":   {nil, nil, map[string]any{"nbf": now.Add(30 * time.Second).Unix()}, ""},
		"refuse a token without user":            {nil, nil, map[string]any{"sub": nil}, "sub"},
		"refuse an empty user":                   {nil, nil, map[string]any{"sub": ""}, "sub"},
		"refuse a user that is a number":         {nil, nil, map[string]any{"sub": 7}, "sub"},
		"refuse a user with a control character": {nil, nil, map[string]any{"sub": "a\nb"}, "sub"},
		"refuse a user that is too long":         {nil, nil, map[string]any{"sub": strings.Repeat("a", 257)}, "sub"},
		"let the longest user in":                {nil, nil, map[string]any{"sub": strings.Repeat("a", 256)}, ""},
		"refuse a user in capitals alone":        {nil, nil, map[string]any{"sub": nil, "SUB": "root"}, "sub"},
		"refuse patterns that are one text":      {nil, nil, map[string]any{"subscribe": "price"}, "subscribe"},
		"refuse patterns that are null":          {nil, nil, map[string]any{"publish": json.RawMessage("null")}, "publish"},
		"refuse a pattern that is a number":      {nil, nil, map[string]any{"publish": []any{"a", 1}}, "publish"},
		"refuse a pattern that is malformed":     {nil, nil, map[string]any{"publish": []any{"a*b"}}, "publish"},
		"refuse a critical header":               {nil, map[string]any{"crit": []string{"x"}}, nil, "crit"},
		"refuse a kid that is a number":          {nil, map[string]any{"kid": 7}, nil, "kid"},
		"let a kid in where keys have none":      {nil, map[string]any{"kid": "x"}, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			config := Config{Keys: mustParse(t, []byte(secret)), Issuer: "https://id.example", Audience: "hub", Leeway: time.Minute}
			if c.config != nil {
				c.config(&config)
			}
			claims := goodClaims(good)
			for claim, value := range c.changed {
				claims[claim] = value
				if value == nil {
					delete(claims, claim)
				}
			}
			_, err := start(t, config).Verify(within(t), sign(t, "HS256", secret, c.header, claims))
			switch {
			case c.says == "" && err != nil:
				t.Errorf("got the error %v, want none", err)
			case c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)):
				t.Errorf("got the error %v, want one that says %q", err, c.says)
			}
		})
	}
}

func TestATokenHasOneText(t *testing.T) {
	a := start(t, Config{Keys: mustParse(t, []byte(secret))})
	token := sign(t, "HS256", secret, nil, goodClaims(nil))
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(digits, token[len(token)-1])
	for _, other := range []string{token[:len(token)-1] + digits[last^1:last^1+1], token + "=", token + "\n", strings.Replace(token, ".", ".\r\n", 1)} {
		if _, err := a.Verify(within(t), other); err == nil {
			t.Errorf("got no error for another text of the signature, want one")
		}
	}
}

func TestClaimsBecomePermissions(t *testing.T) {
	everything, _ := event.ParsePatterns([]string{"*"})
	for name, c := range map[string]struct {
		grants             fanout.Permissions
		claims             map[string]any
		topic              string
		subscribe, publish bool
	}{
		"a pattern":                         {fanout.Permissions{}, nil, "price:1", true, false},
		"nothing else":                      {fanout.Permissions{}, nil, "order:1", false, false},
		"all":                               {fanout.Permissions{}, map[string]any{"subscribe": []string{"*"}, "publish": []string{"*"}}, "order:1", true, true},
		"nothing without claims":            {fanout.Permissions{}, map[string]any{"subscribe": nil, "publish": nil}, "price:1", false, false},
		"nothing from empty claims":         {fanout.Permissions{Subscribe: everything}, map[string]any{"subscribe": []string{}}, "price:1", false, false},
		"what the default says without one": {fanout.Permissions{Subscribe: everything}, map[string]any{"subscribe": nil}, "order:1", true, false},
		"no default beside a claim":         {fanout.Permissions{Publish: everything}, map[string]any{"publish": []string{"a"}}, "order:1", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			a := start(t, Config{Keys: mustParse(t, []byte(secret)), Default: c.grants})
			identity, err := a.Verify(within(t), sign(t, "HS256", secret, nil, goodClaims(c.claims)))
			if err != nil {
				t.Fatalf("got the error %v, want none", err)
			}
			subscribe := identity.Permissions.Subscribe.Match([]byte(c.topic), "ada")
			publish := identity.Permissions.Publish.Match([]byte(c.topic), "ada")
			if subscribe != c.subscribe || publish != c.publish {
				t.Errorf("got subscribe %v and publish %v of %s, want %v and %v", subscribe, publish, c.topic, c.subscribe, c.publish)
			}
		})
	}
}

func TestExpiryIsThatOfTheToken(t *testing.T) {
	a := start(t, Config{Keys: mustParse(t, []byte(secret)), Leeway: time.Minute})
	now := time.Now().Unix()
	for name, c := range map[string]struct{ exp, want int64 }{
		"where it is to come":         {now + 60, now + 60},
		"and the leeway where it was": {now - 30, now + 30},
	} {
		t.Run(name, func(t *testing.T) {
			identity, err := a.Verify(within(t), sign(t, "HS256", secret, nil, goodClaims(map[string]any{"exp": c.exp})))
			if err != nil || identity.Expires.Unix() != c.want {
				t.Errorf("got %v and error %v, want %v", identity.Expires, err, time.Unix(c.want, 0))
			}
		})
	}
}

func FuzzVerify(f *testing.F) {
	a := start(f, Config{Keys: append(mustParse(f, []byte(secret)), mustParse(f, publicPEM(f, "ed"))...)})
	good := goodToken(f)
	for _, token := range []string{good, good + "x", "..", "a.b.c", sign(f, "EdDSA", "ed", nil, goodClaims(nil)), sign(f, "none", "", nil, goodClaims(nil))} {
		f.Add(token)
	}
	f.Fuzz(func(t *testing.T, token string) {
		identity, err := a.Verify(t.Context(), token)
		if err == nil {
			if _, err := jwt.Parse(token, func(*jwt.Token) (any, error) {
				return jwt.VerificationKeySet{Keys: []jwt.VerificationKey{[]byte(secret), testKeys()["ed"].Public()}}, nil
			}); err != nil {
				t.Errorf("got the user %q for a token that is not signed", identity.User)
			}
			return
		}
		if len(token) > 20 && strings.Contains(err.Error(), token) || identity.User != "" {
			t.Errorf("got the error %q and the user %q, want neither token nor user", err, identity.User)
		}
	})
}
