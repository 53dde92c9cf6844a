package fanout

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/spokehub/spokehub/netpoll"
	"github.com/spokehub/spokehub/wsframe"
)

var refuseNotTLS = &wsframe.Refusal{Status: 400, Reason: "this port speaks TLS: use wss:// in place of ws://, and https:// in place of http://"}

// acmeProtocol is what an authority speaks that looks whether the hub has a name (RFC 8737).
const acmeProtocol = "acme-tls/1"

// secureConfig is how a hub speaks TLS by c. Records are as long as they may be, for a turn's events are sealed together. There are no
// session tickets: whoever got hold of the key that opens them could read what was said in all sessions that they stand for.
func (h *Hub) secureConfig(c *tls.Config) *tls.Config {
	own := c.Clone()
	own.NextProtos = []string{"http/1.1"}
	if slices.Contains(c.NextProtos, acmeProtocol) {
		own.NextProtos = append(own.NextProtos, acmeProtocol)
	}
	own.SessionTicketsDisabled = true
	own.DynamicRecordSizingDisabled = true
	own.Certificates = slices.Clone(c.Certificates)
	for i := range own.Certificates {
		own.Certificates[i] = *h.outsideCertificate(&c.Certificates[i])
	}
	if choose := c.GetConfigForClient; choose != nil {
		var last atomic.Pointer[chosenConfig]
		own.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			chosen, err := outside(h, func() (*tls.Config, error) { return choose(hello) })
			if chosen == nil || err != nil {
				return nil, err
			}
			made := last.Load()
			if made == nil || made.from != chosen {
				made = &chosenConfig{from: chosen, config: h.secureConfig(chosen)}
				last.Store(made)
			}
			return made.config, nil
		}
	}
	if get := c.GetCertificate; get != nil {
		own.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			certificate, err := outside(h, func() (*tls.Certificate, error) { return get(hello) })
			return h.outsideCertificate(certificate), err
		}
	}
	if get := c.GetEncryptedClientHelloKeys; get != nil {
		own.GetEncryptedClientHelloKeys = func(hello *tls.ClientHelloInfo) ([]tls.EncryptedClientHelloKey, error) {
			return outside(h, func() ([]tls.EncryptedClientHelloKey, error) { return get(hello) })
		}
	}
	if verify := c.VerifyPeerCertificate; verify != nil {
		own.VerifyPeerCertificate = func(raw [][]byte, chains [][]*x509.Certificate) error {
			return h.outside(func() error { return verify(raw, chains) })
		}
	}
	if verify := c.VerifyConnection; verify != nil {
		own.VerifyConnection = func(state tls.ConnectionState) error {
			return h.outside(func() error { return verify(state) })
		}
	}
	return own
}

// chosenConfig is what secureConfig has made of a configuration. It never changes.
type chosenConfig struct{ from, config *tls.Config }

// outside is Hub.outside for a callback that brings something.
func outside[T any](h *Hub, f func() (T, error)) (result T, err error) {
	err = h.outside(func() (err error) {
		result, err = f()
		return err
	})
	return result, err
}

// outside runs a callback of the embedder's configuration, which may take long, so that other handshakes go on. A panic is an error.
func (h *Hub) outside(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			h.counters.panics.Add(1)
			h.cfg.Logger.Error("callback of Config.TLS panicked; the client is turned away", "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
			err = fmt.Errorf("a callback of Config.TLS panicked: %v", v)
		}
	}()
	netpoll.OutsideHandshakes(func() { err = f() })
	return err
}

// checkTLS reports what can't serve anybody, and certificates that are empty, as where the error of loading one was dropped.
func checkTLS(c *tls.Config) error {
	if c == nil {
		return nil
	}
	if len(c.Certificates) == 0 && c.GetCertificate == nil && c.GetConfigForClient == nil {
		return errors.New("no certificate: set Certificates, GetCertificate or GetConfigForClient")
	}
	for i, certificate := range c.Certificates {
		if len(certificate.Certificate) == 0 || certificate.PrivateKey == nil {
			return fmt.Errorf("Certificates[%d] has no certificate or no private key: did tls.LoadX509KeyPair return an error?", i)
		}
	}
	if lowest := cmp.Or(c.MinVersion, tls.VersionTLS12); c.MaxVersion != 0 && c.MaxVersion < lowest {
		return fmt.Errorf("MaxVersion is %s, below the lowest version allowed, %s", tls.VersionName(c.MaxVersion), tls.VersionName(lowest))
	}
	return nil
}

// secureArrived begins TLS on an accepted connection, or behind the header of the PROXY protocol that has to come first.
func (l *loop) secureArrived(s *Spoke, config *tls.Config) {
	switch {
	case config == nil:
	case s.marks&proxyHeader != 0:
		l.conns.toSecure[s.conn.Slot] = config
	default:
		l.reactor.Secure(s.conn.Slot, config, s.peer.addrPort(), nil)
	}
}

// secureBehindHeader begins TLS behind the header of the PROXY protocol, if it is to be spoken. rest has come behind the header.
func (l *loop) secureBehindHeader(s *Spoke, rest []byte) bool {
	config := l.conns.toSecure[s.conn.Slot]
	if config == nil {
		return false
	}
	delete(l.conns.toSecure, s.conn.Slot)
	l.reactor.Secure(s.conn.Slot, config, s.peer.addrPort(), rest)
	return true
}

// tlsFailed ends a connection whose TLS handshake has failed. The client has been told by an alert, and gets the time to read it.
func (l *loop) tlsFailed(s *Spoke, err error) {
	l.counts.tlsFailed++
	l.hub.log.tlsFailed(s.peer, err)
	s.marks |= refused
	l.startClosing(s, Cause{})
	l.linger(s)
}

// isOwnAlert says that crypto/tls has found something wrong in what a client sent, and says so to the client.
func isOwnAlert(err error) bool {
	var failed *net.OpError
	return errors.As(err, &failed) && failed.Op == "local error"
}

// tlsBroken ends a connection on which nothing can be read or sent any more, but for the alert that says why: the client gets the time to
// read that.
func (l *loop) tlsBroken(s *Spoke, err error) {
	s.marks |= refused
	l.startClosing(s, Cause{Kind: CausePeerGone, Err: err})
	l.sender.Cut(s.conn.Slot, netpoll.DropClosed)
	l.linger(s)
}

// tlsFailed logs why a TLS handshake has failed, as rarely as refusals are.
func (g *hubLog) tlsFailed(peer peerAddress, err error) {
	if !g.logger.Enabled(context.Background(), slog.LevelInfo) || !g.mayLogRefusal() {
		return
	}
	attributes := []any{"address", printable(peer.String()), "error", printable(err.Error())}
	if hint := tlsHint(err); hint != "" {
		attributes = append(attributes, "hint", hint)
	}
	if n := g.refusals.suppressed.Swap(0); n > 0 {
		attributes = append(attributes, "suppressed", n)
	}
	g.logger.Info("TLS handshake failed", attributes...)
}

// tlsHint says what to look at where a client has turned the hub's certificate down, or offers what the hub does not speak.
func tlsHint(err error) string {
	text := err.Error()
	for _, known := range []struct{ part, hint string }{
		{"unknown certificate authority", "the client does not trust who issued the certificate: send the whole chain, or have the client trust the authority"},
		{"unknown certificate", "the client, such as a browser, turns the certificate down: it does not trust who issued it, or the name or the date is wrong; see its own error"},
		{"failed to verify certificate", "the authorities of clients (--tls-client-ca, ClientCAs) do not let the certificate of this client in"},
		{"bad certificate", "the client turns the certificate down: see its own error; the name, the date and the chain are what it checks"},
		{"expired certificate", "the certificate has expired: renew it"},
		{"unsupported versions", "the client speaks only versions of TLS that are turned off here"},
		{"no cipher suite", "the client offers no cipher suite that is safe"},
		{"application protocol", "the client asks by ALPN for another protocol than http/1.1, which WebSocket needs"},
		{"bad record MAC", "the client can't be understood: one with OpenSSL, such as curl, that does not trust the certificate says so unencrypted; see its own error"},
		{"unexpected early data", "the client sends 0-RTT data by a session of the server that had this address before: its next attempt goes through, or that session has to expire"},
		{"didn't provide a certificate", "a certificate of the client is required here"},
	} {
		if strings.Contains(text, known.part) {
			return known.hint
		}
	}
	if errors.Is(err, io.EOF) {
		return "the client left without a word"
	}
	return ""
}

// secureTimeout ends a connection whose TLS handshake takes too long.
func (l *loop) secureTimeout(s *Spoke) {
	l.counts.tlsFailed++
	l.hub.log.tlsFailed(s.peer, errSecureTimeout)
	l.end(s, Cause{})
}

var errSecureTimeout = errors.New("the TLS handshake took too long")
