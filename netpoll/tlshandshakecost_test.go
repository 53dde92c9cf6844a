package netpoll

import (
	"crypto/tls"
	"fmt"
	"slices"
	"testing"
)

func TestTLSBytesAreThoseThatALongHandshakeLeaves(t *testing.T) {
	certificate := serverConfig(t).Certificates[0]
	certificate.Certificate = slices.Repeat(certificate.Certificate, 100)
	names := make([]string, 70)
	for i := range names {
		names[i] = fmt.Sprintf("%0200d", i)
	}
	for name, c := range map[string]struct {
		client *tls.Config
		held   int
	}{
		"an ordinary client":         {&tls.Config{}, 0},
		"a client with a long hello": {&tls.Config{NextProtos: append(names, "http/1.1")}, 14 << 10},
		"a client with a long chain": {&tls.Config{Certificates: []tls.Certificate{certificate}}, 32 << 10},
	} {
		t.Run(name, func(t *testing.T) {
			onEveryEngineSecuring(t, func(t *testing.T, b *bench) {
				config := serverConfig(t)
				config.ClientAuth = tls.RequestClientCert
				b.secure(t, config)
				client := c.client.Clone()
				client.InsecureSkipVerify = true
				secure := tls.Client(b.peer, client)
				if err := secure.Handshake(); err != nil {
					t.Fatal(err)
				}
				b.peer = secure
				b.handler.await(t, "secured <nil>")
				on(t, b.r, func() {
					if got := b.r.TLSBytes(); got < c.held || (got > 0) != (c.held > 0) {
						t.Errorf("got %d bytes, want at least %d, or none if that is 0", got, c.held)
					}
				})
			})
		})
	}
}
