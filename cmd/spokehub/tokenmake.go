package main

import (
	"fmt"
	"io"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/spokehub/spokehub/event"
)

// run prints a token.
func (f *tokenMakeFlags) run(stdout io.Writer) error {
	if f.Expires <= 0 {
		return usageError{fmt.Errorf("--expires: %v is not a time to come", f.Expires)}
	}
	if len(f.User) == 0 || len(f.User) > 256 {
		return usageError{fmt.Errorf("--user: %d bytes, and a user has 1 to 256", len(f.User))}
	}
	for _, flag := range []struct {
		name     string
		patterns []string
	}{{"--subscribe", f.Subscribe}, {"--publish", f.Publish}} {
		if _, err := event.ParsePatterns(flag.patterns); err != nil {
			return usageError{fmt.Errorf("%s: %w", flag.name, err)}
		}
	}
	key, method, err := readSigningKey(f.Key)
	if err != nil {
		return fmt.Errorf("--key: %w", err)
	}
	now := time.Now()
	claims := jwt.MapClaims{"sub": f.User, "iat": jwt.NewNumericDate(now), "exp": jwt.NewNumericDate(now.Add(f.Expires))}
	for name, value := range map[string]string{"iss": f.Issuer, "aud": f.Audience} {
		if value != "" {
			claims[name] = value
		}
	}
	for name, patterns := range map[string][]string{"subscribe": f.Subscribe, "publish": f.Publish} {
		if len(patterns) > 0 {
			claims[name] = patterns
		}
	}
	token := jwt.NewWithClaims(method, claims)
	if f.KID != "" {
		token.Header["kid"] = f.KID
	}
	text, err := token.SignedString(key)
	if err != nil {
		return fmt.Errorf("sign with %s: %w", f.Key, err)
	}
	_, err = fmt.Fprintln(stdout, text)
	return err
}
