package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestListenAddresses(t *testing.T) {
	for text, want := range map[string]string{
		":8080":                            "{tcp :8080 0 false}",
		"[::1]:8080":                       "{tcp [::1]:8080 0 false}",
		"localhost:http,proxy-protocol":    "{tcp localhost:http 0 true}",
		":1,proxy-protocol=false":          "{tcp :1 0 false}",
		"unix:/run/a.sock":                 "{unix /run/a.sock 0 false}",
		"unix:a b, mode=0660":              "{unix a b 432 false}",
		"unix:@abstract":                   "{unix @abstract 0 false}",
		"::1:8080":                         "HOST:PORT",
		"8080":                             "HOST:PORT",
		"":                                 "HOST:PORT",
		":65535":                           "{tcp :65535 0 false}",
		":65536":                           "no port",
		":-1":                              "no port",
		":nobodys-service":                 "no port",
		"300.1.1.1:80":                     "no address",
		"10.0.0:80":                        "no address",
		"unix:":                            "no path",
		"unix:" + strings.Repeat("a", 104): "at most 103 bytes",
		":1,mode=0660":                     "mode is for",
		"unix:@a,mode=0660":                "mode is for",
		"unix:a,mode=rw":                   "such as 0660",
		"unix:a,mode=01777":                "such as 0660",
		":1,proxy-protocol=v2":             "want true or false",
		":1,proxy-protokol":                "did you mean proxy-protocol?",
		":1,:2":                            "repeat --listen",
	} {
		address, err := parseListen(text)
		got := fmt.Sprintf("{%s %s %d %v}", address.network, address.address, address.mode, address.proxyProtocol)
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, want) || strings.HasPrefix(want, "{") != (err == nil) {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
}

func TestAddressesThatExcludeEachOther(t *testing.T) {
	for name, c := range map[string]struct {
		listen []string
		admin  string
		says   string
	}{
		"twice the same":           {[]string{":80", ":80"}, "", "twice"},
		"twice everywhere":         {[]string{"0.0.0.0:80", ":80"}, "", "twice"},
		"twice one socket":         {[]string{"unix:/a", "unix:/a,mode=0600"}, "", "twice"},
		"one of all":               {[]string{":80", "127.0.0.1:80"}, "", "on all addresses"},
		"one of all of IPv4":       {[]string{"10.0.0.1:80", "0.0.0.0:80"}, "", "on all addresses"},
		"IPv6 beside IPv4":         {[]string{"[::1]:80", "0.0.0.0:80"}, "", ""},
		"the admin address in all": {[]string{":81"}, "127.0.0.1:81", "--listen :81"},
		"a socket for operators":   {[]string{":80"}, "unix:/a", "Unix sockets and options are for --listen"},
		"the admin address":        {[]string{"127.0.0.1:1", "127.0.0.1:81"}, "127.0.0.1:81", "--listen 127.0.0.1:81"},
		"different ports":          {[]string{":80", ":81"}, ":82", ""},
		"different addresses":      {[]string{"127.0.0.1:80", "[::1]:80"}, "127.0.0.2:80", ""},
		"free ports":               {[]string{":0", ":0"}, ":0", ""},
		"a socket and a TCP port":  {[]string{"unix:/a", ":80"}, "", ""},
	} {
		mistakes := serveFlags{Listen: c.listen, Admin: c.admin}.checkAddresses()
		if (len(mistakes) == 0) != (c.says == "") || len(mistakes) > 0 && !strings.Contains(mistakes[0].Error(), c.says) {
			t.Errorf("%s: got %v, want %q", name, mistakes, c.says)
		}
	}
}

// clientOf asks a Unix socket whatever the address.
func clientOf(path string) *http.Client {
	return &http.Client{Transport: &http.Transport{Dial: func(string, string) (net.Conn, error) { return net.Dial("unix", path) }}, Timeout: patience}
}

func TestHubListensOnSeveralAddresses(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "hub.sock")
	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	stale.SetUnlinkOnClose(false)
	stale.Close()
	hub := startHubOn(t, nil, "--listen=127.0.0.1:0", "--listen=127.0.0.1:0", "--listen=unix:"+path+",mode=0600", "--admin=")
	addresses, _ := hub.start["listen"].([]any)
	if len(addresses) != 3 || addresses[2] != "unix:"+path {
		t.Fatalf("got the addresses %v in the start line, want all three", addresses)
	}
	for _, address := range addresses[:2] {
		c := connect(t, fmt.Sprintf("ws://%s/ws", address))
		c.subscribe(t, "news")
		c.conn.CloseNow()
	}
	response, err := clientOf(path).Get("http://hub.example/readyz")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 || response.StatusCode != http.StatusOK {
		t.Errorf("got status %d, file %v and error %v, want 200 and the mode 0600", response.StatusCode, info.Mode(), err)
	}
	if _, stderr, code := runBinary(t, nil, "serve", "--listen=unix:"+path, "--admin="); code != exitFailure || !strings.Contains(stderr, "another process is listening") {
		t.Errorf("got %d and %q for a socket that is in use, want 1 and why", code, stderr)
	}
	hub.terminate(t)
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("got %v for the file of the socket after the end, want it gone", err)
	}
}

func TestEachAddressHasThePROXYProtocolOrNot(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hub.sock")
	hub := startHubOn(t, nil, "--listen=127.0.0.1:0", "--listen=127.0.0.1:0,proxy-protocol", "--listen=unix:"+path+",proxy-protocol,mode=0600", "--admin=", "--trusted-proxy=127.0.0.1")
	addresses, _ := hub.start["listen"].([]any)
	if len(addresses) != 3 {
		t.Fatalf("got the addresses %v in the start line, want three", addresses)
	}
	const request = "GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
	for name, c := range map[string]struct {
		network string
		address any
		header  string
		isIn    bool
	}{
		"plain, without a header":    {"tcp", addresses[0], "", true},
		"plain, with a header":       {"tcp", addresses[0], "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n", false},
		"with it, with a header":     {"tcp", addresses[1], "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n", true},
		"with it, without a header":  {"tcp", addresses[1], "", false},
		"a socket, with a header":    {"unix", path, "PROXY TCP6 2001:db8::1 2001:db8::2 1 2\r\n", true},
		"a socket, without a header": {"unix", path, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial(c.network, fmt.Sprint(c.address))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := conn.Write([]byte(c.header + request)); err != nil {
				t.Fatal(err)
			}
			_ = conn.SetReadDeadline(time.Now().Add(patience))
			answer := make([]byte, len("HTTP/1.1 101"))
			_, _ = io.ReadFull(conn, answer)
			if got := string(answer) == "HTTP/1.1 101"; got != c.isIn {
				t.Errorf("got the answer %q, want let in: %v", answer, c.isIn)
			}
		})
	}
}

func TestFileThatIsNoSocketIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notes.txt")
	if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, stderr, code := runBinary(t, nil, "serve", "--listen=unix:"+path, "--admin=")
	if content, _ := os.ReadFile(path); code != exitFailure || !strings.Contains(stderr, "no socket") || string(content) != "mine" {
		t.Errorf("got %d, %q and the content %q, want 1, why, and the file as it was", code, stderr, content)
	}
}
