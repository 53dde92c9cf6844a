package fanout_test

import (
	"crypto/tls"
	"testing"
	"time"

	"github.com/spokehub/spokehub/fanout"
)

func TestConfigurationsOfTLSThatServeNobodyAreRefused(t *testing.T) {
	good, _ := certificates(t)
	for name, c := range map[string]struct {
		config *tls.Config
		says   string
	}{
		"no certificate":                   {&tls.Config{}, "TLS: no certificate: set"},
		"one whose loading has failed":     {&tls.Config{Certificates: []tls.Certificate{good[0], {}}}, "TLS: Certificates[1] has no certificate"},
		"a certificate without its key":    {&tls.Config{Certificates: []tls.Certificate{{Certificate: good[0].Certificate}}}, "TLS: Certificates[0] has no certificate or no private key"},
		"versions that exclude each other": {&tls.Config{Certificates: good, MinVersion: tls.VersionTLS13, MaxVersion: tls.VersionTLS12}, "TLS: MaxVersion is TLS 1.2, below the lowest version allowed, TLS 1.3"},
		"a version that nobody allowed":    {&tls.Config{Certificates: good, MaxVersion: tls.VersionTLS11}, "TLS: MaxVersion is TLS 1.1, below the lowest version allowed, TLS 1.2"},
	} {
		t.Run(name, func(t *testing.T) {
			hub, err := fanout.New(fanout.Config{TLS: c.config})
			expectError(t, err, "Config."+c.says)
			if err == nil {
				hub.Shutdown(t.Context())
			}
			h := newTestHub(t, fanout.Config{})
			expectServeError(h, fanout.ListenerOptions{TLS: c.config}, "ListenerOptions."+c.says)
		})
	}
}

func TestAListenerIsNotPlainAndOfTLSAtOnce(t *testing.T) {
	good, _ := certificates(t)
	h := newTestHub(t, fanout.Config{})
	expectServeError(h, fanout.ListenerOptions{Plain: true, TLS: &tls.Config{Certificates: good}}, "ListenerOptions.TLS: Plain excludes it")
}

// expectServeError expects that a listener is not served.
func expectServeError(h *testHub, o fanout.ListenerOptions, text string) {
	h.t.Helper()
	served := make(chan error, 1)
	l := listenTCP(h.t)
	go func() { served <- h.hub.ServeListener(l, o) }()
	h.t.Cleanup(func() { l.Close() })
	select {
	case err := <-served:
		expectError(h.t, err, text)
	case <-time.After(patience):
		h.t.Errorf("the listener is served, want the error %q", text)
	}
}
