package certs

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"testing"
	"time"
)

// shake has a client shake hands with a server over a pipe.
func shake(t *testing.T, server, client *tls.Config) (tls.ConnectionState, error) {
	t.Helper()
	here, there := net.Pipe()
	defer here.Close()
	defer there.Close()
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = tls.Server(there, server).HandshakeContext(t.Context())
		there.Close()
	}()
	client.InsecureSkipVerify = true
	conn := tls.Client(here, client)
	err := conn.HandshakeContext(t.Context())
	here.Close()
	<-served
	return conn.ConnectionState(), err
}

func TestClientsGetTheCertificateForTheNameThatTheyAskFor(t *testing.T) {
	root, in := newMaker(t), newFolder(t)
	certificates := map[string]made{
		"first":   root.make(t, ecKey(t), named("first.example")),
		"any":     root.make(t, ecKey(t), named("*.example.com")),
		"old":     root.make(t, ecKey(t), named("api.example.com"), func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }),
		"api":     root.make(t, ecKey(t), named("API.example.com", "api2.example.com")),
		"api rsa": root.make(t, rsaKey(t, 2048), named("api.example.com")),
	}
	var files Files
	for _, name := range []string{"first", "any", "old", "api", "api rsa"} {
		files.Certs, files.Keys = append(files.Certs, in.write(t, name+".pem", certificates[name].text)), append(files.Keys, in.write(t, name+".key", certificates[name].secret))
	}
	set, err := load(files)
	if err != nil {
		t.Fatal(err)
	}
	onlyRSA := []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}
	for name, c := range map[string]struct {
		asked  string
		suites []uint16
		want   string
	}{
		"the first for none":                     {"", nil, "first"},
		"the first for a name that none has":     {"other.example", nil, "first"},
		"its own":                                {"first.example", nil, "first"},
		"one with an asterisk":                   {"www.example.com", nil, "any"},
		"none with an asterisk two levels up":    {"a.b.example.com", nil, "first"},
		"one for the name alone before that":     {"api.example.com", nil, "api"},
		"whatever the case of the name":          {"Api.Example.COM", nil, "api"},
		"one that holds before an expired one":   {"api.example.com", nil, "api"},
		"by another name":                        {"api2.example.com", nil, "api"},
		"with a key that the client can verify":  {"api.example.com", onlyRSA, "api rsa"},
		"for no name one that it can verify":     {"", onlyRSA, "api rsa"},
		"for a name that none has one it can":    {"other.example", onlyRSA, "api rsa"},
		"with an asterisk if the own one can't":  {"www.example.com", onlyRSA, "api rsa"},
		"of several names with a key that fits":  {"api2.example.com", onlyRSA, "api rsa"},
		"with a dot at the end, which is no SNI": {"api.example.com.", nil, "api"},
	} {
		t.Run(name, func(t *testing.T) {
			client := &tls.Config{ServerName: c.asked}
			if c.suites != nil {
				client.CipherSuites, client.MaxVersion = c.suites, tls.VersionTLS12
			}
			state, err := shake(t, set.Config(tls.VersionTLS12, tls.NoClientCert), client)
			if err != nil {
				t.Fatalf("got %v, want a handshake", err)
			}
			if got := state.PeerCertificates[0]; !got.Equal(certificates[c.want].certificate) {
				t.Errorf("got the certificate for %v, want %q", got.DNSNames, c.want)
			}
		})
	}
}

func TestConfigOffersOnlyWhatScannersPraise(t *testing.T) {
	in := newFolder(t)
	hub := newMaker(t).make(t, rsaKey(t, 2048))
	set, err := load(Files{Certs: []string{in.write(t, "hub.pem", hub.text+hub.secret)}})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		lowest uint16
		client *tls.Config
		isGood bool
	}{
		"TLS 1.3":                     {tls.VersionTLS12, &tls.Config{}, true},
		"TLS 1.2":                     {tls.VersionTLS12, &tls.Config{MaxVersion: tls.VersionTLS12}, true},
		"no TLS 1.2 where 1.3 is it":  {tls.VersionTLS13, &tls.Config{MaxVersion: tls.VersionTLS12}, false},
		"no TLS 1.1":                  {tls.VersionTLS12, &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, false},
		"nothing with CBC":            {tls.VersionTLS12, &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA}}, false},
		"nothing without ECDHE":       {tls.VersionTLS12, &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_256_GCM_SHA384}}, false},
		"http/1.1":                    {tls.VersionTLS12, &tls.Config{NextProtos: []string{"h2", "http/1.1"}}, true},
		"nothing for clients of h2":   {tls.VersionTLS12, &tls.Config{NextProtos: []string{"h2"}}, false},
		"a group of the next decades": {tls.VersionTLS12, &tls.Config{CurvePreferences: []tls.CurveID{tls.X25519MLKEM768}}, true},
	} {
		var current Current
		current.Replace(set.Config(c.lowest, tls.NoClientCert))
		state, err := shake(t, current.Config(), c.client)
		if (err == nil) != c.isGood {
			t.Errorf("%s: got version %x and error %v, want it to work: %v", name, state.Version, err, c.isGood)
		}
	}
}
