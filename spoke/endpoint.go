package spoke

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// endpoint is where a client connects.
type endpoint struct {
	// target is the URL of the handshake: ws or wss.
	target *url.URL
	// socket is the path of a Unix socket, empty for TCP.
	socket string
	// name is the URL as logs and errors show it: without password and query, which may be secrets.
	name string
}

// errNoScheme does not show the URL: what can't be parsed may hold a password anywhere.
var errNoScheme = errors.New("spoke: the URL begins with none of ws://, wss://, http://, https:// and ws+unix://")

// errOddUser does not show the URL, of which what should be the host may be the beginning of a password.
var errOddUser = errors.New("spoke: the URL is not valid: the port is no number, or the user or the password has an odd character: write it as an escape, such as %23 for #, %2F for / and %3F for ?")

// parseEndpoint reads a URL: ws, wss, http, https, ws+unix or wss+unix. That of a Unix socket has two paths, of the socket and
// of the handshake, with a colon between them.
func parseEndpoint(text string) (endpoint, error) {
	u, err := url.Parse(text)
	switch {
	case !strings.Contains(text, "://"):
		return endpoint{}, errNoScheme
	case strings.Contains(text, "@") && (err != nil || strings.Contains(u.Fragment, "@")):
		return endpoint{}, errOddUser
	case err != nil:
		return endpoint{}, fmt.Errorf("spoke: the URL is not valid: %w", withoutURL(err))
	}
	e := endpoint{target: u}
	switch u.Scheme {
	case "http", "https":
		u.Scheme = "ws" + strings.TrimPrefix(u.Scheme, "http")
	case "ws+unix", "wss+unix":
		if u.Host != "" || !strings.HasPrefix(u.Path, "/") {
			return endpoint{}, fmt.Errorf("spoke: the URL %q names a host; a Unix socket is %s:///path/to/socket:/ws", shown(u), u.Scheme)
		}
		e.socket, u.Path, _ = strings.Cut(u.Path, ":")
		u.RawPath, u.Host = "", "localhost"
		u.Scheme = strings.TrimSuffix(u.Scheme, "+unix")
	case "ws", "wss":
	default:
		return endpoint{}, fmt.Errorf("spoke: the URL %q begins with none of ws://, wss://, http://, https:// and ws+unix://", shown(u))
	}
	switch {
	case u.Hostname() == "":
		return endpoint{}, fmt.Errorf("spoke: the URL %q has no host", shown(u))
	case u.Fragment != "":
		return endpoint{}, fmt.Errorf("spoke: the URL %q has a fragment, which WebSocket does not allow", shown(u))
	}
	e.name = shown(u)
	if e.socket != "" {
		e.name = fmt.Sprintf("%s+unix://%s:%s", u.Scheme, e.socket, u.Path)
	}
	return e, nil
}

// shown is the URL without what may be secret. Where an @ is in the path behind a port, and there is no user, all ahead of it may be one with its password.
func shown(u *url.URL) string {
	c := *u
	if at := strings.LastIndexByte(c.Path, '@'); at >= 0 && c.User == nil && c.Port() != "" {
		return c.Scheme + "://REDACTED" + c.Path[at:]
	}
	c.User, c.Opaque, c.RawQuery, c.Fragment, c.RawFragment, c.ForceQuery = nil, "", "", "", "", false
	return c.String()
}

// withoutURL takes the URL, which may hold a password, out of an error of package url.
func withoutURL(err error) error {
	if of, ok := errors.AsType[*url.Error](err); ok {
		return of.Err
	}
	return err
}
