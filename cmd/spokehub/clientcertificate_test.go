package main

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/spokehub/spokehub/event"
)

// ownInbox lets each user have a topic of its own.
const ownInbox = "topics:\n  - match: inbox:$user\n  - {match: news, subscribe: users}\n"

func TestCertificatesSayWhoClientsAre(t *testing.T) {
	t.Parallel()
	a, stranger := newAuthority(t), newAuthority(t)
	certificate, key := a.issue(t, []string{"hub.example"}, nil).files(t)
	p := startHub(t, nil, "--config="+writeConfig(t, ownInbox), "--tls-cert="+certificate, "--tls-key="+key, "--tls-client-ca="+a.file)
	ada, err := connectTLS(t, p.websocket, a.trusting("hub.example", a.issue(t, []string{"ada"}, nil).pair(t)...), nil)
	if err != nil {
		t.Fatalf("got %v, want a connection", err)
	}
	ada.subscribe(t, "inbox:ada", "news")
	ada.reject(t, "inbox:bob")
	for name, config := range map[string]*tls.Config{
		"no certificate":                 a.trusting("hub.example"),
		"a certificate of others":        a.trusting("hub.example", stranger.issue(t, []string{"ada"}, nil).pair(t)...),
		"a certificate that has expired": a.trusting("hub.example", a.issue(t, []string{"ada"}, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }).pair(t)...),
		"a certificate for servers":      a.trusting("hub.example", a.issue(t, []string{"ada"}, func(c *x509.Certificate) { c.ExtKeyUsage = c.ExtKeyUsage[:1] }).pair(t)...),
	} {
		if _, err := connectTLS(t, p.websocket, config, nil); err == nil || !strings.Contains(err.Error(), "tls: ") {
			t.Errorf("%s: got %v, want an error of TLS", name, err)
		}
	}
	for name, change := range map[string]func(*x509.Certificate){
		"which would be the user":  func(c *x509.Certificate) { c.Subject.CommonName = "" },
		"has control characters":   func(c *x509.Certificate) { c.Subject.CommonName = "a\nb" },
		"is longer than 256 bytes": func(c *x509.Certificate) { c.Subject.CommonName = strings.Repeat("a", 257) },
	} {
		config := a.trusting("hub.example", a.issue(t, []string{"ada"}, change).pair(t)...)
		if status, body := statusOver(t, p, config, ""); status != http.StatusUnauthorized || !strings.Contains(body, name) {
			t.Errorf("got %d %q, want 401 and %q", status, body, name)
		}
	}
}

func TestIdentityEndsWithTheCertificate(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	certificate, key := a.issue(t, []string{"hub.example"}, nil).files(t)
	p := startHub(t, nil, "--tls-cert="+certificate, "--tls-key="+key, "--tls-client-ca="+a.file)
	brief := a.issue(t, []string{"ada"}, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(7 * time.Second) })
	ada, err := connectTLS(t, p.websocket, a.trusting("hub.example", brief.pair(t)...), nil)
	if err != nil {
		t.Fatalf("got %v, want a connection", err)
	}
	if got := ada.closed(t); got.Code != 4401 {
		t.Errorf("got the close code %d, want 4401", got.Code)
	}
}

func TestUserOfACertificateIsTheNameThatTheFlagSays(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	certificate, key := a.issue(t, []string{"hub.example"}, nil).files(t)
	shown := a.issue(t, []string{"common"}, func(c *x509.Certificate) {
		c.DNSNames, c.EmailAddresses = []string{"dns.example"}, []string{"ada@example.com"}
		c.URIs = []*url.URL{{Scheme: "spiffe", Host: "example.org", Path: "/feed"}}
	}).pair(t)
	for flag, user := range map[string]string{"cn": "common", "dns": "dns.example", "uri": "spiffe://example.org/feed", "email": "ada@example.com"} {
		t.Run(flag, func(t *testing.T) {
			p := startHub(t, nil, "--config="+writeConfig(t, ownInbox), "--tls-cert="+certificate, "--tls-key="+key, "--tls-client-ca="+a.file, "--tls-client-user="+flag)
			c, err := connectTLS(t, p.websocket, a.trusting("hub.example", shown...), nil)
			if err != nil {
				t.Fatalf("got %v, want a connection", err)
			}
			c.subscribe(t, "inbox:"+user)
		})
	}
}

func TestTokensAndCertificatesBesideEachOther(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	private, public := makeKey(t, "EdDSA")
	certificate, key := a.issue(t, []string{"hub.example"}, nil).files(t)
	token := func(user string) string { return makeToken(t, private, "--user="+user, "--subscribe=*") }
	none, ada := a.trusting("hub.example"), a.trusting("hub.example", a.issue(t, []string{"ada"}, nil).pair(t)...)
	flags := []string{"--config=" + writeConfig(t, ownInbox), "--tls-cert=" + certificate, "--tls-key=" + key, "--tls-client-ca=" + a.file}
	for name, c := range map[string]struct {
		flags  []string
		config *tls.Config
		token  string
		status int
		user   string
	}{
		"a certificate alone":                     {[]string{"--jwt-key=" + public}, ada, "", 101, "ada"},
		"a token alone":                           {[]string{"--jwt-key=" + public}, none, token("bob"), 101, "bob"},
		"both for one user":                       {[]string{"--jwt-key=" + public}, ada, token("ada"), 101, "ada"},
		"both for two users":                      {[]string{"--jwt-key=" + public}, ada, token("bob"), 401, ""},
		"a bad token beside a certificate":        {[]string{"--jwt-key=" + public}, ada, "x", 401, ""},
		"neither, where it does":                  {[]string{"--anonymous=all"}, none, "", 101, ""},
		"a certificate, where none is needed":     {[]string{"--anonymous=all"}, ada, "", 101, "ada"},
		"a token beside a certificate for no one": {[]string{"--jwt-key=" + public, "--tls-client-user=none"}, ada, token("bob"), 101, "bob"},
		"a token without that certificate":        {[]string{"--jwt-key=" + public, "--tls-client-user=none"}, none, token("bob"), 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := startHub(t, nil, append(flags, c.flags...)...)
			if c.status == 0 {
				if _, err := connectTLS(t, p.websocket, c.config, nil); err == nil {
					t.Error("got a connection, want an error of TLS")
				}
				return
			}
			if status, body := statusOver(t, p, c.config, c.token); status != c.status {
				t.Fatalf("got %d %q, want %d", status, body, c.status)
			}
			if c.user == "" {
				return
			}
			header := http.Header{}
			if c.token != "" {
				header.Set("Authorization", "Bearer "+c.token)
			}
			connected, err := connectTLS(t, p.websocket, c.config, header)
			if err != nil {
				t.Fatal(err)
			}
			connected.subscribe(t, "inbox:"+c.user)
		})
	}
}

func TestNobodyGetsInByAnAddressThatAsksForNoCertificate(t *testing.T) {
	a := newAuthority(t)
	certificate, key := a.issue(t, []string{"hub.example"}, nil).files(t)
	p := startHub(t, nil, "--listen=127.0.0.1:0,plain", "--tls-cert="+certificate, "--tls-key="+key, "--tls-client-ca="+a.file)
	p.output.awaitText(t, "nobody can connect there")
	urls, _ := p.start["websockets"].([]any)
	plain := strings.Replace(urls[1].(string), "ws:", "http:", 1)
	if got, body := handshakeStatus(t, strings.TrimSuffix(plain, "ws"), "127.0.0.1", ""); got != http.StatusUnauthorized {
		t.Errorf("got %d %q, want 401", got, body)
	}
}

func TestReloadChangesTheAuthoritiesOfClients(t *testing.T) {
	t.Parallel()
	a, b := newAuthority(t), newAuthority(t)
	certificate, key := a.issue(t, []string{"hub.example"}, nil).files(t)
	settings := "tls-cert: " + certificate + "\ntls-key: " + key + "\n"
	p, name := startHubFrom(t, settings+"tls-client-ca: "+a.file+"\n")
	ofA, ofB := a.trusting("hub.example", a.issue(t, []string{"ada"}, nil).pair(t)...), a.trusting("hub.example", b.issue(t, []string{"bob"}, nil).pair(t)...)
	before, err := connectTLS(t, p.websocket, ofA, nil)
	if err != nil {
		t.Fatal(err)
	}
	p.reload(t, name, settings, "the configuration was not reloaded, and nothing has changed")
	p.reload(t, name, settings+"tls-client-ca: "+b.file+"\n", "configuration reloaded")
	if _, err := connectTLS(t, p.websocket, ofB, nil); err != nil {
		t.Errorf("got %v for a client of the new authority, want a connection", err)
	}
	if _, err := connectTLS(t, p.websocket, ofA, nil); err == nil {
		t.Error("got a connection for a client of the old authority, want none")
	}
	before.send(t, event.Event{Type: "news"})
	before.subscribe(t, "still.here")
}

// statusOver is the answer to a handshake over TLS.
func statusOver(t *testing.T, p *process, config *tls.Config, token string) (int, string) {
	t.Helper()
	header := http.Header{}
	if token != "" {
		header.Set("Authorization", "Bearer "+token)
	}
	web := &http.Client{Transport: &http.Transport{TLSClientConfig: config}, Timeout: patience}
	conn, response, err := websocket.Dial(t.Context(), p.websocket, &websocket.DialOptions{HTTPClient: web, HTTPHeader: header})
	if err == nil {
		conn.CloseNow()
		return http.StatusSwitchingProtocols, ""
	}
	if response == nil {
		t.Fatalf("got %v, want an answer", err)
	}
	body := make([]byte, 1024)
	n, _ := response.Body.Read(body)
	return response.StatusCode, string(body[:n])
}
