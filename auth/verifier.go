package auth

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/spokehub/spokehub/fanout"
)

// verifier judges tokens. It never changes but for the keys of its provider and what is shared.
//
// V1: a key verifies only with algorithms of its own type.
// V2: an identity comes only from a token that a key has signed.
type verifier struct {
	parser *jwt.Parser
	// fixed are the keys of Config and of a file, provider has those of a URL or is nil.
	fixed    keySet
	provider *provider
	leeway   time.Duration
	grants   fanout.Permissions
	// shared are the permissions that tokens of these grants share.
	shared *shares
	now    func() time.Time
}

// newVerifier takes over last, the provider of an earlier configuration, if it is the same.
func newVerifier(c Config, last *provider) (verifier, error) {
	v := verifier{leeway: c.Leeway, grants: c.Default, shared: &shares{}, now: time.Now}
	keys := c.Keys
	if c.JWKS != "" && !isURL(c.JWKS) {
		listed, err := readKeySet(c.JWKS)
		if err != nil {
			return v, err
		}
		keys = append(keys[:len(keys):len(keys)], listed...)
	}
	var err error
	if v.fixed, err = newKeySet(keys); err != nil {
		return v, err
	}
	options := []jwt.ParserOption{
		jwt.WithValidMethods(algorithms),
		jwt.WithLeeway(c.Leeway),
		jwt.WithStrictDecoding(),
		jwt.WithTimeFunc(func() time.Time { return v.now() }),
	}
	if !c.AllowNoExpiry {
		options = append(options, jwt.WithExpirationRequired())
	}
	if c.Issuer != "" {
		options = append(options, jwt.WithIssuer(c.Issuer))
	}
	if c.Audience != "" {
		options = append(options, jwt.WithAudience(c.Audience))
	}
	v.parser = jwt.NewParser(options...)
	if isURL(c.JWKS) {
		if last != nil && last.isFor(c) {
			v.provider = last
		} else if v.provider, err = newProvider(c); err != nil {
			return v, err
		}
	}
	return v, nil
}

// lineEnds are what the decoder of base64 skips, so that a token could be written in many ways.
const lineEnds = "\r\n"

// verify says whom a token identifies.
func (v *verifier) verify(ctx context.Context, token string) (fanout.Identity, error) {
	if len(token) > maxToken {
		return fanout.Identity{}, errors.New("the token is too long")
	}
	if strings.ContainsAny(token, lineEnds) {
		return fanout.Identity{}, explain(jwt.ErrTokenMalformed)
	}
	claims, search, err := v.parse(ctx, token)
	if err != nil && search == searchedProvider && errors.Is(err, jwt.ErrTokenSignatureInvalid) || search == missedKey {
		failure := v.provider.refetch(ctx)
		if failure != nil && search == missedKey {
			return fanout.Identity{}, failure
		}
		if failure == nil {
			claims, _, err = v.parse(ctx, token)
		}
	}
	if err == nil || errors.Is(err, jwt.ErrTokenInvalidClaims) {
		if wrong := checkTimes(claims); wrong != nil {
			return fanout.Identity{}, wrong
		}
	}
	if err != nil {
		return fanout.Identity{}, explain(err)
	}
	return v.identity(claims)
}

// keySearch is how the keys for a token were looked for.
type keySearch uint8

const (
	// searchedFixed is without a provider, or not at all.
	searchedFixed keySearch = iota
	// searchedProvider is that the provider has keys for the token. If they don't fit, one may have been replaced under the same kid.
	searchedProvider
	// missedKey is that the provider has none, and no other key has signed the token.
	missedKey
)

// parse checks the signature and the times, issuer and audience.
func (v *verifier) parse(ctx context.Context, token string) (claims jwt.MapClaims, search keySearch, err error) {
	claims = jwt.MapClaims{}
	_, err = v.parser.ParseWithClaims(token, claims, func(t *jwt.Token) (any, error) {
		if err := checkHeader(t.Header); err != nil {
			return nil, err
		}
		keys := v.fixed.find(ctx, t.Method.Alg(), t)
		if v.provider != nil {
			provided := v.provider.find(ctx, t.Method.Alg(), t)
			search = searchedProvider
			if len(provided) == 0 {
				search = missedKey
			}
			keys = append(keys, provided...)
		}
		if len(keys) == 0 {
			return nil, errUnknownKey
		}
		return jwt.VerificationKeySet{Keys: keys}, nil
	})
	if search == missedKey && !errors.Is(err, errUnknownKey) && !errors.Is(err, jwt.ErrTokenSignatureInvalid) {
		search = searchedFixed
	}
	return claims, search, err
}

var (
	errUnknownKey = errors.New("unknown key")
	errCritical   = errors.New("critical header")
	errKeyID      = errors.New("kid is not a string")
)

// checkHeader rejects what the parser would pass over: fields that have to be understood, and a key that can't be named.
func checkHeader(header map[string]any) error {
	if _, isThere := header["crit"]; isThere {
		return errCritical
	}
	id, isThere := header["kid"]
	if _, isText := id.(string); isThere && !isText {
		return errKeyID
	}
	return nil
}

// explain words an error of the parser for whoever has sent the token. It repeats nothing of the token.
func explain(err error) error {
	for _, known := range []struct {
		is   error
		says string
	}{
		{errCritical, "the token has critical header fields (crit), which are not understood"},
		{errKeyID, "the token's kid is not a string"},
		{errUnknownKey, "the token is signed with a key or an algorithm that is not accepted"},
		{jwt.ErrTokenMalformed, "the token is malformed"},
		{jwt.ErrTokenSignatureInvalid, "the token's signature or algorithm is not valid"},
		{jwt.ErrTokenUnverifiable, "the token can't be verified"},
		{jwt.ErrTokenRequiredClaimMissing, "the token lacks a claim that is required: exp, or iss or aud where they are checked"},
		{jwt.ErrTokenExpired, "the token has expired"},
		{jwt.ErrTokenNotValidYet, "the token is not valid yet (nbf)"},
		{jwt.ErrTokenInvalidIssuer, "the token's issuer (iss) is not accepted"},
		{jwt.ErrTokenInvalidAudience, "the token is for another audience (aud)"},
		{jwt.ErrInvalidType, "a claim of the token has the wrong type"},
	} {
		if errors.Is(err, known.is) {
			return errors.New(known.says)
		}
	}
	return errors.New("the token is not valid")
}
