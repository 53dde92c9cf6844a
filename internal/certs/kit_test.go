package certs

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// maker is an authority of a test.
type maker struct {
	certificate *x509.Certificate
	key         crypto.Signer
	text        string
}

// made is a certificate with its key, in PEM.
type made struct {
	maker
	secret string
}

func newMaker(t *testing.T) maker { return maker{}.make(t, ecKey(t), authority).maker }

// authority makes a certificate that of an authority.
func authority(c *x509.Certificate) {
	c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
	c.DNSNames, c.ExtKeyUsage, c.Subject.CommonName = nil, nil, "authority of a test"
}

// make makes a certificate for hub.example, which signs itself if there is no maker.
func (m maker) make(t *testing.T, key crypto.Signer, changes ...func(*x509.Certificate)) made {
	t.Helper()
	number, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: number, Subject: pkix.Name{CommonName: "hub.example"}, DNSNames: []string{"hub.example"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(1000 * time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, change := range changes {
		change(template)
	}
	parent, signer := m.certificate, m.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return made{maker{certificate, key, inPEM("CERTIFICATE", der)}, inPEM("PRIVATE KEY", secret)}
}

func named(names ...string) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.DNSNames, c.Subject.CommonName = names, "" }
}

func ecKey(t *testing.T) crypto.Signer { return keyOn(t, elliptic.P256()) }

func keyOn(t *testing.T, curve elliptic.Curve) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func rsaKey(t *testing.T, bits int) crypto.Signer {
	t.Helper()
	if bits < 1024 {
		t.Fatal("want 1024 bits at least")
	}
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func edKey(t *testing.T) crypto.Signer {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func inPEM(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// folder is a directory of a test.
type folder string

func newFolder(t *testing.T) folder { return folder(t.TempDir()) }

// write writes a file and returns its name.
func (f folder) write(t *testing.T, name, text string) string {
	t.Helper()
	name = filepath.Join(string(f), name)
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// read reads a file as a program would.
func read(name string) ([]byte, error) {
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New(name + ": there is no such file")
	}
	return text, err
}

// load reads and loads.
func load(f Files) (*Set, error) { return Load(f, Read(f, read)) }
