package certs

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"strings"
	"time"
)

// Set is what Load has found: certificates with their keys, and authorities. It never changes.
type Set struct {
	// Certificates are in the order of Files.Certs. The first is for clients that ask for no name, or for one that none has.
	Certificates []Certificate
	clientCAs    []Certificate
	warnings     []string
}

// Certificate is one certificate with its chain.
type Certificate struct {
	// File has it.
	File  string
	pair  *tls.Certificate
	chain []*x509.Certificate
}

// Name is the first host name of the certificate, or what it has instead.
func (c Certificate) Name() string { return nameOf(c.chain[0], c.File) }

// Names are all its host names and addresses.
func (c Certificate) Names() []string {
	names := append([]string(nil), c.chain[0].DNSNames...)
	for _, address := range c.chain[0].IPAddresses {
		names = append(names, address.String())
	}
	return names
}

// Expires is when the first of it and its chain expires.
func (c Certificate) Expires() time.Time { return c.ending().NotAfter }

// ending is the one of it and its chain that expires first. Clients trust an authority that signs itself, or don't, whatever the chain has of it.
func (c Certificate) ending() *x509.Certificate {
	first := c.chain[0]
	for _, certificate := range c.chain[1:] {
		if certificate.NotAfter.Before(first.NotAfter) && !isRoot(certificate) {
			first = certificate
		}
	}
	return first
}

// HasClientCAs says whether there are authorities for certificates of clients.
func (s *Set) HasClientCAs() bool { return len(s.clientCAs) > 0 }

func (s *Set) warn(format string, arguments ...any) {
	s.warnings = append(s.warnings, fmt.Sprintf(format, arguments...))
}

// Warnings are what an operator should know about files that are good. They don't depend on the time.
func (s *Set) Warnings() []string { return s.warnings }

// Due is a certificate that has expired, is about to, or is not valid yet.
type Due struct {
	// Text says so.
	Text string
	// IsExpired says that clients refuse it from now on.
	IsExpired bool
}

// Due are the certificates that expire within ahead of now, or are not valid.
func (s *Set) Due(now time.Time, ahead time.Duration) (found []Due) {
	for _, c := range s.Certificates {
		ending := c.ending()
		what := "the certificate of " + c.Name()
		if ending != c.chain[0] {
			what = fmt.Sprintf("the certificate of %s in the chain of %s", nameOf(ending, c.File), c.Name())
		}
		left := ending.NotAfter.Sub(now)
		switch {
		case left <= 0:
			found = append(found, Due{fmt.Sprintf("%s: %s has expired on %s, so that clients refuse it: renew it, the hub takes the new file by itself", c.File, what, day(ending.NotAfter)), true})
		case left <= ahead:
			found = append(found, Due{fmt.Sprintf("%s: %s expires in %s, on %s: renew it, the hub takes the new file by itself", c.File, what, days(left), day(ending.NotAfter)), false})
		}
		for _, certificate := range c.chain {
			if certificate.NotBefore.After(now) {
				found = append(found, Due{fmt.Sprintf("%s: the certificate of %s is not valid before %s: is the clock of this machine right?", c.File, nameOf(certificate, c.File), certificate.NotBefore.Format(time.RFC3339)), false})
			}
		}
	}
	for _, c := range s.clientCAs {
		if left := c.chain[0].NotAfter.Sub(now); left <= 0 {
			found = append(found, Due{fmt.Sprintf("%s: the authority %s has expired on %s, so that no client gets in by it", c.File, c.Name(), day(c.chain[0].NotAfter)), true})
		} else if left <= ahead {
			found = append(found, Due{fmt.Sprintf("%s: the authority %s expires in %s, on %s", c.File, c.Name(), days(left), day(c.chain[0].NotAfter)), false})
		}
	}
	return found
}

// isRoot says that a certificate names itself as its authority.
func isRoot(certificate *x509.Certificate) bool {
	return bytes.Equal(certificate.RawIssuer, certificate.RawSubject)
}

func day(moment time.Time) string { return moment.Format(time.DateOnly) }

// days writes how long something holds.
func days(left time.Duration) string {
	const oneDay = 24 * time.Hour
	switch n := int(left / oneDay); n {
	case 0:
		return "less than a day"
	case 1:
		return "1 day"
	default:
		return fmt.Sprintf("%d days", n)
	}
}

// nameOf is what a certificate is for: a host name or address, else the name of its subject, else its file.
func nameOf(certificate *x509.Certificate, file string) string {
	switch {
	case len(certificate.DNSNames) > 0:
		return oneLine(certificate.DNSNames[0])
	case len(certificate.IPAddresses) > 0:
		return certificate.IPAddresses[0].String()
	case certificate.Subject.CommonName != "":
		return oneLine(certificate.Subject.CommonName)
	case certificate.Subject.String() != "":
		return oneLine(certificate.Subject.String())
	}
	return file
}

// oneLine replaces what would end a line of the log.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, text)
}
