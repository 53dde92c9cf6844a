package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// authority is a certificate authority of a test.
type authority struct {
	certificate *x509.Certificate
	key         crypto.Signer
	// file has its certificate.
	file string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: serial(t), Subject: pkix.Name{CommonName: "authority of a test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(10000 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{key: key, file: filepath.Join(t.TempDir(), "ca.pem")}
	if a.certificate, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	writePrivate(t, a.file, inPEM("CERTIFICATE", der))
	return a
}

// issued is a certificate with its key, in PEM.
type issued struct {
	certificate, key string
	der              []byte
}

// issue makes a certificate for servers and clients, for hosts if the names have a dot, and with a common name that is the first. change
// may do more to it.
func (a *authority) issue(t *testing.T, names []string, change func(*x509.Certificate)) issued {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: serial(t), Subject: pkix.Name{CommonName: names[0]}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(999 * time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	for _, name := range names {
		if strings.Contains(name, ".") {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	if change != nil {
		change(template)
	}
	key := newKey(t)
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return issued{inPEM("CERTIFICATE", der), inPEM("PRIVATE KEY", secret), der}
}

// files writes a certificate and its key to two files.
func (i issued) files(t *testing.T) (certificate, key string) {
	t.Helper()
	directory := t.TempDir()
	certificate, key = filepath.Join(directory, "hub.pem"), filepath.Join(directory, "hub.key")
	writePrivate(t, certificate, i.certificate)
	writePrivate(t, key, i.key)
	return certificate, key
}

// pair is the certificate as a client of package tls takes it.
func (i issued) pair(t *testing.T) []tls.Certificate {
	t.Helper()
	pair, err := tls.X509KeyPair([]byte(i.certificate), []byte(i.key))
	if err != nil {
		t.Fatal(err)
	}
	return []tls.Certificate{pair}
}

// trusting is the configuration of a client that trusts the authority and asks for a name.
func (a *authority) trusting(name string, shown ...tls.Certificate) *tls.Config {
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	return &tls.Config{RootCAs: pool, ServerName: name, Certificates: shown}
}

func newKey(t *testing.T) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// serial is longer than the 64 bits that the CA/Browser Forum asks for: scanners complain of a shorter one,
// and of 62 bits one in 64 has a byte less.
func serial(t *testing.T) *big.Int {
	t.Helper()
	number, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		t.Fatal(err)
	}
	return number
}

func inPEM(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// writePrivate writes a file that only its owner may read.
func writePrivate(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// replaceFile puts another file in the place of one, as a rename does.
func replaceFile(t *testing.T, name, text string) {
	t.Helper()
	writePrivate(t, name+".new", text)
	if err := os.Rename(name+".new", name); err != nil {
		t.Fatal(err)
	}
}

// dial shakes hands over TLS.
func dial(t *testing.T, address string, config *tls.Config) (tls.ConnectionState, error) {
	t.Helper()
	dialer := &tls.Dialer{NetDialer: &net.Dialer{Timeout: patience}, Config: config}
	conn, err := dialer.DialContext(t.Context(), "tcp", address)
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer conn.Close()
	return conn.(*tls.Conn).ConnectionState(), nil
}

// serves says whether the address serves that certificate to clients that ask for a name.
func (a *authority) serves(t *testing.T, address, name string, want issued) {
	t.Helper()
	state, err := dial(t, address, a.trusting(name))
	if err != nil {
		t.Fatalf("got %v for %s, want a handshake", err, name)
	}
	if !slices.Equal(state.PeerCertificates[0].Raw, want.der) {
		t.Errorf("got the certificate of %v for %s, want another", state.PeerCertificates[0].Subject, name)
	}
}

// connectTLS connects over TLS. The error is that of the handshake.
func connectTLS(t *testing.T, address string, config *tls.Config, header http.Header) (*client, error) {
	t.Helper()
	web := &http.Client{Transport: &http.Transport{TLSClientConfig: config}, Timeout: patience}
	conn, response, err := websocket.Dial(t.Context(), address, &websocket.DialOptions{HTTPClient: web, HTTPHeader: header})
	if err != nil {
		if response != nil {
			response.Body.Close()
		}
		return nil, err
	}
	t.Cleanup(func() { conn.CloseNow() })
	return &client{conn: conn}, nil
}

// addressOf is the HOST:PORT of a URL.
func addressOf(t *testing.T, text string) string {
	t.Helper()
	address, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return address.Host
}
