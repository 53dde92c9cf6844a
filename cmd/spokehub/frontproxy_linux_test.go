package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/coder/websocket"
)

// front is a real proxy. configuration is made of the address of its socket, which it inherits as descriptor 3, that of the hub, and a
// directory of its own.
type front struct {
	tool          string
	configuration func(t *testing.T, address, hub, directory string) string
	arguments     []string
	hubFlags      []string
}

// snippet is the block of code of docs/proxy.md in that language, with the hub's address in place of the one written there.
func snippet(t *testing.T, language, hub string) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/proxy.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, found := strings.Cut(string(page), "```"+language+"\n")
	block, _, _ = strings.Cut(block, "```")
	if !found || !strings.Contains(block, "127.0.0.1:8080") {
		t.Fatalf("got no block of %s with the hub's address in docs/proxy.md, want one", language)
	}
	return strings.ReplaceAll(block, "127.0.0.1:8080", hub)
}

func nginxWith(t *testing.T, address, directory, location string) string {
	t.Helper()
	at := func(name string) string { return filepath.Join(directory, name) }
	return "daemon off; worker_processes 1; pid " + at("pid") + "; error_log stderr;\nevents {}\nhttp {\naccess_log off;\n" +
		"client_body_temp_path " + at("body") + "; proxy_temp_path " + at("proxy") + "; fastcgi_temp_path " + at("fastcgi") +
		"; uwsgi_temp_path " + at("uwsgi") + "; scgi_temp_path " + at("scgi") + ";\nserver {\nlisten " + address + ";\n" + location + "\n}\n}\n"
}

func nginxOfThePage(t *testing.T, address, hub, directory string) string {
	return nginxWith(t, address, directory, snippet(t, "nginx", hub))
}

// nginxWithoutHost is the page's without the line that passes Host on.
func nginxWithoutHost(t *testing.T, address, hub, directory string) string {
	return strings.Replace(nginxOfThePage(t, address, hub, directory), "proxy_set_header Host $http_host;", "", 1)
}

func haproxyOfThePage(t *testing.T, _, hub, _ string) string {
	return strings.Replace(snippet(t, "haproxy", hub), "bind :80", "bind fd@3", 1)
}

func haproxyWithField(t *testing.T, address, hub, directory string) string {
	return strings.Replace(haproxyOfThePage(t, address, hub, directory), "send-proxy-v2", "\n    option forwardfor", 1)
}

// start runs the hub and the proxy in front of it and returns the proxy's address.
func (f front) start(t *testing.T) (address string, hub *process) {
	t.Helper()
	flags := f.hubFlags
	if flags == nil {
		flags = []string{"--listen=127.0.0.1:0"}
	}
	hub = startHubOn(t, nil, append([]string{"--admin=127.0.0.1:0", "--trusted-proxy=127.0.0.1", "--max-connections-per-address=1"}, flags...)...)
	return f.before(t, hub), hub
}

// before runs the proxy in front of the hub and returns the proxy's address.
func (f front) before(t *testing.T, hub *process) (address string) {
	t.Helper()
	path, err := exec.LookPath(f.tool)
	if err != nil {
		unavailable(t, "%s is not installed", f.tool)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	socket, err := listener.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	address = listener.Addr().String()
	target, err := url.Parse(hub.websocket)
	if err != nil {
		t.Fatal(err)
	}
	directory := t.TempDir()
	file := filepath.Join(directory, "configuration")
	if err := os.WriteFile(file, []byte(f.configuration(t, address, target.Host, directory)), 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.Command(path, append(f.arguments, file)...)
	command.Env = append(os.Environ(), "NGINX=3;", "XDG_CONFIG_HOME="+directory)
	command.ExtraFiles = []*os.File{socket}
	var output bytes.Buffer
	command.Stderr = &output
	if err := command.Start(); err != nil {
		t.Fatalf("start %s: %v", f.tool, err)
	}
	t.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		_ = command.Wait()
		if t.Failed() {
			t.Logf("%s said:\n%s", f.tool, &output)
		}
	})
	return address
}

// visit connects to the proxy from an address of the loopback network, as a page of the proxy's host.
func visit(t *testing.T, from, address string) (*websocket.Conn, *http.Response, error) {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	client := &http.Client{Transport: &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	conn, response, err := websocket.Dial(ctx, "ws://"+address+"/ws", &websocket.DialOptions{HTTPClient: client,
		HTTPHeader: http.Header{"Origin": {"http://" + address}, "X-Forwarded-For": {"127.0.0.9"}}})
	if conn != nil {
		t.Cleanup(func() { conn.CloseNow() })
	}
	return conn, response, err
}

func TestClientsBehindARealProxy(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]front{
		"nginx, as docs/proxy.md says":   {"nginx", nginxOfThePage, []string{"-c"}, nil},
		"HAProxy, as docs/proxy.md says": {"haproxy", haproxyOfThePage, []string{"-db", "-f"}, []string{"--listen=127.0.0.1:0,proxy-protocol"}},
		"HAProxy with X-Forwarded-For":   {"haproxy", haproxyWithField, []string{"-db", "-f"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			address, hub := f.start(t)
			for _, from := range []string{"127.0.0.2", "127.0.0.3"} {
				if _, _, err := visit(t, from, address); err != nil {
					t.Fatalf("from %s: got %v, want a connection", from, err)
				}
			}
			_, response, err := visit(t, "127.0.0.2", address)
			if err == nil || response == nil || response.StatusCode != http.StatusTooManyRequests {
				t.Fatalf("a second one of an address: got %v, %v; want 429", response, err)
			}
			record := hub.output.await(t, "handshake refused")
			if got, _ := record["address"].(string); !strings.HasPrefix(got, "127.0.0.2:") {
				t.Errorf("got %v logged, want the address 127.0.0.2", record)
			}
		})
	}
}

func TestNginxThatPassesNoHostIsExplained(t *testing.T) {
	t.Parallel()
	address, hub := front{"nginx", nginxWithoutHost, []string{"-c"}, nil}.start(t)
	_, response, err := visit(t, "127.0.0.2", address)
	if err == nil || response == nil || response.StatusCode != http.StatusForbidden {
		t.Fatalf("got %v, %v; want 403", response, err)
	}
	body, _ := io.ReadAll(response.Body)
	record := hub.output.await(t, "handshake refused")
	for _, part := range []string{"http://" + address, strings.TrimSuffix(strings.TrimPrefix(hub.websocket, "ws://"), "/ws"), "proxy_set_header Host"} {
		reason, _ := record["reason"].(string)
		if !strings.Contains(string(body), part) || !strings.Contains(reason, part) {
			t.Errorf("got the answer %q and the line %v, want %s in both", body, record, part)
		}
	}
	if got := record["address"]; got != "127.0.0.2:0" {
		t.Errorf("got the address %v logged, want 127.0.0.2", got)
	}
}
