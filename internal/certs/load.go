package certs

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
)

// Mistake is what is wrong with a file.
type Mistake struct {
	// Setting is tls-cert, tls-key or tls-client-ca: which of Files names it.
	Setting string
	// Text has the name of the file, if there is one that may be repeated, and what to do.
	Text string
}

// Error is the setting and the text.
func (m Mistake) Error() string { return m.Setting + ": " + m.Text }

// Load pairs certificates with their keys. The error has all that is wrong: each is a Mistake, and errors.Join puts them together.
func Load(f Files, c Contents) (*Set, error) {
	l := loader{contents: c, set: &Set{}}
	l.readCerts(f.Certs)
	l.readKeys(f.Keys)
	l.readClientCAs(f.ClientCAs)
	l.pair()
	if len(f.Certs) == 0 {
		l.fail("tls-cert", "there is no certificate")
	}
	if len(l.mistakes) > 0 {
		return nil, errors.Join(l.mistakes...)
	}
	return l.set, nil
}

// loader belongs to a call of Load.
type loader struct {
	contents Contents
	set      *Set
	chains   []chainFile
	keys     []keyFile
	mistakes []error
	// isIncomplete says that a file could not be read, so that what lacks may be in it.
	isIncomplete bool
}

// chainFile is a certificate with its chain.
type chainFile struct {
	name  string
	chain []*x509.Certificate
}

// keyFile is one private key. setting is tls-key, or tls-cert for one that stands beside its certificate.
type keyFile struct {
	name, setting string
	key           crypto.Signer
	isUsed        bool
}

func (l *loader) fail(setting, format string, arguments ...any) {
	l.mistakes = append(l.mistakes, Mistake{setting, fmt.Sprintf(format, arguments...)})
}

// read returns the blocks of a file, or false after a mistake.
func (l *loader) read(setting, name string) (blocks, bool) {
	one := l.contents.byName[name]
	if one.failure != nil {
		l.isIncomplete = true
		l.fail(setting, "%s", one.failure)
		return blocks{}, false
	}
	found, err := parseBlocks(one.text)
	if err != nil {
		l.isIncomplete = true
		l.fail(setting, "%s: %s", name, err)
		return found, false
	}
	if len(found.keys) > 0 && one.isPublic {
		l.set.warn("%s: every user of this machine can read the private key: chmod o-r", name)
	}
	return found, true
}

func (l *loader) readCerts(names []string) {
	for _, name := range unique(names) {
		found, ok := l.read("tls-cert", name)
		switch {
		case !ok:
			continue
		case len(found.chain) == 0 && len(found.keys) > 0:
			l.isIncomplete = true
			l.fail("tls-cert", "%s: the file has a private key and no certificate: it is for tls-key", name)
			continue
		case len(found.chain) == 0:
			l.isIncomplete = true
			l.fail("tls-cert", "%s: the file has no certificate", name)
			continue
		}
		l.chains = append(l.chains, chainFile{name, found.chain})
		for _, key := range found.keys {
			l.keys = append(l.keys, keyFile{name: name, setting: "tls-cert", key: key})
		}
	}
}

func (l *loader) readKeys(names []string) {
	for _, name := range unique(names) {
		found, ok := l.read("tls-key", name)
		switch {
		case !ok:
			continue
		case len(found.keys) == 0 && len(found.chain) > 0:
			l.isIncomplete = true
			l.fail("tls-key", "%s: the file has a certificate and no private key: it is for tls-cert", name)
		case len(found.keys) == 0:
			l.isIncomplete = true
			l.fail("tls-key", "%s: the file has no private key", name)
		}
		for _, key := range found.keys {
			l.keys = append(l.keys, keyFile{name: name, setting: "tls-key", key: key})
		}
	}
}

func (l *loader) readClientCAs(names []string) {
	for _, name := range unique(names) {
		found, ok := l.read("tls-client-ca", name)
		switch {
		case !ok:
			continue
		case len(found.keys) > 0:
			l.fail("tls-client-ca", "%s: the file has a private key, and only certificates of authorities belong here: keep the key elsewhere", name)
		case len(found.chain) == 0:
			l.fail("tls-client-ca", "%s: the file has no certificate", name)
		}
		for _, authority := range found.chain {
			if !authority.IsCA {
				l.set.warn("%s: the certificate of %s is not that of an authority: it lets in only who has this certificate itself", name, nameOf(authority, name))
			}
			l.set.clientCAs = append(l.set.clientCAs, Certificate{File: name, chain: []*x509.Certificate{authority}})
		}
	}
}

// pair gives each certificate its key.
func (l *loader) pair() {
	var alone []chainFile
	for _, c := range l.chains {
		leaf := c.chain[0]
		key := l.keyOf(leaf)
		if key == nil {
			if place, other := l.misplaced(c.chain); other != nil {
				other.isUsed = true
				l.fail("tls-cert", "%s: the key in %s belongs to certificate %d of the file (%s): that one has to be the first, and behind it the one that has signed it",
					c.name, other.name, place, nameOf(c.chain[place-1], c.name))
				continue
			}
			alone = append(alone, c)
			continue
		}
		l.checkChain(c)
		pair := tls.Certificate{PrivateKey: key, Leaf: leaf}
		for _, certificate := range c.chain {
			pair.Certificate = append(pair.Certificate, certificate.Raw)
		}
		l.set.Certificates = append(l.set.Certificates, Certificate{File: c.name, pair: &pair, chain: c.chain})
	}
	l.reportUnpaired(alone)
}

// keyOf is the key of a certificate, or nil.
func (l *loader) keyOf(certificate *x509.Certificate) crypto.Signer {
	var found crypto.Signer
	for i := range l.keys {
		if belongs(l.keys[i].key, certificate) {
			l.keys[i].isUsed, found = true, l.keys[i].key
		}
	}
	return found
}

// misplaced finds a key that belongs to another certificate of a chain than the first.
func (l *loader) misplaced(chain []*x509.Certificate) (place int, key *keyFile) {
	for i, certificate := range chain[1:] {
		for k := range l.keys {
			if belongs(l.keys[k].key, certificate) {
				return i + 2, &l.keys[k]
			}
		}
	}
	return 0, nil
}

// reportUnpaired says which certificates have no key, and which keys no certificate.
func (l *loader) reportUnpaired(alone []chainFile) {
	var spare []keyFile
	for _, key := range l.keys {
		if !key.isUsed {
			spare = append(spare, key)
		}
	}
	if len(alone) == 1 && len(spare) == 1 && !l.isIncomplete {
		l.fail(spare[0].setting, "%s: the key does not belong to the certificate in %s (%s): give the two that were made together",
			spare[0].name, alone[0].name, nameOf(alone[0].chain[0], alone[0].name))
		return
	}
	for _, c := range alone {
		if !l.isIncomplete {
			l.fail("tls-cert", "%s: the key of the certificate (%s) is in none of the files: give it with tls-key", c.name, nameOf(c.chain[0], c.name))
		}
	}
	for _, key := range spare {
		if !l.isIncomplete {
			l.fail(key.setting, "%s: the key belongs to none of the certificates%s: leave it out, or give its certificate with tls-cert", key.name, l.certificateNames())
		}
	}
}

// certificateNames are the files of all certificates and what they are for.
func (l *loader) certificateNames() string {
	var names []string
	for _, c := range l.chains {
		names = append(names, fmt.Sprintf("%s for %s", c.name, nameOf(c.chain[0], c.name)))
	}
	if len(names) == 0 {
		return ""
	}
	return " (" + strings.Join(names, ", ") + ")"
}

// checkChain rejects what all clients refuse and warns of what some do.
func (l *loader) checkChain(c chainFile) {
	leaf := c.chain[0]
	for i, certificate := range c.chain {
		isTrust := i > 0 && isRoot(certificate)
		if isWeak(certificate.SignatureAlgorithm) && !isTrust {
			l.fail("tls-cert", "%s: the certificate of %s is signed with %s, which clients refuse: have it made anew", c.name, nameOf(certificate, c.name), certificate.SignatureAlgorithm)
		}
		if err := checkKey(certificate.PublicKey); err != nil && i > 0 && !isTrust {
			l.fail("tls-cert", "%s: the certificate of %s: %s", c.name, nameOf(certificate, c.name), err)
		}
		if i > 0 && !isIssuer(certificate, c.chain[i-1]) {
			l.set.warn("%s: certificate %d (%s) has not signed the one ahead of it (%s): each is followed by the one that has signed it", c.name, i+1, nameOf(certificate, c.name), nameOf(c.chain[i-1], c.name))
		}
	}
	if len(c.chain) == 1 && len(leaf.IssuingCertificateURL) > 0 {
		l.set.warn("%s: the chain is missing: many clients do not know who has signed the certificate of %s unless the file has the certificate of that authority, too (certbot: fullchain.pem)", c.name, nameOf(leaf, c.name))
	}
	l.warnOfUses(c.name, leaf)
}

// isIssuer says whether one certificate has signed another, as far as names and signatures tell.
func isIssuer(issuer, issued *x509.Certificate) bool {
	return bytes.Equal(issuer.RawSubject, issued.RawIssuer) && (isWeak(issued.SignatureAlgorithm) || issued.CheckSignatureFrom(issuer) == nil)
}

// warnOfUses warns of a certificate that is good, but not for servers.
func (l *loader) warnOfUses(file string, leaf *x509.Certificate) {
	if len(leaf.DNSNames) == 0 && len(leaf.IPAddresses) == 0 {
		l.set.warn("%s: the certificate has no host name (subjectAltName), so that clients refuse it", file)
	}
	isForServers := len(leaf.ExtKeyUsage)+len(leaf.UnknownExtKeyUsage) == 0
	for _, usage := range leaf.ExtKeyUsage {
		isForServers = isForServers || usage == x509.ExtKeyUsageServerAuth || usage == x509.ExtKeyUsageAny
	}
	if !isForServers {
		l.set.warn("%s: the certificate of %s is not for servers (extended key usage), so that clients refuse it", file, nameOf(leaf, file))
	}
	if leaf.PublicKeyAlgorithm == x509.Ed25519 {
		l.set.warn("%s: the certificate of %s has an Ed25519 key, which browsers do not take", file, nameOf(leaf, file))
	}
}

// unique leaves out names that have come before.
func unique(names []string) (found []string) {
	seen := map[string]bool{}
	for _, name := range names {
		if !seen[name] {
			found = append(found, name)
		}
		seen[name] = true
	}
	return found
}
