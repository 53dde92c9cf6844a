package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/spokehub/spokehub/internal/engines"
)

// shippedProxy is a proxy with its file of deploy/, in front of hubs that run as the head of that file says.
type shippedProxy struct {
	tool      string
	arguments []string
	hubFlags  []string
	// options stand behind the address of a hub.
	options string
	// configuration is the shipped file with the addresses of the test. ownAddress is one that the proxy can open by itself; it uses it if it
	// can't inherit a socket.
	configuration func(t *testing.T, s *site, inherited, directory string) string
	opensItself   bool
}

// site is a proxy with three hubs of one cluster behind it.
type site struct {
	kind       shippedProxy
	authority  *authority
	broker     string
	hubs       []*process
	addresses  []string
	ownAddress string
	// address is where clients connect.
	address string
	// files of the site's certificate.
	certificate, key, both string
}

// aside is an address that nothing else on this machine listens on or connects from, so that a hub finds it free again after a restart.
func aside(t *testing.T, host string) string {
	t.Helper()
	listener, err := net.Listen("tcp", host+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

func newSite(t *testing.T, kind shippedProxy) *site {
	t.Helper()
	s := &site{kind: kind, authority: newAuthority(t), broker: engines.NATS(t, engines.NATSOptions{}).URL, ownAddress: aside(t, "127.77.0.9")}
	certificate := s.authority.issue(t, []string{"hub.example"}, nil)
	s.certificate, s.key = certificate.files(t)
	s.both = filepath.Join(t.TempDir(), "both.pem")
	writePrivate(t, s.both, certificate.certificate+certificate.key)
	for i := range 3 {
		s.addresses = append(s.addresses, aside(t, fmt.Sprintf("127.77.0.%d", i+1)))
		s.hubs = append(s.hubs, s.startHub(t, i))
	}
	for _, hub := range s.hubs {
		awaitAnswer(t, hub.admin+"metrics", http.StatusOK, "spokehub_broker_nodes 3\n")
	}
	inherited := front{kind.tool, func(t *testing.T, address, _, directory string) string {
		return kind.configuration(t, s, address, directory)
	}, kind.arguments, nil}.before(t, s.hubs[0])
	s.address = inherited
	if kind.opensItself {
		s.address = s.ownAddress
	}
	s.awaitProxy(t)
	return s
}

// startHub starts the hub of a place, at its address.
func (s *site) startHub(t *testing.T, i int) *process {
	t.Helper()
	flags := []string{"--admin=127.0.0.1:0", "--listen=" + s.addresses[i] + s.kind.options, "--trusted-proxy=127.0.0.1", "--host=hub.example", fmt.Sprintf("--node=hub-%d", i+1), "--broker=" + s.broker}
	return startHubOn(t, nil, append(flags, s.kind.hubFlags...)...)
}

// connect shakes hands with a hub over the proxy, as a client at an address of the loopback network.
func (s *site) connect(ctx context.Context, from, origin string) (*websocket.Conn, *http.Response, error) {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return dialer.DialContext(ctx, network, s.address)
	}
	web := &http.Client{Transport: &http.Transport{DialContext: dial, TLSClientConfig: s.authority.trusting("hub.example"), DisableKeepAlives: true}}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, port, _ := net.SplitHostPort(s.address)
	return websocket.Dial(ctx, "wss://hub.example:"+port+"/ws", &websocket.DialOptions{HTTPClient: web, HTTPHeader: http.Header{"Origin": {strings.ReplaceAll(origin, "PORT", port)}}})
}

// own is the origin of the pages of the site.
const own = "https://hub.example:PORT"

// awaitProxy waits until the proxy leads to a hub.
func (s *site) awaitProxy(t *testing.T) {
	t.Helper()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(patience); ; <-again.C {
		conn, _, err := s.connect(t.Context(), "127.0.0.2", own)
		if err == nil {
			conn.CloseNow()
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("got %v through the proxy, want a hub", err)
		}
	}
}

func nginxAsShipped(t *testing.T, s *site, inherited, directory string) string {
	at := func(name string) string { return filepath.Join(directory, name) }
	return shippedFile(t, "nginx/nginx.conf", "user www-data;\nworker_processes auto;\nworker_rlimit_nofile 1048576;", "daemon off; worker_processes 1;",
		"worker_connections 262144", "worker_connections 512", "/run/nginx.pid", at("pid"), "/etc/nginx/hub.pem", s.certificate, "/etc/nginx/hub.key", s.key,
		"listen 80;", "listen unix:"+at("plain.sock")+";", "listen 443 ssl;", "listen "+inherited+" ssl;",
		"access_log off;", "access_log off; client_body_temp_path "+at("body")+"; proxy_temp_path "+at("proxy")+"; fastcgi_temp_path "+at("fastcgi")+"; uwsgi_temp_path "+at("uwsgi")+"; scgi_temp_path "+at("scgi")+";",
		"127.0.0.1:8080", s.addresses[0], "127.0.0.2:8080", s.addresses[1], "127.0.0.3:8080", s.addresses[2])
}

func haproxyAsShipped(t *testing.T, s *site, _, directory string) string {
	return shippedFile(t, "haproxy/haproxy.cfg", "maxconn 200000", "maxconn 500", "bind :80\n", "bind unix@"+filepath.Join(directory, "plain.sock")+"\n",
		"bind :443 ssl", "bind fd@3 ssl", "/etc/haproxy/hub.pem", s.both, `"${HUB_1}"`, s.addresses[0], `"${HUB_2}"`, s.addresses[1], `"${HUB_3}"`, s.addresses[2])
}

func caddyAsShipped(t *testing.T, s *site, _, directory string) string {
	host, port, _ := net.SplitHostPort(s.ownAddress)
	return "{\n\tadmin off\n\tauto_https disable_redirects\n\tstorage file_system " + directory + "\n}\n" +
		shippedFile(t, "caddy/Caddyfile", "hub.example.com {", "https://hub.example:"+port+" {\n\tbind "+host+"\n\ttls "+s.certificate+" "+s.key,
			"127.0.0.1:8080", s.addresses[0], "127.0.0.2:8080", s.addresses[1], "127.0.0.3:8080", s.addresses[2])
}

var shippedProxies = map[string]shippedProxy{
	"nginx":   {tool: "nginx", arguments: []string{"-c"}, hubFlags: []string{"--drain-grace=1s"}, configuration: nginxAsShipped},
	"HAProxy": {tool: "haproxy", arguments: []string{"-db", "-f"}, hubFlags: []string{"--drain-grace=5s"}, options: ",proxy-protocol", configuration: haproxyAsShipped},
	"Caddy": {tool: "caddy", arguments: []string{"run", "--adapter", "caddyfile", "--config"}, hubFlags: []string{"--drain-grace=5s"},
		configuration: caddyAsShipped, opensItself: true},
}

// TestShippedProxies: behind each, three hubs are one. Events reach clients wherever they are, hubs see the client's own address, and while two hubs are
// restarted one after the other nobody gets anything but a connection.
func TestShippedProxies(t *testing.T) {
	t.Parallel()
	for name, kind := range shippedProxies {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, flag := range kind.hubFlags {
				if head, _, _ := strings.Cut(kind.head(t), "\n\n"); !strings.Contains(head, strings.Replace(flag, "=", " ", 1)) {
					t.Errorf("got no %s in the head of the file, want the flag of the test", flag)
				}
			}
			s := newSite(t, kind)
			s.exchange(t)
			s.checkClientAddress(t)
			s.restart(t)
		})
	}
}

// head is the shipped file with its words as in a command line.
func (p shippedProxy) head(t *testing.T) string {
	files := map[string]string{"nginx": "nginx/nginx.conf", "haproxy": "haproxy/haproxy.cfg", "caddy": "caddy/Caddyfile"}
	return shippedFile(t, files[p.tool])
}

// exchange has clients subscribe until each hub has some, and publish to all.
func (s *site) exchange(t *testing.T) {
	t.Helper()
	var subscribers []*client
	for i := range 9 {
		conn, _, err := s.connect(t.Context(), fmt.Sprintf("127.0.0.%d", i+2), own)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.CloseNow()
		subscribers = append(subscribers, &client{conn: conn})
		subscribers[i].subscribe(t, "news")
	}
	for _, hub := range s.hubs {
		if metric(t, hub, "spokehub_subscriptions") == 0 {
			t.Errorf("got a hub without subscribers of %d, want the proxy to spread them", len(subscribers))
		}
	}
	const published = `{"type":"news","id":"","payload":"from the backend"}`
	if status, body := post(t, s.hubs[0].admin+"publish", "application/json", published); status != http.StatusOK {
		t.Fatalf("publish: got %d and %s", status, body)
	}
	for i, subscriber := range subscribers {
		if got := subscriber.receive(t); got != published {
			t.Errorf("client %d: got %s, want the event", i, got)
		}
	}
}

// checkClientAddress has a hub refuse a page of another site, and looks at whom it says it has refused.
func (s *site) checkClientAddress(t *testing.T) {
	t.Helper()
	_, response, err := s.connect(t.Context(), "127.0.0.33", "https://other.example")
	if err == nil || response == nil || response.StatusCode != http.StatusForbidden {
		t.Fatalf("got %v and %v for a page of another site, want 403", response, err)
	}
	refused := func() bool {
		return slices.ContainsFunc(s.hubs, func(hub *process) bool {
			return strings.Contains(hub.output.String(), `"msg":"handshake refused","address":"127.0.0.33:`)
		})
	}
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(patience); !refused(); <-again.C {
		if time.Now().After(deadline) {
			t.Fatal("got no hub that has refused 127.0.0.33, want that they see the client's address")
		}
	}
}

// restart drains two hubs one after the other and starts them again, while clients stay, come back and come anew.
func (s *site) restart(t *testing.T) {
	t.Helper()
	var connected, drained atomic.Int64
	done, ended := make(chan struct{}), sync.WaitGroup{}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	keepConnecting := func(from string, stays bool) {
		for !isDone(done) {
			conn, response, err := s.connect(ctx, from, own)
			if ctx.Err() != nil {
				return
			}
			if err != nil {
				t.Errorf("got %v (%v) while hubs are restarted, want a connection", err, response)
				return
			}
			connected.Add(1)
			if stays {
				_, _, err = conn.Read(ctx)
				switch code := websocket.CloseStatus(err); {
				case ctx.Err() != nil:
				case code == websocket.StatusServiceRestart:
					drained.Add(1)
				default:
					t.Errorf("got %v for the end of a connection, want 1012", err)
				}
			}
			conn.CloseNow()
		}
	}
	for i := range 10 {
		ended.Go(func() { keepConnecting(fmt.Sprintf("127.0.0.%d", 40+i), i > 1) })
	}
	awaitMore(t, &connected)
	for i := range 2 {
		s.hubs[i].terminate(t)
		awaitMore(t, &connected)
		s.hubs[i] = s.startHub(t, i)
		awaitMore(t, &connected)
	}
	close(done)
	stop()
	ended.Wait()
	if drained.Load() == 0 {
		t.Error("got no client that was told of a restart by 1012, want those of two hubs")
	}
	t.Logf("%d connected, %d of them after 1012", connected.Load(), drained.Load())
}
