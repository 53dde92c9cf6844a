package fanout_test

import (
	"crypto"
	"crypto/tls"
	"io"
	"net"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/spokehub/spokehub/fanout"
)

// remoteKey is a private key that lies elsewhere.
type remoteKey struct {
	crypto.Signer
	before func()
}

func (k remoteKey) Sign(random io.Reader, digest []byte, o crypto.SignerOpts) ([]byte, error) {
	k.before()
	return k.Signer.Sign(random, digest, o)
}

// withRemoteKey is a copy of a certificate whose key signs when before has returned.
func withRemoteKey(certificate tls.Certificate, before func()) tls.Certificate {
	certificate.PrivateKey = remoteKey{certificate.PrivateKey.(crypto.Signer), before}
	return certificate
}

// keysOfTLS are the ways in which a configuration comes by the certificate of a client.
var keysOfTLS = map[string]func(c *tls.Config, certificate tls.Certificate){
	"Certificates": func(c *tls.Config, certificate tls.Certificate) { c.Certificates = []tls.Certificate{certificate} },
	"GetCertificate": func(c *tls.Config, certificate tls.Certificate) {
		c.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &certificate, nil }
	},
	"GetConfigForClient": func(c *tls.Config, certificate tls.Certificate) {
		chosen := &tls.Config{Certificates: []tls.Certificate{certificate}}
		c.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return chosen, nil }
	},
}

func TestAKeyThatTakesLongToSignHoldsUpNobodyElse(t *testing.T) {
	for name, set := range keysOfTLS {
		t.Run(name, func(t *testing.T) {
			waiting, goOn := make(chan struct{}, 64), make(chan struct{})
			slow := 2 * runtime.GOMAXPROCS(0)
			left := make(chan struct{}, slow)
			for range slow {
				left <- struct{}{}
			}
			h := newSecureHub(t, fanout.Config{}, func(c *tls.Config) {
				set(c, withRemoteKey(c.Certificates[0], func() {
					select {
					case <-left:
						waiting <- struct{}{}
						<-goOn
					default:
					}
				}))
			}, fanout.ListenerOptions{})
			t.Cleanup(func() { close(goOn) })
			for range slow {
				conn, err := net.Dial("tcp", h.address)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { conn.Close() })
				go tls.Client(conn, &tls.Config{RootCAs: h.roots, ServerName: "example.com"}).Handshake()
			}
			for range slow {
				select {
				case <-waiting:
				case <-time.After(patience):
					t.Fatal("a key that takes long holds up other handshakes")
				}
			}
			h.dial().handshake().sync()
		})
	}
}

func TestAKeyThatPanicsTurnsOneClientAwayByAnAlert(t *testing.T) {
	for name, set := range keysOfTLS {
		t.Run(name, func(t *testing.T) {
			h := newSecureHub(t, fanout.Config{}, func(c *tls.Config) {
				var signed atomic.Bool
				set(c, withRemoteKey(c.Certificates[0], func() {
					if !signed.Swap(true) {
						panic("no such key")
					}
				}))
			}, fanout.ListenerOptions{})
			_, err := tls.Dial("tcp", h.address, &tls.Config{RootCAs: h.roots, ServerName: "example.com"})
			expectError(t, err, "remote error: tls: internal error")
			h.dial().handshake().sync()
		})
	}
}
