package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestHubSpeaksTLS(t *testing.T) {
	a := newAuthority(t)
	hub := a.issue(t, []string{"hub.example"}, nil)
	certificate, key := hub.files(t)
	p := startHub(t, nil, "--tls-cert="+certificate, "--tls-key="+key)
	if !strings.HasPrefix(p.websocket, "wss://127.0.0.1:") || !strings.HasPrefix(p.page, "https://127.0.0.1:") {
		t.Errorf("got %s and %s in the start line, want wss and https", p.websocket, p.page)
	}
	record := p.output.await(t, "TLS certificate")
	if got, want := fmt.Sprint(record["names"]), "[hub.example 127.0.0.1]"; got != want {
		t.Errorf("got the names %s in the log, want %s", got, want)
	}
	c, err := connectTLS(t, p.websocket, a.trusting("hub.example"), nil)
	if err != nil {
		t.Fatalf("got %v, want a connection", err)
	}
	c.subscribe(t, "news")
	post(t, p.admin+"publish", "", `{"type":"news"}`)
	if got, want := c.receive(t), `{"type":"news","id":"","payload":null}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	web := &http.Client{Transport: &http.Transport{TLSClientConfig: a.trusting("127.0.0.1")}, Timeout: patience}
	for _, path := range []string{"", "healthz", "stats.json"} {
		response, err := web.Get(p.page + path)
		if err != nil {
			t.Fatalf("got %v for /%s, want an answer", err, path)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusOK {
			t.Errorf("got %d for /%s, want 200", response.StatusCode, path)
		}
	}
	_, _, metrics := get(t, p.admin+"metrics")
	want := fmt.Sprintf("spokehub_tls_certificate_days_left{listen=%q,name=\"hub.example\"} 41.", addressOf(t, p.page))
	if !strings.Contains(metrics, want) {
		t.Errorf("got metrics without %q, want it", want)
	}
	for name, config := range map[string]*tls.Config{
		"TLS 1.1":                 {MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10},
		"no forward secrecy":      {MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256}},
		"no authenticated cipher": {MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}},
		"HTTP/2 alone":            {NextProtos: []string{"h2"}},
	} {
		config.InsecureSkipVerify = true
		if state, err := dial(t, addressOf(t, p.page), config); err == nil {
			t.Errorf("%s: got a connection with version %x, want none", name, state.Version)
		}
	}
	state, err := dial(t, addressOf(t, p.page), a.trusting("hub.example"))
	if err != nil || state.CurveID != tls.X25519MLKEM768 || state.Version != tls.VersionTLS13 {
		t.Errorf("got %v and %v over version %x, want X25519MLKEM768 over 1.3", err, state.CurveID, state.Version)
	}
}

func TestAddressesSpeakTLSEachInItsOwnWay(t *testing.T) {
	a := newAuthority(t)
	all, own := a.issue(t, []string{"all.example"}, nil), a.issue(t, []string{"own.example"}, nil)
	certificate, key := all.files(t)
	ownCertificate, ownKey := own.files(t)
	socket := filepath.Join(t.TempDir(), "hub.sock")
	name := writeConfig(t, "listen:\n  - 127.0.0.1:0\n  - '127.0.0.1:0,plain'\n  - {address: '127.0.0.1:0', tls-cert: ["+ownCertificate+"], tls-key: "+ownKey+", tls-min: 1.3}\n  - unix:"+socket+"\n"+
		"admin: ''\ntls-cert: "+certificate+"\ntls-key: "+key+"\n")
	p := startHubOn(t, nil, "--config="+name)
	addresses, _ := p.start["listen"].([]any)
	urls, _ := p.start["websockets"].([]any)
	var schemes []string
	for _, url := range urls {
		scheme, _, _ := strings.Cut(fmt.Sprint(url), ":")
		schemes = append(schemes, scheme)
	}
	if got, want := fmt.Sprint(schemes), "[wss ws wss ws+unix]"; got != want {
		t.Fatalf("got the schemes %s, want %s", got, want)
	}
	a.serves(t, fmt.Sprint(addresses[0]), "all.example", all)
	a.serves(t, fmt.Sprint(addresses[2]), "own.example", own)
	connect(t, fmt.Sprint(urls[1])).subscribe(t, "news")
	older := a.trusting("own.example")
	older.MaxVersion = tls.VersionTLS12
	if _, err := dial(t, fmt.Sprint(addresses[2]), older); err == nil {
		t.Error("got a connection with TLS 1.2, want none where 1.3 is the lowest")
	}
	if response, err := clientOf(socket).Get("http://hub.example/readyz"); err != nil || response.StatusCode != http.StatusOK {
		t.Errorf("got %v, want an answer from the socket without TLS", err)
	}
}

func TestFilesThatChangeAreTakenOver(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	first, second := a.issue(t, []string{"hub.example"}, nil), a.issue(t, []string{"hub.example"}, nil)
	certificate, key := first.files(t)
	p := startHub(t, nil, "--tls-cert="+certificate, "--tls-key="+key)
	address := addressOf(t, p.page)
	connected, err := connectTLS(t, p.websocket, a.trusting("hub.example"), nil)
	if err != nil {
		t.Fatal(err)
	}
	connected.subscribe(t, "news")
	a.serves(t, address, "hub.example", first)

	replaceFile(t, certificate, second.certificate)
	p.output.await(t, "the TLS certificates were not reloaded, and the old ones stay in force")
	p.output.awaitText(t, key+": the key does not belong to the certificate in "+certificate+" (hub.example)")
	a.serves(t, address, "hub.example", first)
	_, _, metrics := get(t, p.admin+"metrics")
	for _, want := range []string{`spokehub_tls_reloads_total{result="error"} 1`, "spokehub_tls_files_good 0"} {
		if !strings.Contains(metrics, want) {
			t.Errorf("got metrics without %s, want it", want)
		}
	}

	replaceFile(t, key, second.key)
	p.output.await(t, "TLS certificates reloaded")
	a.serves(t, address, "hub.example", second)
	connected.subscribe(t, "still.here")
}

func TestHangupReloadsCertificates(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	first, second := a.issue(t, []string{"hub.example"}, nil), a.issue(t, []string{"hub.example"}, nil)
	certificate, key := first.files(t)
	otherCertificate, otherKey := second.files(t)
	settings := func(certificate, key, more string) string {
		return "tls-cert: " + certificate + "\ntls-key: " + key + "\n" + more
	}
	p, name := startHubFrom(t, settings(certificate, key, ""))
	address := addressOf(t, p.page)
	connected, err := connectTLS(t, p.websocket, a.trusting("hub.example"), nil)
	if err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct{ content, says string }{
		"another's key":         {settings(otherCertificate, key, ""), "the key does not belong to the certificate"},
		"no TLS":                {"# nothing\n", "speaks it until the hub is started again without"},
		"a certificate to come": {settings(certificate+".missing", key, ""), "there is no such file"},
	} {
		p.reload(t, name, c.content, "the configuration was not reloaded, and nothing has changed")
		p.output.awaitText(t, c.says)
		a.serves(t, address, "hub.example", first)
		if t.Failed() {
			t.Fatalf("after %s", what)
		}
	}
	record := p.reload(t, name, settings(otherCertificate, otherKey, "tls-min: 1.3\n"), "configuration reloaded")
	if got, want := fmt.Sprint(record["changed"], record["need_restart"]), "[tls-cert tls-key tls-min] <nil>"; got != want {
		t.Errorf("got changed and need_restart %s, want %s", got, want)
	}
	a.serves(t, address, "hub.example", second)
	older := a.trusting("hub.example")
	older.MaxVersion = tls.VersionTLS12
	if _, err := dial(t, address, older); err == nil {
		t.Error("got a connection with TLS 1.2 after the reload, want none")
	}
	connected.subscribe(t, "still.here")
}

func TestCertificatesOfOneAddressAreReloaded(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	first, second := a.issue(t, []string{"hub.example"}, nil), a.issue(t, []string{"hub.example"}, nil)
	certificate, key := first.files(t)
	otherCertificate, otherKey := second.files(t)
	settings := func(certificate, key string) string {
		return "listen: [{address: '127.0.0.1:0', tls-cert: " + certificate + ", tls-key: " + key + "}]\nadmin: ''\n"
	}
	name := writeConfig(t, settings(certificate, key))
	p := startHubOn(t, nil, "--config="+name)
	a.serves(t, addressOf(t, p.page), "hub.example", first)
	record := p.reload(t, name, settings(otherCertificate, otherKey), "configuration reloaded")
	if got, want := fmt.Sprint(record["changed"], record["need_restart"]), "[listen tls-cert tls-key] <nil>"; got != want {
		t.Errorf("got changed and need_restart %s, want %s", got, want)
	}
	a.serves(t, addressOf(t, p.page), "hub.example", second)
}

func TestExpiryIsWarnedOf(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	for name, c := range map[string]struct {
		left  time.Duration
		level string
		says  string
	}{
		"an end in 13 days": {13*24*time.Hour + time.Hour, "WARN", "expires in 13 days"},
		"an end yesterday":  {-24 * time.Hour, "ERROR", "has expired"},
	} {
		t.Run(name, func(t *testing.T) {
			certificate, key := a.issue(t, []string{"hub.example"}, func(made *x509.Certificate) {
				made.NotBefore, made.NotAfter = time.Now().Add(-48*time.Hour), time.Now().Add(c.left)
			}).files(t)
			p := startHub(t, nil, "--tls-cert="+certificate, "--tls-key="+key)
			p.output.awaitText(t, `"level":"`+c.level+`","msg":"`+certificate+`: the certificate of hub.example `+c.says)
			stdout, _, code := runBinary(t, nil, "config", "check", "--tls-cert="+certificate, "--tls-key="+key)
			if code != exitOK || !strings.Contains(stdout, "warning: "+certificate+": the certificate of hub.example "+c.says) {
				t.Errorf("got %d and %q from config check, want 0 and a warning", code, stdout)
			}
		})
	}
}
