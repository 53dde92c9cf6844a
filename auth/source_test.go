package auth

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

// handshake is one with a query, the headers given as pairs, and what Sec-WebSocket-Protocol of them offers.
func handshake(query string, headers ...string) *fanout.Handshake {
	r := httptest.NewRequest(http.MethodGet, "/ws"+query, nil)
	h := &fanout.Handshake{Request: r}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
		if headers[i] == "Sec-WebSocket-Protocol" {
			for offer := range strings.SplitSeq(headers[i+1], ",") {
				h.Subprotocols = append(h.Subprotocols, strings.TrimSpace(offer))
			}
		}
	}
	return h
}

// A case has the user that is found, or the status of the refusal, or neither where the client may send __auth.
func TestTokenIsFoundWhereItMayBe(t *testing.T) {
	token := goodToken(t)
	const protocol = "Sec-WebSocket-Protocol"
	for name, c := range map[string]struct {
		handshake *fanout.Handshake
		user      string
		status    int
	}{
		"in the header":                         {handshake("", "Authorization", "Bearer "+token), "ada", 0},
		"in the header, in small letters":       {handshake("", "Authorization", "bearer  "+token), "ada", 0},
		"among subprotocols":                    {handshake("", protocol, "spokehub.v1, bearer."+token), "ada", 0},
		"among others, first":                   {handshake("", protocol, "bearer."+token+", mine"), "ada", 0},
		"in the cookie":                         {handshake("", "Cookie", "a=b; session="+token), "ada", 0},
		"in the query":                          {handshake("?a=b&token=" + token), "ada", 0},
		"nowhere":                               {handshake(""), "", 0},
		"not in another scheme":                 {handshake("", "Authorization", "Basic "+token), "", 0},
		"not in another cookie":                 {handshake("", "Cookie", "other="+token), "", 0},
		"not in a cookie of one who signed out": {handshake("", "Cookie", "session="), "", 0},
		"not in another parameter":              {handshake("?Token=" + token), "", 0},
		"not alone among subprotocols":          {handshake("", protocol, "bearer."+token), "", http.StatusBadRequest},
		"not empty in the header":               {handshake("", "Authorization", "Bearer"), "", http.StatusBadRequest},
		"not empty among subprotocols":          {handshake("", protocol, "spokehub.v1, bearer."), "", http.StatusBadRequest},
		"not empty in the query":                {handshake("?token="), "", http.StatusBadRequest},
		"not in two words":                      {handshake("", "Authorization", "Bearer "+token+" x"), "", http.StatusBadRequest},
		"not in a list":                         {handshake("", "Authorization", "Bearer "+token+",Bearer"), "", http.StatusBadRequest},
		"not in two headers":                    {handshake("", "Authorization", "Bearer "+token, "Authorization", "Bearer "+token), "", http.StatusBadRequest},
		"not in header and cookie":              {handshake("", "Authorization", "Bearer "+token, "Cookie", "session="+token), "", http.StatusBadRequest},
		"not in two cookies":                    {handshake("", "Cookie", "session="+token+"; session=x"), "", http.StatusBadRequest},
		"not in two parameters":                 {handshake("?token=" + token + "&token=x"), "", http.StatusBadRequest},
		"not in two subprotocols":               {handshake("", protocol, "spokehub.v1, bearer.x, bearer."+token), "", http.StatusBadRequest},
		"not in a malformed query":              {handshake("?a=%zz&token=" + token), "", http.StatusBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			a := start(t, Config{Keys: mustParse(t, []byte(secret)), Cookie: "session", Query: "token"})
			identity, err := a.OnHandshake(within(t), c.handshake)
			var refusal *fanout.Refusal
			switch {
			case identity.User != c.user:
				t.Errorf("got the user %q and error %v, want %q", identity.User, err, c.user)
			case c.status != 0 && (!errors.As(err, &refusal) || refusal.Status != c.status):
				t.Errorf("got the error %v, want status %d", err, c.status)
			case c.status == 0 && c.user == "" && !errors.Is(err, fanout.ErrAuthLater):
				t.Errorf("got the error %v, want ErrAuthLater", err)
			}
			if err != nil && strings.Contains(err.Error(), token) {
				t.Errorf("got the token in the error %q, want none", err)
			}
		})
	}
}

func TestQueryAndCookieCountOnlyWhereTheyAreAskedFor(t *testing.T) {
	token := goodToken(t)
	a := start(t, Config{Keys: mustParse(t, []byte(secret))})
	for _, h := range []*fanout.Handshake{handshake("?token=" + token), handshake("", "Cookie", "token="+token)} {
		if _, err := a.OnHandshake(within(t), h); !errors.Is(err, fanout.ErrAuthLater) {
			t.Errorf("got the error %v, want ErrAuthLater", err)
		}
	}
}

func TestACookieCountsOnlyWhereTheOriginIsChecked(t *testing.T) {
	token := goodToken(t)
	for name, c := range map[string]struct {
		handshake *fanout.Handshake
		anyOrigin bool
		user      string
	}{
		"from a page whose origin was checked":       {handshake("", "Cookie", "session="+token, "Origin", "https://a.example"), false, "ada"},
		"not from a page whose origin was not":       {handshake("", "Cookie", "session="+token, "Origin", "https://a.example"), true, ""},
		"from a program, which no page can be":       {handshake("", "Cookie", "session="+token), true, "ada"},
		"not even beside a token in the header":      {handshake("", "Cookie", "session="+token, "Origin", "https://a.example", "Authorization", "Bearer "+token), true, ""},
		"a header counts, which pages can't forge":   {handshake("", "Authorization", "Bearer "+token, "Origin", "https://a.example"), true, "ada"},
		"a cookie of somebody who has signed out":    {handshake("", "Authorization", "Bearer "+token, "Cookie", "session=", "Origin", "https://a.example"), true, "ada"},
		"another cookie is none of the hub's matter": {handshake("", "Authorization", "Bearer "+token, "Cookie", "a=b", "Origin", "https://a.example"), true, "ada"},
	} {
		t.Run(name, func(t *testing.T) {
			c.handshake.AnyOrigin = c.anyOrigin
			identity, err := start(t, Config{Keys: mustParse(t, []byte(secret)), Cookie: "session"}).OnHandshake(within(t), c.handshake)
			if identity.User != c.user || (err == nil) != (c.user != "") {
				t.Errorf("got the user %q and the error %v, want %q", identity.User, err, c.user)
			}
		})
	}
}

func TestRefusalsReachWhomTheyAreFor(t *testing.T) {
	patterns, _ := event.ParsePatterns([]string{"news"})
	anonymous := &fanout.Permissions{Subscribe: patterns}
	bad := "Bearer " + sign(t, "HS256", secret+"other", nil, goodClaims(nil))
	for name, c := range map[string]struct {
		config    Config
		handshake *fanout.Handshake
		status    int
		code      uint16
	}{
		"401 for a program":                        {Config{}, handshake("", "Authorization", bad), 401, 0},
		"400 for two tokens of a program":          {Config{Cookie: "session"}, handshake("", "Authorization", bad, "Cookie", "session=x"), 400, 0},
		"4401 for two tokens of a page":            {Config{Cookie: "session"}, handshake("", "Authorization", bad, "Cookie", "session=x", "Origin", "https://a.example"), 0, 4401},
		"4401 for a page":                          {Config{}, handshake("", "Authorization", bad, "Origin", "https://a.example"), 0, 4401},
		"401 for a page where that is asked for":   {Config{Refusals: RefuseByStatus}, handshake("", "Authorization", bad, "Origin", "null"), 401, 0},
		"4401 for a program, asked for":            {Config{Refusals: RefuseByCode}, handshake("", "Authorization", bad), 0, 4401},
		"401 for no token where one is needed":     {Config{HandshakeOnly: true}, handshake(""), 401, 0},
		"401 for a bad token where none is needed": {Config{Anonymous: anonymous}, handshake("", "Authorization", bad), 401, 0},
		"nothing for no token where none is":       {Config{Anonymous: anonymous, HandshakeOnly: true}, handshake(""), 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			c.config.Keys = mustParse(t, []byte(secret))
			identity, err := start(t, c.config).OnHandshake(within(t), c.handshake)
			refusal := &fanout.Refusal{}
			if errors.As(err, &refusal); refusal.Status != c.status || refusal.Code != c.code {
				t.Errorf("got the error %v, want status %d and code %d", err, c.status, c.code)
			}
			if isJSON := json.Valid([]byte(refusal.Reason)); isJSON != (c.code != 0) || len(refusal.Reason) > maxCloseReason {
				t.Errorf("got the reason %q, want JSON that fits into a close frame, or text behind a status", refusal.Reason)
			}
			if err == nil && identity.Permissions != anonymous {
				t.Errorf("got the permissions %v, want those of an anonymous client", identity.Permissions)
			}
		})
	}
}

func TestReasonsOfCloseFramesAreShortJSON(t *testing.T) {
	for text, want := range map[string]string{
		"the token has expired":              `{"reason":"the token has expired"}`,
		`pattern "a*b"`:                      `{"reason":"pattern \"a*b\""}`,
		strings.Repeat("x", 1000):            `{"reason":"` + strings.Repeat("x", 110) + `"}`,
		strings.Repeat("\"", 1000):           `{"reason":"` + strings.Repeat(`\"`, 55) + `"}`,
		strings.Repeat("x", 109) + "éé":      `{"reason":"` + strings.Repeat("x", 109) + `"}`,
		strings.Repeat("x", 108) + "é" + "é": `{"reason":"` + strings.Repeat("x", 108) + `é"}`,
	} {
		if got := closeReason(errors.New(text)); got != want {
			t.Errorf("got %s for %.20q, want %s", got, text, want)
		}
	}
}

func TestOnAuthRejectsWhatIsNotGood(t *testing.T) {
	a := start(t, Config{Keys: mustParse(t, []byte(secret))})
	if identity, err := a.OnAuth(within(t), nil, goodToken(t)); err != nil || identity.User != "ada" {
		t.Errorf("got %q and error %v, want ada", identity.User, err)
	}
	if _, err := a.OnAuth(within(t), nil, "x"); err == nil {
		t.Error("got no error for a malformed token, want one")
	}
}

func TestOnAuthTellsAnOutageFromABadToken(t *testing.T) {
	a := start(t, Config{JWKS: startIdentityProvider(t, fails(503)).server.URL})
	_, err := a.OnAuth(within(t), nil, sign(t, "RS256", "rsa", map[string]any{"kid": "1"}, goodClaims(nil)))
	var refusal *fanout.Refusal
	if !errors.As(err, &refusal) || refusal.Status != http.StatusServiceUnavailable || refusal.RetryAfter <= 0 {
		t.Errorf("got the error %v, want 503 and when to come back", err)
	}
}

func TestConfigurationsThatMakeNoSenseAreErrors(t *testing.T) {
	keys := mustParse(t, []byte(secret))
	for name, c := range map[string]Config{
		"nothing that lets anybody in":    {},
		"a cookie beside any origin":      {Keys: keys, Cookie: "token", Origins: []string{"https://a.example", "*"}},
		"a cookie whose name is not one":  {Keys: keys, Cookie: "a b"},
		"a key set that does not exist":   {JWKS: "/does/not/exist"},
		"a URL without a host":            {JWKS: "https://"},
		"refusals of a kind there is not": {Keys: keys, Refusals: 9},
		"an interval that is negative":    {Keys: keys, RefreshInterval: -1},
	} {
		t.Run(name, func(t *testing.T) {
			if a, err := New(c); err == nil {
				a.Close()
				t.Error("got no error, want one")
			}
		})
	}
}

func TestReloadChangesAllOrNothing(t *testing.T) {
	a := start(t, Config{Keys: mustParse(t, []byte(secret))})
	old, fresh := goodToken(t), sign(t, "EdDSA", "ed", nil, goodClaims(nil))
	verify := func(step string, token string, want bool) {
		t.Helper()
		if _, err := a.Verify(within(t), token); (err == nil) != want {
			t.Errorf("%s: got the error %v, want good: %v", step, err, want)
		}
	}
	if err := a.Reload(Config{JWKS: "/does/not/exist"}); err == nil {
		t.Error("got no error from a wrong configuration, want one")
	}
	verify("after a wrong one, the old key", old, true)
	both := append(mustParse(t, []byte(secret)), mustParse(t, publicPEM(t, "ed"))...)
	if err := a.Reload(Config{Keys: both}); err != nil {
		t.Fatal(err)
	}
	verify("with both, the old key", old, true)
	verify("with both, the new key", fresh, true)
	if err := a.Reload(Config{Keys: both[1:]}); err != nil {
		t.Fatal(err)
	}
	verify("with the new alone, the old key", old, false)
	verify("with the new alone, the new key", fresh, true)
}

func FuzzFindToken(f *testing.F) {
	f.Add("Bearer x", "spokehub.v1, bearer.y", "session=z", "token=q")
	f.Add("bearer", "bearer.", "session=;session", "token&token")
	c := Config{Cookie: "session", Query: "token"}
	f.Fuzz(func(t *testing.T, authorization, subprotocols, cookie, query string) {
		h := handshake("", "Authorization", authorization, "Sec-WebSocket-Protocol", subprotocols, "Cookie", cookie)
		h.Request.URL.RawQuery = query
		token, err := c.findToken(h)
		if err != nil && token != "" {
			t.Errorf("got the token %q and the error %v, want one of them", token, err)
		}
		if token != "" && !strings.Contains(authorization+subprotocols+cookie, token) && !strings.Contains(query, "token") {
			t.Errorf("got the token %q, want one that the handshake has", token)
		}
	})
}
