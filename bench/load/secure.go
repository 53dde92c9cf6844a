//go:build linux

package load

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spokehub/spokehub/bench/swarm"
)

// SecureSuffix ends the name of a target that speaks TLS, as in hub-tls.
const SecureSuffix = "-tls"

// SecureNames are the targets that can.
var SecureNames = []string{"hub" + SecureSuffix, HubIdentity + SecureSuffix, "bun" + SecureSuffix, "gorilla" + SecureSuffix, "gws" + SecureSuffix}

// IsSecure reports whether a name is that of a target with TLS, and of which one without.
func IsSecure(name string) (plain string, secure bool) { return strings.CutSuffix(name, SecureSuffix) }

// Secure is the target over TLS, with a certificate that it makes in a directory. It is no echo server.
func (t *Target) Secure(directory string) (*Target, error) {
	if t.securing == nil {
		return nil, fmt.Errorf("%s can't be measured over TLS: of those that can there are %s", t.Name, strings.Join(SecureNames, ", "))
	}
	certificate, file, key, err := WriteCertificate(directory, t.Name)
	if err != nil {
		return nil, err
	}
	secured := *t
	secured.Name, secured.Certificate, secured.Commands = t.Name+SecureSuffix, certificate, map[Mode][]string{}
	for _, mode := range []Mode{ModeHub, ModeLarge} {
		if command := t.Commands[mode]; command != nil {
			secured.Commands[mode] = slices.Concat(command, t.securing(file, key))
		}
	}
	return &secured, nil
}

// WriteCertificate makes a certificate, returns it in PEM, and writes it and its key into a directory, to files that have a name.
func WriteCertificate(directory, name string) (certificate, file, key string, err error) {
	public, private, err := swarm.NewCertificate()
	if err != nil {
		return "", "", "", err
	}
	file, key = filepath.Join(directory, name+"-certificate.pem"), filepath.Join(directory, name+"-key.pem")
	if err := errors.Join(os.WriteFile(file, public, 0o600), os.WriteFile(key, private, 0o600)); err != nil {
		return "", "", "", fmt.Errorf("write what TLS needs: %w", err)
	}
	return string(public), file, key, nil
}

// SecureFlags are those of spokehub serve for the files of a certificate and its key.
func SecureFlags(certificate, key string) []string {
	return []string{"--tls-cert=" + certificate, "--tls-key=" + key}
}

// secureArguments are those of `peers serve`.
func secureArguments(certificate, key string) []string { return []string{certificate, key} }
