package spoke

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ConnectError is why an attempt to connect failed.
type ConnectError struct {
	// URL is where the client wanted to connect, without password and query.
	URL string
	// Status is that of the HTTP response to the handshake, 0 if there was none.
	Status int
	// Answer is the beginning of the response's text, which says why, or where a redirect leads; empty if there was none, or a page.
	Answer string
	// RetryAfter is the delay that the response asks for, 0 for none.
	RetryAfter time.Duration
	// Err is what failed ahead of a response: the token, the name, TCP, the proxy, TLS. Nil if there was one.
	Err error
}

// Error says what failed, where, and what to do.
func (e *ConnectError) Error() string {
	if e.Status == 0 {
		return fmt.Sprintf("spoke: connect to %s: %v%s", e.URL, e.Err, cureOf(e.Err))
	}
	text := fmt.Sprintf("spoke: connect to %s: the server answered %d %s", e.URL, e.Status, http.StatusText(e.Status))
	if e.Answer != "" {
		text += fmt.Sprintf(" (%s)", e.Answer)
	}
	return text + statusCures[e.Status]
}

// Unwrap returns Err.
func (e *ConnectError) Unwrap() error { return e.Err }

// elsewhere is the cure for a redirect.
const elsewhere = ": the hub, or a page to log in, is elsewhere, and the client follows no redirects; use that URL, or let this path by"

// statusCures say what to do about a status.
var statusCures = map[int]string{
	http.StatusOK:                      ": it is no WebSocket address; the hub's is /ws unless --path says otherwise",
	http.StatusBadRequest:              ": look at the hub's log; a proxy in between has to pass on Upgrade and Connection, and a hub with TLS wants wss://",
	http.StatusUnauthorized:            ": the hub wants a token that is good; see Config.Token and Config.GetToken",
	http.StatusForbidden:               ": the hub does not let this client in; look at its log for the reason, such as an Origin that it does not list",
	http.StatusNotFound:                ": there is nothing at this path; the hub's is /ws unless --path says otherwise",
	http.StatusUpgradeRequired:         ": a proxy in between has to pass on Upgrade and Connection",
	http.StatusProxyAuthRequired:       ": the proxy wants a user and a password: http://user:password@proxy",
	http.StatusTooManyRequests:         ": the hub limits the connections and handshakes of an address, with --max-connections-per-address and --max-handshakes-per-address",
	http.StatusBadGateway:              ": a proxy in between does not reach the hub",
	http.StatusServiceUnavailable:      ": the hub is draining or full, or a proxy in between has no hub",
	http.StatusGatewayTimeout:          ": a proxy in between does not reach the hub",
	http.StatusMovedPermanently:        elsewhere,
	http.StatusFound:                   elsewhere,
	http.StatusSeeOther:                elsewhere,
	http.StatusTemporaryRedirect:       elsewhere,
	http.StatusPermanentRedirect:       elsewhere,
	http.StatusSwitchingProtocols:      ": the answer is no WebSocket handshake",
	http.StatusHTTPVersionNotSupported: ": WebSocket needs HTTP/1.1; a proxy in between speaks another",
}

// cureOf says what to do about what failed ahead of a response.
func cureOf(err error) string {
	var (
		record    tls.RecordHeaderError
		authority x509.UnknownAuthorityError
		name      x509.HostnameError
		invalid   x509.CertificateInvalidError
		dns       *net.DNSError
	)
	switch {
	case isOfProxy(err):
		return ": it is the way to the hub that Config.Proxy or the environment (HTTP_PROXY, HTTPS_PROXY, NO_PROXY) names"
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return ": the server does not speak TLS; use ws://, or give the hub a certificate"
	case errors.As(err, &authority):
		return ": its authority is not known here; add it to the system, or to Config.TLS.RootCAs"
	case errors.As(err, &name):
		return ": use a name that the certificate has"
	case errors.As(err, &invalid):
		return ": look at the certificate's dates and purpose, and at this machine's clock"
	case errors.As(err, &dns):
		return ": check the host in the URL"
	case errors.Is(err, syscall.ECONNREFUSED):
		return ": nothing listens there; is the hub running, and is the port right?"
	case errors.Is(err, syscall.ENOENT):
		return ": there is no such socket; is the hub running?"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		return ": the server ended the connection without an answer; is it a hub, or does it want wss://?"
	}
	return ""
}

// course is what to do behind the error. A status of the client's making is final.
func (e *ConnectError) course() course {
	switch {
	case e.Status == http.StatusUnauthorized:
		return comeBackWithNewToken
	case e.Status == http.StatusRequestTimeout, e.Status == http.StatusTooManyRequests, e.Status == http.StatusTooEarly:
		return comeBack
	case e.Status >= 300 && e.Status < 500, e.Status == http.StatusOK:
		return stop
	}
	return comeBack
}

// maxAnswer is how many bytes of a response's text an error shows.
const maxAnswer = 1000

// newConnectError describes a failed handshake. response may be nil.
func newConnectError(name string, response *http.Response, err error) *ConnectError {
	if response == nil {
		return &ConnectError{URL: name, Err: plainCause(err)}
	}
	e := &ConnectError{URL: name, Status: response.StatusCode}
	if response.Body != nil && !strings.Contains(response.Header.Get("Content-Type"), "html") {
		text, _ := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
		e.Answer = printable(string(text))
	}
	if location := response.Header.Get("Location"); location != "" {
		e.Answer = printable(fmt.Sprintf("Location: %.*s", maxAnswer, location))
	}
	if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil && seconds > 0 && seconds <= int(maxDuration/time.Second) {
		e.RetryAfter = time.Duration(seconds) * time.Second
	}
	return e
}

// printable is the first line of a text, without what a terminal might obey.
func printable(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return -1
		}
		return r
	}, line)
}

// plainCause leaves out what libraries have wrapped around the cause: the URL, and that a handshake was to be sent.
func plainCause(err error) error {
	if inner := errors.Unwrap(err); inner != nil {
		if cause := withoutURL(err); cause != err {
			return cause
		}
		return inner
	}
	return err
}
