package spoke

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
)

// dialFunc makes a connection, as net.Dialer.DialContext does.
type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// throughProxy makes connections through an HTTP proxy by CONNECT (RFC 9110, section 9.3.6), as RFC 6455, section 4.1, wants
// it for plain WebSocket too. net/http does so for TLS alone.
func throughProxy(dial dialFunc, proxy *url.URL, config *tls.Config) dialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, proxyAddress(proxy))
		if err != nil {
			return nil, &proxyError{proxy.Redacted(), err}
		}
		if proxy.Scheme == "https" {
			config := config.Clone()
			if config == nil {
				config = &tls.Config{}
			}
			config.ServerName = proxy.Hostname()
			conn = tls.Client(conn, config)
		}
		stopWatch := context.AfterFunc(ctx, func() { conn.Close() })
		err = askProxy(conn, proxy, address)
		if !stopWatch() && err == nil {
			err = ctx.Err()
		}
		if err != nil {
			conn.Close()
			return nil, &proxyError{proxy.Redacted(), err}
		}
		return conn, nil
	}
}

func proxyAddress(proxy *url.URL) string {
	port := proxy.Port()
	if port == "" {
		port = map[string]string{"https": "443"}[proxy.Scheme]
	}
	if port == "" {
		port = "80"
	}
	return net.JoinHostPort(proxy.Hostname(), port)
}

// askProxy asks the proxy for a tunnel. A server speaks only once the client has, so nothing lies behind the answer.
func askProxy(conn net.Conn, proxy *url.URL, address string) error {
	request := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: address}, Host: address, Header: http.Header{}}
	if user := proxy.User; user != nil {
		password, _ := user.Password()
		request.Header.Set("Proxy-Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(user.Username()+":"+password)))
	}
	if err := request.Write(conn); err != nil {
		return err
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), request)
	if err != nil {
		return fmt.Errorf("no answer to CONNECT: %w", err)
	}
	response.Body.Close()
	return refusalOf(address, response)
}

// refusalOf is the error of a proxy that lets CONNECT to the address not through; nil if it does.
func refusalOf(address string, response *http.Response) error {
	switch response.StatusCode {
	case http.StatusOK:
		return nil
	case http.StatusProxyAuthRequired:
		return fmt.Errorf("it answered CONNECT %s with %s%s", address, response.Status, statusCures[http.StatusProxyAuthRequired])
	}
	return fmt.Errorf("it answered CONNECT %s with %s: it does not let this address through, or is no proxy", address, response.Status)
}

// checkProxy is refusalOf for what net/http asks a proxy.
func checkProxy(_ context.Context, proxy *url.URL, request *http.Request, response *http.Response) error {
	if err := refusalOf(request.Host, response); err != nil {
		return &proxyError{proxy.Redacted(), err}
	}
	return nil
}

// proxyError is what failed on the way to a proxy, or there.
type proxyError struct {
	proxy string
	err   error
}

// Error names the proxy, without its password.
func (e *proxyError) Error() string { return fmt.Sprintf("proxy %s: %v", e.proxy, e.err) }

// Unwrap returns what failed.
func (e *proxyError) Unwrap() error { return e.err }

// isOfProxy says whether an error is of a proxy, and net/http's or this package's.
func isOfProxy(err error) bool {
	if _, ours := errors.AsType[*proxyError](err); ours {
		return true
	}
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "proxyconnect"
}
