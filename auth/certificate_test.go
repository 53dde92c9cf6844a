package auth

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/spokehub/spokehub/fanout"
)

// certified makes a certificate, changed by a function.
func certified(t testing.TB, change func(*x509.Certificate)) *x509.Certificate {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ada"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour).Truncate(time.Second)}
	if change != nil {
		change(template)
	}
	key := testKeys()["p256"]
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

// handshakeOver is a handshake over TLS with these verified chains.
func handshakeOver(token string, chains ...[]*x509.Certificate) *fanout.Handshake {
	r := &http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/ws"}, Header: http.Header{}, TLS: &tls.ConnectionState{VerifiedChains: chains}}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return &fanout.Handshake{Request: r}
}

func TestCertificateIsWhoAClientIs(t *testing.T) {
	names := func(c *x509.Certificate) {
		c.DNSNames, c.EmailAddresses, c.URIs = []string{"a.example", "b.example"}, []string{"ada@a.example"}, []*url.URL{{Scheme: "spiffe", Host: "a.example", Path: "/x"}}
	}
	common := func(name string) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.Subject.CommonName = name }
	}
	for name, c := range map[string]struct {
		user   CertificateUser
		change func(*x509.Certificate)
		want   string
		says   string
	}{
		"by the common name":                    {CommonName, names, "ada", ""},
		"by the first DNS name":                 {DNSName, names, "a.example", ""},
		"by the first URI":                      {URIName, names, "spiffe://a.example/x", ""},
		"by the first mail address":             {EmailAddress, names, "ada@a.example", ""},
		"not without a common name":             {CommonName, common(""), "", "no common name"},
		"not without a DNS name":                {DNSName, nil, "", "no DNS name"},
		"not without a URI":                     {URIName, nil, "", "no URI"},
		"not without a mail address":            {EmailAddress, nil, "", "no mail address"},
		"not with a control character":          {CommonName, common("a\x00b"), "", "control characters"},
		"not with a name that is too long":      {CommonName, common(strings.Repeat("a", 257)), "", "longer than 256 bytes"},
		"with the longest name":                 {CommonName, common(strings.Repeat("a", 256)), strings.Repeat("a", 256), ""},
		"not with the sign of what is no UTF-8": {CommonName, common("a\uFFFD"), "", "not valid Unicode"},
		"not when it has expired":               {CommonName, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Second) }, "", "has expired"},
	} {
		t.Run(name, func(t *testing.T) {
			shown := certified(t, c.change)
			identity, err := start(t, Config{Certificates: c.user}).OnHandshake(within(t), handshakeOver("", []*x509.Certificate{shown}))
			if c.says == "" {
				if err != nil || identity.User != c.want || !identity.Expires.Equal(shown.NotAfter) || identity.Permissions != nil {
					t.Errorf("got %v and %v, want %s until %v", identity, err, c.want, shown.NotAfter)
				}
				return
			}
			var refusal *fanout.Refusal
			if !errors.As(err, &refusal) || refusal.Status != http.StatusUnauthorized || !strings.Contains(refusal.Reason, c.says) {
				t.Errorf("got %v, want a refusal with %q", err, c.says)
			}
		})
	}
}

func TestCertificateThatNobodyHasVerifiedSaysNothing(t *testing.T) {
	h := handshakeOver("")
	h.Request.TLS.PeerCertificates = []*x509.Certificate{certified(t, nil)}
	a := start(t, Config{Certificates: CommonName})
	for _, state := range []*tls.ConnectionState{h.Request.TLS, nil} {
		h.Request.TLS = state
		if identity, err := a.OnHandshake(within(t), h); err == nil || !strings.Contains(err.Error(), "no certificate") {
			t.Errorf("got %v and %v, want a refusal", identity, err)
		}
	}
	if identity, err := start(t, Config{Anonymous: &fanout.Permissions{}}).OnHandshake(within(t), handshakeOver("", []*x509.Certificate{certified(t, nil)})); err != nil || identity.User != "" {
		t.Errorf("got %v and %v where certificates say nothing, want nobody", identity, err)
	}
}

func TestIdentityEndsWithTheChainThatHoldsLongest(t *testing.T) {
	until := func(hours int) *x509.Certificate {
		return certified(t, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(time.Duration(hours) * time.Hour) })
	}
	leaf, one, two, five := until(9), until(1), until(2), until(5)
	for name, c := range map[string]struct {
		chains [][]*x509.Certificate
		want   *x509.Certificate
	}{
		"the leaf":           {[][]*x509.Certificate{{one, five}}, one},
		"the authority":      {[][]*x509.Certificate{{leaf, five}}, five},
		"the one in between": {[][]*x509.Certificate{{leaf, two, five}}, two},
		"the longer of two":  {[][]*x509.Certificate{{leaf, one}, {leaf, five, until(6)}, {leaf, two}}, five},
	} {
		identity, err := start(t, Config{Certificates: CommonName}).OnHandshake(within(t), handshakeOver("", c.chains...))
		if err != nil || !identity.Expires.Equal(c.want.NotAfter) {
			t.Errorf("%s: got %v and %v, want %v", name, identity.Expires, err, c.want.NotAfter)
		}
	}
}

func TestTokenBesideACertificateHasToBeForTheSameUser(t *testing.T) {
	a := start(t, Config{Keys: mustParse(t, []byte(secret)), Certificates: CommonName})
	token := func(user string) string {
		return sign(t, "HS256", secret, nil, goodClaims(map[string]any{"sub": user}))
	}
	chain := []*x509.Certificate{certified(t, nil)}
	if identity, err := a.OnHandshake(within(t), handshakeOver(token("ada"), chain)); err != nil || identity.User != "ada" || identity.Permissions == nil {
		t.Errorf("got %v and %v, want what the token says", identity, err)
	}
	if _, err := a.OnHandshake(within(t), handshakeOver(token("bob"), chain)); err == nil || !strings.Contains(err.Error(), errOtherUser.Error()) {
		t.Errorf("got %v for another user's token, want a refusal", err)
	}
	if _, err := a.OnHandshake(within(t), handshakeOver("x", chain)); err == nil {
		t.Error("got no error for a bad token beside a certificate, want one")
	}
	if _, err := a.OnHandshake(within(t), handshakeOver("")); !errors.Is(err, fanout.ErrAuthLater) {
		t.Errorf("got %v without either, want that a token may follow", err)
	}
}

func TestCertificateIsWhoAClientIsBehindServeHTTP(t *testing.T) {
	a := start(t, Config{Certificates: CommonName})
	connected := make(chan string, 1)
	hub, err := fanout.New(fanout.Config{OnHandshake: a.OnHandshake, OnConnection: func(s *fanout.Spoke, _ net.Conn) { connected <- s.Identity().User }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = hub.Shutdown(within(t)) })
	shown := certified(t, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} })
	server := httptest.NewUnstartedServer(http.HandlerFunc(hub.ServeHTTP))
	server.TLS = &tls.Config{ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: x509.NewCertPool()}
	server.TLS.ClientCAs.AddCert(shown)
	server.StartTLS()
	t.Cleanup(server.Close)
	web := server.Client()
	web.Transport.(*http.Transport).TLSClientConfig.Certificates = []tls.Certificate{{Certificate: [][]byte{shown.Raw}, PrivateKey: testKeys()["p256"]}}
	conn, _, err := websocket.Dial(within(t), "wss"+strings.TrimPrefix(server.URL, "https"), &websocket.DialOptions{HTTPClient: web})
	if err != nil {
		t.Fatalf("got %v, want a connection", err)
	}
	defer conn.CloseNow()
	if got := <-connected; got != "ada" {
		t.Errorf("got the user %q, want ada", got)
	}
}
