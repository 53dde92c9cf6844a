package auth

import (
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/spokehub/spokehub/fanout"
)

// CertificateUser says which name in a client's certificate is its user.
type CertificateUser uint8

const (
	// NoCertificateUser takes no identity from certificates.
	NoCertificateUser CertificateUser = iota
	// CommonName is the common name (CN) of the subject.
	CommonName
	// DNSName is the first DNS name (subjectAltName).
	DNSName
	// URIName is the first URI (subjectAltName), such as a SPIFFE ID.
	URIName
	// EmailAddress is the first mail address (subjectAltName).
	EmailAddress
)

// errNoCertificate is for a client that shows nothing, where only certificates say who clients are.
var errNoCertificate = errors.New("the client has shown no certificate")

// errOtherUser is for a token that names another user than the certificate of the connection.
var errOtherUser = errors.New("the token is for another user than the certificate of the client")

// findCertificate is the identity of a client whose certificate TLS has verified. It is false where there is none: a certificate that nobody
// has verified says nothing. A certificate without a good user is an error, in words that may be shown to the client.
func (c *Config) findCertificate(h *fanout.Handshake) (identity fanout.Identity, found bool, err error) {
	state := h.Request.TLS
	if c.Certificates == NoCertificateUser || state == nil || len(state.VerifiedChains) == 0 {
		return fanout.Identity{}, false, nil
	}
	user, err := c.Certificates.of(state.VerifiedChains[0][0])
	if err != nil {
		return fanout.Identity{}, false, err
	}
	expires := lastEnd(state.VerifiedChains)
	if !expires.After(time.Now()) {
		return fanout.Identity{}, false, errors.New("the certificate of the client has expired")
	}
	return fanout.Identity{User: user, Expires: expires}, true, nil
}

// of is the user that a certificate names.
func (u CertificateUser) of(certificate *x509.Certificate) (string, error) {
	kind, names := "common name", []string{certificate.Subject.CommonName}
	switch u {
	case DNSName:
		kind, names = "DNS name", certificate.DNSNames
	case EmailAddress:
		kind, names = "mail address", certificate.EmailAddresses
	case URIName:
		kind, names = "URI", nil
		for _, uri := range certificate.URIs {
			names = append(names, uri.String())
		}
	}
	switch {
	case len(names) == 0 || names[0] == "":
		return "", fmt.Errorf("the certificate of the client has no %s, which would be the user", kind)
	case len(names[0]) > maxUser:
		return "", fmt.Errorf("the %s of the client's certificate is longer than %d bytes", kind, maxUser)
	case strings.ContainsFunc(names[0], unicode.IsControl):
		return "", fmt.Errorf("the %s of the client's certificate has control characters", kind)
	case !isText(names[0]) || strings.ToValidUTF8(names[0], "") != names[0]:
		return "", fmt.Errorf("the %s of the client's certificate is not valid Unicode", kind)
	}
	return names[0], nil
}

// lastEnd is until when the client can show that it has its name: a chain ends with the first certificate in it that expires, and any chain
// will do.
func lastEnd(chains [][]*x509.Certificate) (last time.Time) {
	for _, chain := range chains {
		end := chain[0].NotAfter
		for _, certificate := range chain[1:] {
			if certificate.NotAfter.Before(end) {
				end = certificate.NotAfter
			}
		}
		if end.After(last) {
			last = end
		}
	}
	return last
}
