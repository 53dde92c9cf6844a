package certs

import (
	"crypto/tls"
	"crypto/x509"
	"strings"
	"sync/atomic"
	"time"
)

// suites are those of TLS 1.2: with forward secrecy and an AEAD. Those of TLS 1.3 all are so.
var suites = []uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
}

// Config is a server's configuration of TLS with these certificates, from a version on. clients says what is asked of clients where there are
// authorities; where there are none, nothing is. There are no session tickets: no key outlives a connection, and every client is
// held against the authorities of the day.
func (s *Set) Config(minVersion uint16, clients tls.ClientAuthType) *tls.Config {
	config := &tls.Config{
		MinVersion:             minVersion,
		CipherSuites:           suites,
		NextProtos:             []string{"http/1.1"},
		SessionTicketsDisabled: true,
		GetCertificate:         newChooser(s.Certificates).choose,
	}
	if s.HasClientCAs() {
		config.ClientAuth, config.ClientCAs = clients, x509.NewCertPool()
		for _, authority := range s.clientCAs {
			config.ClientCAs.AddCert(authority.chain[0])
		}
	}
	return config
}

// chooser has the certificates by name. It never changes.
type chooser struct {
	all    []*tls.Certificate
	byName map[string][]*tls.Certificate
}

func newChooser(certificates []Certificate) *chooser {
	c := &chooser{byName: map[string][]*tls.Certificate{}}
	for _, certificate := range certificates {
		c.all = append(c.all, certificate.pair)
		for _, name := range certificate.pair.Leaf.DNSNames {
			name = strings.ToLower(name)
			c.byName[name] = append(c.byName[name], certificate.pair)
		}
	}
	return c
}

// choose returns the certificate for the name that the client asks for: one for that name alone is ahead of one with an asterisk, and that
// ahead of the first. Of several for the same, it is the first whose key the client can verify; one that holds is ahead of one that has
// expired.
func (c *chooser) choose(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	name := strings.ToLower(strings.TrimSuffix(hello.ServerName, "."))
	anyName := *hello
	anyName.ServerName = ""
	_, domain, _ := strings.Cut(name, ".")
	for _, candidates := range [][]*tls.Certificate{c.byName[name], c.byName["*."+domain], c.all} {
		if found := firstSupported(&anyName, candidates, time.Now()); found != nil {
			return found, nil
		}
	}
	return c.all[0], nil
}

// firstSupported is the first that the client can verify and that holds, else the first that it can verify, else nil.
func firstSupported(hello *tls.ClientHelloInfo, candidates []*tls.Certificate, now time.Time) (found *tls.Certificate) {
	for _, candidate := range candidates {
		if hello.SupportsCertificate(candidate) != nil {
			continue
		}
		if !now.Before(candidate.Leaf.NotBefore) && !now.After(candidate.Leaf.NotAfter) {
			return candidate
		}
		if found == nil {
			found = candidate
		}
	}
	return found
}

// Current is the configuration in force, which may be replaced while connections use it: new ones get the new one. Any goroutine may use it.
type Current struct {
	config atomic.Pointer[tls.Config]
}

// Replace puts a configuration into force, which may not be changed any more.
func (c *Current) Replace(next *tls.Config) { c.config.Store(next) }

// Config is what a listener gets. It asks for the one in force at each handshake.
func (c *Current) Config() *tls.Config {
	return &tls.Config{
		MinVersion:             tls.VersionTLS12,
		NextProtos:             []string{"http/1.1"},
		SessionTicketsDisabled: true,
		GetConfigForClient:     func(*tls.ClientHelloInfo) (*tls.Config, error) { return c.config.Load(), nil },
	}
}
