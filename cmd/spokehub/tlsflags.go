package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"slices"

	"github.com/spokehub/spokehub/auth"
	"github.com/spokehub/spokehub/internal/certs"
)

// tlsFlags are the flags of serve about TLS at the public addresses.
type tlsFlags struct {
	TLSCerts     []string `name:"tls-cert" reload:"" group:"tls" placeholder:"FILE" help:"File with a certificate in PEM, and behind it those that lead to its authority. With it, the addresses of --listen speak TLS (wss://, https://), except Unix sockets and those with the option plain. Repeat it for several: clients get the one for the name that they ask for, or the first. Files that change are read again. (default: none)"`
	TLSKeys      []string `name:"tls-key" reload:"" group:"tls" placeholder:"FILE" help:"File with the private key of a certificate, in PEM and without a password. Repeat it for several, in any order. (default: the key stands in the file of its certificate)"`
	TLSMin       string   `name:"tls-min" reload:"" group:"tls" default:"1.2" enum:"1.2,1.3" placeholder:"VERSION" help:"Lowest version of TLS, one of ${enum}. (default ${default})"`
	TLSClientCAs []string `name:"tls-client-ca" reload:"" group:"tls" placeholder:"FILE" help:"File with the certificates, in PEM, of authorities that vouch for clients: a client shows a certificate of its own, which says who it is. It has to, unless it may show a token or be anonymous. Repeat it for several. (default: clients show none)"`
}

// tlsSettings are those of an address that speaks TLS.
type tlsSettings struct {
	files      certs.Files
	minVersion uint16
	// ownCerts and ownCAs say that the files are options of the address.
	ownCerts, ownCAs bool
}

// tlsOf says how an address speaks TLS. It is false for one that speaks none.
func (f *tlsFlags) tlsOf(a listenAddress) (tlsSettings, bool) {
	own := len(a.tls.certs) > 0
	isMeant := a.tls.isOn || own || len(f.TLSCerts) > 0 && a.network != "unix"
	if a.tls.isPlain || !isMeant {
		return tlsSettings{}, false
	}
	s := tlsSettings{ownCerts: own, ownCAs: len(a.tls.clientCAs) > 0, minVersion: tls.VersionTLS12}
	s.files = certs.Files{Certs: f.TLSCerts, Keys: f.TLSKeys, ClientCAs: f.TLSClientCAs}
	if own {
		s.files.Certs, s.files.Keys = a.tls.certs, a.tls.keys
	}
	if s.ownCAs {
		s.files.ClientCAs = a.tls.clientCAs
	}
	version := f.TLSMin
	if a.tls.minVersion != "" {
		version = a.tls.minVersion
	}
	if version == "1.3" {
		s.minVersion = tls.VersionTLS13
	}
	return s, true
}

// checkTLS rejects flags and options that don't go together. It opens no file.
func (f serveFlags) checkTLS() (mistakes []error) {
	fail := func(format string, arguments ...any) { mistakes = append(mistakes, fmt.Errorf(format, arguments...)) }
	usesCAs := false
	for _, text := range f.Listen {
		address, err := parseListen(text)
		if err != nil {
			continue
		}
		settings, speaks := f.tlsOf(address)
		usesCAs = usesCAs || speaks && !settings.ownCAs
		switch {
		case speaks && len(settings.files.Certs) == 0:
			fail("--listen: %q: tls: there is no certificate: give one with --tls-cert, or with the option tls-cert", text)
		case !speaks && len(address.tls.clientCAs) > 0:
			fail("--listen: %q: tls-client-ca: the address speaks no TLS, so that nobody could show a certificate: give it the option tls-cert, or tls", text)
		case !speaks && address.tls.minVersion != "":
			fail("--listen: %q: tls-min: the address speaks no TLS: give it the option tls-cert, or tls", text)
		}
	}
	switch {
	case len(f.TLSCerts) == 0 && len(f.TLSKeys) > 0:
		fail("--tls-key: the certificate of the key is missing: give it with --tls-cert")
	case len(f.TLSClientCAs) > 0 && !usesCAs:
		fail("--tls-client-ca: no address of --listen asks for certificates by it: give --tls-cert, and an address that is not plain")
	}
	if user := f.TLSClientUser; user != "" && user != defaultClientUser && !f.hasClientCAs() {
		fail("--tls-client-user: it needs --tls-client-ca, for there is nothing yet that verifies a certificate")
	}
	return mistakes
}

// hasClientCAs says whether any address asks clients for certificates.
func (f *serveFlags) hasClientCAs() bool {
	return slices.ContainsFunc(f.Listen, func(text string) bool {
		address, err := parseListen(text)
		settings, speaks := f.tlsOf(address)
		return err == nil && speaks && len(settings.files.ClientCAs) > 0
	})
}

// idleTLS are settings that have no effect, or keep out everybody.
func (f serveFlags) idleTLS() (found []contradiction) {
	speaking, byMin := 0, 0
	for _, text := range f.Listen {
		address, err := parseListen(text)
		settings, speaks := f.tlsOf(address)
		if err == nil && speaks && address.tls.minVersion == "" {
			byMin++
		}
		if err == nil && speaks && !settings.ownCerts {
			speaking++
		}
		asks := speaks && len(settings.files.ClientCAs) > 0
		if permissions, err := f.anonymous(); f.hasCertificates() && !f.hasKeys() && !asks && err == nil && permissions == nil {
			found = append(found, contradiction{"--listen: the address asks for no certificates, and only those say who clients are: nobody can connect there; --anonymous lets in clients without", []any{"listen", text}})
		}
	}
	if len(f.TLSCerts) > 0 && speaking == 0 {
		found = append(found, contradiction{"--tls-cert: it does nothing, since each address of --listen is plain or has a certificate of its own", nil})
	}
	if f.TLSMin == "1.3" && byMin == 0 {
		found = append(found, contradiction{"--tls-min: it does nothing, since each address of --listen is plain or has a tls-min of its own; --tls-cert turns TLS on", nil})
	}
	return found
}

// isListenLive says that two values of --listen name the same addresses, so that a reload can take over what is new.
func isListenLive(current, next any) bool {
	var addresses [2][]string
	for i, value := range []any{current, next} {
		texts, _ := value.([]string)
		for _, text := range texts {
			address, _ := parseListen(text)
			addresses[i] = append(addresses[i], fmt.Sprint(address.network, address.address, address.mode, address.proxyProtocol))
		}
	}
	return slices.Equal(addresses[0], addresses[1])
}

// defaultClientUser is the default of --tls-client-user.
const defaultClientUser = "cn"

// clientUsers are what --tls-client-user stands for.
var clientUsers = map[string]auth.CertificateUser{
	"cn": auth.CommonName, "dns": auth.DNSName, "uri": auth.URIName, "email": auth.EmailAddress, "none": auth.NoCertificateUser,
}

// clientAuth is what an address with authorities asks of clients: a certificate, unless a token or nothing will do.
func (f *identityFlags) clientAuth() tls.ClientAuthType {
	permissions, err := f.anonymous()
	if f.hasCertificates() && (f.hasKeys() || err == nil && permissions != nil) {
		return tls.VerifyClientCertIfGiven
	}
	return tls.RequireAndVerifyClientCert
}

// loadCertificates reads the files of an address. The errors name flag and file.
func loadCertificates(address listenAddress, settings tlsSettings) (certs.Contents, *certs.Set, error) {
	contents := certs.Read(settings.files, readKeyFile)
	set, err := certs.Load(settings.files, contents)
	return contents, set, settings.explain(address, err)
}

// explain makes the mistakes name flags.
func (s tlsSettings) explain(address listenAddress, err error) error {
	var joined interface{ Unwrap() []error }
	if !errors.As(err, &joined) {
		return err
	}
	var all []error
	for _, one := range joined.Unwrap() {
		var mistake certs.Mistake
		isOwn := s.ownCerts
		if errors.As(one, &mistake) && mistake.Setting == "tls-client-ca" {
			isOwn = s.ownCAs
		}
		if isOwn {
			all = append(all, fmt.Errorf("--listen: %s: %w", address.address, one))
		} else {
			all = append(all, fmt.Errorf("--%w", one))
		}
	}
	return errors.Join(all...)
}

// checkCertificates reads the files of all addresses and says what is wrong with them, each thing once.
func (f serveFlags) checkCertificates() (mistakes []error, warnings []contradiction) {
	said := map[string]bool{}
	for _, text := range f.Listen {
		address, err := parseListen(text)
		settings, speaks := f.tlsOf(address)
		if err != nil || !speaks {
			continue
		}
		_, set, err := loadCertificates(address, settings)
		var joined interface{ Unwrap() []error }
		if errors.As(err, &joined) {
			for _, one := range joined.Unwrap() {
				if !said[one.Error()] {
					mistakes = append(mistakes, one)
				}
				said[one.Error()] = true
			}
			continue
		}
		for _, warning := range certificateWarnings(set) {
			if !said[warning.message] {
				warnings = append(warnings, warning)
			}
			said[warning.message] = true
		}
	}
	return mistakes, warnings
}
