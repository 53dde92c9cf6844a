package auth

import (
	"fmt"
	"sync"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"github.com/spokehub/spokehub/fanout"
)

func verified(t *testing.T, a *Authenticator, claims jwt.MapClaims) fanout.Identity {
	t.Helper()
	identity, err := a.Verify(within(t), sign(t, "HS256", secret, nil, claims))
	if err != nil {
		t.Fatalf("Verify: %v", err)
	}
	return identity
}

func TestTokensShareThePermissionsOfEqualClaims(t *testing.T) {
	a := start(t, Config{Keys: mustParse(t, []byte(secret))})
	first := verified(t, a, goodClaims(map[string]any{"subscribe": []string{"a", "b"}, "publish": []string{}}))
	for name, c := range map[string]struct {
		subscribe, publish any
		shares             bool
	}{
		"equal claims":                   {[]string{"a", "b"}, []string{}, true},
		"another order":                  {[]string{"b", "a"}, []string{}, false},
		"no claim where one was empty":   {[]string{"a", "b"}, nil, false},
		"patterns in the other claim":    {[]string{}, []string{"a", "b"}, false},
		"a boundary elsewhere":           {[]string{"a"}, []string{"b"}, false},
		"patterns that look like joined": {[]string{"a\x01b"}, []string{}, false},
		"one pattern more":               {[]string{"a", "b", "c"}, []string{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			identity, err := a.Verify(within(t), sign(t, "HS256", secret, nil, goodClaims(map[string]any{"sub": "bob", "subscribe": c.subscribe, "publish": c.publish})))
			if got := err == nil && identity.Permissions == first.Permissions; got != c.shares {
				t.Errorf("got shared %v (error %v), want %v", got, err, c.shares)
			}
		})
	}
	if err := a.Reload(Config{Keys: mustParse(t, []byte(secret))}); err != nil {
		t.Fatal(err)
	}
	if after := verified(t, a, goodClaims(map[string]any{"subscribe": []string{"a", "b"}, "publish": []string{}})); after.Permissions == first.Permissions {
		t.Error("permissions are shared across configurations, whose defaults may differ")
	}
}

// TestSharedPermissionsAreBounded is S1.
func TestSharedPermissionsAreBounded(t *testing.T) {
	var s shares
	var all sync.WaitGroup
	for worker := range 4 {
		all.Go(func() {
			for i := range 2 * maxShared {
				user := fmt.Sprintf("user-%d-%d", worker, i)
				p, err := s.permissions([]string{"inbox:" + user}, nil, fanout.Permissions{})
				if err != nil || !p.Subscribe.Match([]byte("inbox:"+user), user) || p.Subscribe.Match([]byte("inbox:other"), user) {
					t.Errorf("got wrong permissions for %s (error %v)", user, err)
					return
				}
			}
		})
	}
	all.Wait()
	if got := len(s.compiled); got > maxShared {
		t.Errorf("got %d shared permissions, want at most %d", got, maxShared)
	}
}

func TestMalformedClaimsAreNotShared(t *testing.T) {
	var s shares
	for range 2 {
		if p, err := s.permissions([]string{"a*b"}, nil, fanout.Permissions{}); err == nil || len(s.compiled) != 0 {
			t.Errorf("got %v and %d shared, want an error and none", p, len(s.compiled))
		}
	}
}
