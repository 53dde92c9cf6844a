package spoke

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
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
			return nil, fmt.Errorf("proxy %s: %w", proxy.Redacted(), err)
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
			return nil, fmt.Errorf("proxy %s: %w", proxy.Redacted(), err)
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
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("it answered CONNECT %s with %s%s", address, response.Status, statusCures[response.StatusCode])
	}
	return nil
}
