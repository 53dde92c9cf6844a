package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/spokehub/spokehub/auth"
)

const (
	// maxTokenInput is how much is read of standard input.
	maxTokenInput = 64 << 10
	// tokenReadTimeout bounds the time for fetching keys.
	tokenReadTimeout = 15 * time.Second
)

// tokenReport is what spokehub token read prints.
type tokenReport struct {
	Header map[string]any `json:"header"`
	Claims map[string]any `json:"claims"`
	// Expires says in words what exp means.
	Expires string `json:"expires,omitempty"`
	// Valid is missing where no key was given: then nobody knows.
	Valid  *bool  `json:"valid,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// run prints what a token says. A token that is not good is an error, once keys are given to judge it.
func (f *tokenReadFlags) run(stdin io.Reader, stdout io.Writer) error {
	text := f.Token
	if text == "-" {
		input, err := io.ReadAll(io.LimitReader(stdin, maxTokenInput))
		if err != nil {
			return fmt.Errorf("read standard input: %w", err)
		}
		text = string(input)
	}
	text = strings.TrimSpace(text)
	claims := jwt.MapClaims{}
	token, _, err := jwt.NewParser().ParseUnverified(text, claims)
	if token == nil || token.Header == nil || err != nil && !errors.Is(err, jwt.ErrTokenUnverifiable) {
		return errors.New("this is not a token (JWT): it has three parts in base64url, with dots between them")
	}
	report := tokenReport{Header: token.Header, Claims: claims, Reason: "the signature was not checked: give --key or --jwks"}
	if expiry, err := claims.GetExpirationTime(); err == nil && expiry != nil {
		report.Expires = "in " + time.Until(expiry.Time).Round(time.Second).String()
		if past := time.Since(expiry.Time); past > 0 {
			report.Expires = past.Round(time.Second).String() + " ago"
		}
	}
	var failure error
	if len(f.Keys) > 0 || f.JWKS != "" {
		err := f.verify(text)
		var unusable usageError
		if errors.As(err, &unusable) {
			return err
		}
		isValid := err == nil
		report.Valid, report.Reason = &isValid, ""
		if err != nil {
			report.Reason = err.Error()
			failure = fmt.Errorf("the token is not good: %w", err)
		}
	}
	encoder := json.NewEncoder(stdout)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return errors.Join(encoder.Encode(report), failure)
}

// verify judges a token as the hub would.
func (f *tokenReadFlags) verify(token string) error {
	config := auth.Config{JWKS: f.JWKS, Issuer: f.Issuer, Audience: f.Audience}
	for _, name := range f.Keys {
		keys, err := readKeys(name)
		if err != nil {
			return usageError{fmt.Errorf("--key: %w", err)}
		}
		config.Keys = append(config.Keys, keys...)
	}
	if err := checkKeySet(f.JWKS); err != nil {
		return usageError{err}
	}
	authenticator, err := auth.New(config)
	if err != nil {
		return usageError{authError(err)}
	}
	defer authenticator.Close()
	ctx, cancel := context.WithTimeout(context.Background(), tokenReadTimeout)
	defer cancel()
	_, err = authenticator.Verify(ctx, token)
	return err
}
