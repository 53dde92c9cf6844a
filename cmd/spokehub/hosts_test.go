package main

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
)

// ask requests a path of a page under another name, with header fields besides.
func ask(t *testing.T, method, page, path, host string, header http.Header) (status int, answered http.Header, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, page+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Host = host
	for name, values := range header {
		request.Header[name] = values
	}
	return fetch(t, request)
}

// handshakeHeader are the fields of a handshake from a page of host, none for an empty one.
func handshakeHeader(origin string) http.Header {
	header := http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="}}
	if origin != "" {
		header.Set("Origin", origin)
	}
	return header
}

// handshakeStatus sends a handshake from a page of origin, or of none, and returns the answer.
func handshakeStatus(t *testing.T, page, host, origin string) (status int, body string) {
	t.Helper()
	address, err := url.Parse(page)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", address.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, page+"ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Host, request.Header = host, handshakeHeader(origin)
	if err := request.Write(conn); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), request)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode == http.StatusSwitchingProtocols {
		return response.StatusCode, ""
	}
	refusal, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(refusal)
}

func TestLoopbackAnswersToKnownNamesOnly(t *testing.T) {
	t.Parallel()
	own, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	byDefault := startHub(t, nil)
	named := startHub(t, nil, "--host=hub.example.com", "--host=*.example.net", "--origin=https://app.example.org", "--origin=https://*.pages.example:8443")
	anyName := startHub(t, []string{"SPOKEHUB_HOST=*"})
	everywhere := startHubOn(t, nil, "--listen=0.0.0.0:0", "--admin=")
	restricted := startHubOn(t, nil, "--listen=0.0.0.0:0", "--admin=", "--host=hub.example.com")
	for name, c := range map[string]struct {
		hub  *process
		host string
		want int
	}{
		"an address":                   {byDefault, "127.0.0.1", 200},
		"localhost with a port":        {byDefault, "LOCALHOST:8080", 200},
		"a subdomain of localhost":     {byDefault, "hub.localhost.", 200},
		"another address":              {byDefault, "[::1]:8080", 200},
		"the machine's own name":       {byDefault, own + ":8080", 200},
		"a stranger":                   {byDefault, "evil.example", 421},
		"a stranger with a port":       {byDefault, "evil.example:8080", 421},
		"a name by --host":             {named, "HUB.example.com:80", 200},
		"a subdomain by --host":        {named, "a.example.net", 200},
		"the host of --origin":         {named, "app.example.org", 200},
		"the subdomain of --origin":    {named, "a.pages.example", 200},
		"localhost beside --host":      {named, "localhost", 200},
		"a stranger beside --host":     {named, "example.com", 421},
		"any name by choice":           {anyName, "evil.example", 200},
		"any name on other addresses":  {everywhere, "evil.example", 200},
		"a stranger where --host says": {restricted, "evil.example", 421},
		"a name where --host says":     {restricted, "hub.example.com", 200},
	} {
		t.Run(name, func(t *testing.T) {
			page := strings.Replace(c.hub.page, "[::]", "127.0.0.1", 1)
			for _, path := range []string{"", "stats.json"} {
				if status, _, body := ask(t, http.MethodGet, page, path, c.host, nil); status != c.want || status == 421 && !strings.Contains(body, "--host") {
					t.Errorf("/%s: got %d %.300q, want %d", path, status, body, c.want)
				}
			}
			want := map[int]int{200: 101, 421: 421}[c.want]
			if status, body := handshakeStatus(t, page, c.host, ""); status != want || status == 421 && !strings.Contains(body, "--host") {
				t.Errorf("handshake: got %d %q, want %d", status, body, want)
			}
			for _, path := range []string{"healthz", "readyz"} {
				if status, _, body := ask(t, http.MethodGet, page, path, c.host, nil); status != 200 {
					t.Errorf("/%s: got %d %q, want 200 under any name", path, status, body)
				}
			}
		})
	}
}

func TestPageThatWasReboundCanNotConnect(t *testing.T) {
	hub := startHub(t, nil)
	for name, c := range map[string]struct {
		host, origin string
		want         int
		says         string
	}{
		"a page of the hub":         {"127.0.0.1:8080", "http://127.0.0.1:8080", 101, ""},
		"a page that was rebound":   {"evil.example:8080", "http://evil.example:8080", 421, "--host"},
		"a page of another site":    {"127.0.0.1:8080", "https://evil.example", 403, "--origin"},
		"a page of a reverse proxy": {"hub.example.com", "https://hub.example.com", 421, "--host"},
	} {
		if status, body := handshakeStatus(t, hub.page, c.host, c.origin); status != c.want || !strings.Contains(body, c.says) {
			t.Errorf("%s: got %d %q, want %d and %q in it", name, status, body, c.want, c.says)
		}
	}
}

func TestHostsOfOriginsAreTheirNames(t *testing.T) {
	for origin, want := range map[string]string{
		"https://app.example.com":      "app.example.com",
		"https://*.example.com:8443":   "*.example.com",
		"http://localhost:*":           "localhost",
		"http://[::1]:80":              "[::1]",
		"http://[::1]":                 "[::1]",
		"*":                            "*",
		"null":                         "",
		"file://":                      "",
		"chrome-extension://abcdefghi": "abcdefghi",
	} {
		if got := originHost(origin); got != want {
			t.Errorf("%s: got %q, want %q", origin, got, want)
		}
	}
	s := &service{onLoopback: true}
	if names := s.hostNames(); !slices.Contains(names, "localhost") {
		t.Errorf("got %q on a loopback address, want names", names)
	}
}
