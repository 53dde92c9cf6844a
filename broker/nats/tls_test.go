package nats

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/spokehub/spokehub/internal/engines"
)

// certificate writes a certificate for 127.0.0.1 and its key into files.
func certificate(t *testing.T) (certFile, keyFile string, roots *x509.CertPool) {
	t.Helper()
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	key, err := x509.MarshalPKCS8PrivateKey(server.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	directory := t.TempDir()
	certFile, keyFile = filepath.Join(directory, "cert.pem"), filepath.Join(directory, "key.pem")
	for file, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: server.Certificate().Raw}, keyFile: {Type: "PRIVATE KEY", Bytes: key}} {
		if err = os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	roots = x509.NewCertPool()
	roots.AddCert(server.Certificate())
	return certFile, keyFile, roots
}

func TestConnectionByTLSAndTokenIsMadeAndRestored(t *testing.T) {
	certFile, keyFile, roots := certificate(t)
	s := engines.NATS(t, engines.NATSOptions{Token: "a-token", CertFile: certFile, KeyFile: keyFile})
	e, told := open(t, Config{URLs: []string{s.URL}, TLS: &tls.Config{RootCAs: roots}})
	told.awaitNotes(t, 0, "up")
	subscribe(t, e, plain("price", ""))
	s.Restart()
	told.awaitNotes(t, 1, "down ", "up", "lost ")
	publish(t, e, plain("price", ""), "x")
	told.awaitDeliveries(t, 1)
	_, stranger := open(t, Config{URLs: []string{s.URL}})
	stranger.awaitNotes(t, 0, "down ")
}
