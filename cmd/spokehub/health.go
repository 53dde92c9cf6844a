package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// healthCommand is spokehub health. Its flags are those of spokehub serve, so that it finds the hub with the same variables and file.
type healthCommand struct {
	Ask     string        `name:"url" env:"-" group:"hub" placeholder:"URL" help:"What to ask instead: http://, https://, or http+unix:///path/to/socket:/readyz for a Unix socket. (default: /readyz at --admin; without that, at the first address of --listen that can be asked)"`
	Alive   bool          `env:"-" group:"hub" help:"Ask /healthz, whether the hub is alive, and not whether it takes clients: a hub that drains or has lost its broker is alive. (default false)"`
	Timeout time.Duration `env:"-" group:"hub" default:"5s" placeholder:"TIME" help:"How long to wait for the answer. (default ${default})"`
	serveFlags
}

// Help is what spokehub health --help prints before the flags.
func (healthCommand) Help() string {
	return `Ask a hub on this machine whether it takes clients. The exit code is 0 if it does, and 1 if not; then standard error says why.
It finds the hub by the flags, variables and file of spokehub serve, so that a container needs none of its own:

    HEALTHCHECK CMD ["/spokehub", "health"]`
}

// maxHealthAnswer is how much of an answer is read. The hub's are short.
const maxHealthAnswer = 4 << 10

// healthTarget is where a hub is asked. The zero socket stands for TCP.
type healthTarget struct {
	url    string
	socket string
	// header comes ahead of the request, for an address with the PROXY protocol.
	header string
}

// run asks the hub and prints its answer.
func (f *healthCommand) run(stdout io.Writer) error {
	if f.Timeout <= 0 {
		return usageError{fmt.Errorf("--timeout: got %v, want more than 0", f.Timeout)}
	}
	target, err := f.target()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), f.Timeout)
	defer cancel()
	answer, err := target.ask(ctx)
	if err != nil {
		return fmt.Errorf("health: %w", err)
	}
	_, err = fmt.Fprintln(stdout, answer)
	return err
}

// path is what is asked for.
func (f *healthCommand) path() string {
	if f.Alive {
		return "/healthz"
	}
	return "/readyz"
}

// target is --url, or the address at which a hub with these flags answers.
func (f *healthCommand) target() (healthTarget, error) {
	if f.Ask != "" {
		return parseHealthURL(f.Ask, f.path())
	}
	if host, port, err := net.SplitHostPort(f.Admin); err == nil && port != "0" {
		return healthTarget{url: "http://" + net.JoinHostPort(ownHost(host), port) + f.path()}, nil
	}
	for _, text := range f.Listen {
		address, err := parseListen(text)
		if err != nil {
			return healthTarget{}, usageError{fmt.Errorf("--listen: %w", err)}
		}
		if target, can := f.publicTarget(address); can {
			return target, nil
		}
	}
	return healthTarget{}, usageError{errors.New("health: there is no address to ask: give --admin or --listen a port, as the hub has it, or name the address by --url")}
}

// publicTarget is how an address of --listen is asked. One that picks its port, that systemd opens, or that wants a certificate can't be.
func (f *healthCommand) publicTarget(a listenAddress) (target healthTarget, can bool) {
	scheme := "http"
	if settings, speaks := f.tlsOf(a); speaks {
		if len(settings.files.ClientCAs) > 0 {
			return target, false
		}
		scheme = "https"
	}
	if a.proxyProtocol {
		target.header = "PROXY UNKNOWN\r\n"
	}
	switch a.network {
	case "unix":
		target.socket, target.url = a.address, scheme+"://localhost"+f.path()
		return target, true
	case "tcp":
		host, port, _ := net.SplitHostPort(a.address)
		target.url = scheme + "://" + net.JoinHostPort(ownHost(host), port) + f.path()
		return target, port != "0"
	}
	return target, false
}

// ownHost is where this machine reaches what listens on a host: a hub that listens on all addresses is on loopback, too.
func ownHost(host string) string {
	ip := net.ParseIP(host)
	switch {
	case host == "" || ip != nil && ip.IsUnspecified() && ip.To4() != nil:
		return "127.0.0.1"
	case ip != nil && ip.IsUnspecified():
		return "::1"
	}
	return host
}

// parseHealthURL reads --url. One without a path asks for the given one.
func parseHealthURL(text, path string) (healthTarget, error) {
	u, err := url.Parse(text)
	if err != nil {
		return healthTarget{}, usageError{fmt.Errorf("--url: %q is no URL, such as http://127.0.0.1:8081/readyz", text)}
	}
	scheme, isUnix := strings.CutSuffix(u.Scheme, "+unix")
	switch {
	case scheme != "http" && scheme != "https":
		return healthTarget{}, usageError{fmt.Errorf("--url: %q begins with none of http://, https:// and http+unix://", text)}
	case isUnix && u.Host != "":
		return healthTarget{}, usageError{fmt.Errorf("--url: %q: the path of a socket begins behind the third slash, as in http+unix:///run/hub.sock:/readyz", text)}
	case isUnix:
		socket, asked, _ := strings.Cut(u.Path, ":")
		return healthTarget{socket: socket, url: scheme + "://localhost" + cmp.Or(asked, path)}, nil
	case u.Host == "":
		return healthTarget{}, usageError{fmt.Errorf("--url: %q has no host, such as http://127.0.0.1:8081/readyz", text)}
	case u.Path == "":
		u.Path = path
	}
	return healthTarget{url: u.String()}, nil
}

// ask returns the hub's answer. An answer other than 200 is an error that has it. Certificates are not verified: whoever answers on this
// machine's own address is the hub, and the name in its certificate is another one.
func (h healthTarget) ask(ctx context.Context) (string, error) {
	client := &http.Client{
		Transport:     &http.Transport{DialContext: h.dial, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, h.url, nil)
	if err != nil {
		return "", err
	}
	response, err := client.Do(request)
	if err != nil {
		return "", fmt.Errorf("%w: is the hub running, with the same settings?", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxHealthAnswer))
	if err != nil {
		return "", fmt.Errorf("read the answer of %s: %w", h.url, err)
	}
	answer := strings.TrimSpace(string(body))
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s answers %s: %s", h.url, response.Status, oneLine(answer))
	}
	return answer, nil
}

// dial connects, and sends what comes ahead of the request.
func (h healthTarget) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if h.socket != "" {
		network, address = "unix", h.socket
	}
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	if _, err := io.WriteString(conn, h.header); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}
