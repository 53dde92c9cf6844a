package engines

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// NATSOptions say how a nats-server is to be. The zero value is one with JetStream and no limits of its own.
type NATSOptions struct {
	// MaxPayload is the size of the largest message in bytes; 0 is the server's default of a megabyte.
	MaxPayload int
	// MaxStore is how many bytes JetStream may keep in files; 0 is what the disk has.
	MaxStore int64
	// NoJetStream turns JetStream off.
	NoJetStream bool
	// User and Password, or else Token, are what clients have to know; empty for none.
	User, Password, Token string
	// Publish and Subscribe are the subjects that the user may publish and subscribe to; none for all.
	Publish, Subscribe []string
	// MaxSubscriptions is how many a connection may have; 0 for any number.
	MaxSubscriptions int
	// CertFile and KeyFile turn TLS on.
	CertFile, KeyFile string
}

// NATSServer is a nats-server that runs for a test. Its methods are for the goroutine of the test: they end it if something fails.
type NATSServer struct {
	// URL is where clients connect to, with the credentials. It stays the same when the server is started again.
	URL string
	// Store is the directory that JetStream's files are in. Between Kill and Restart a test may change it.
	Store string
	// Name is what the server is called within its cluster.
	Name string

	t       testing.TB
	options NATSOptions
	ports   natsPorts
	// routes are the addresses of the cluster's servers, none for a server alone.
	routes  []string
	process *exec.Cmd
	log     *natsLog
}

// natsPorts are those that a server listens on.
type natsPorts struct{ client, monitor, cluster int }

// NATS starts a nats-server on a free port of the loopback and waits until it answers. It ends with the test. If no server can be had, the test is
// skipped, and fails where CI is set.
func NATS(t testing.TB, o NATSOptions) *NATSServer {
	t.Helper()
	s := newNATSServer(t, o, "one", nil)
	s.Restart()
	return s
}

// NATSCluster starts n servers of one cluster and waits until all answer.
func NATSCluster(t testing.TB, n int, o NATSOptions) []*NATSServer {
	t.Helper()
	var servers []*NATSServer
	var routes []string
	for i := range n {
		s := newNATSServer(t, o, "server-"+strconv.Itoa(i+1), nil)
		servers = append(servers, s)
		routes = append(routes, "nats://127.0.0.1:"+strconv.Itoa(s.ports.cluster))
	}
	for _, s := range servers {
		s.routes = routes
		s.start()
	}
	for _, s := range servers {
		s.awaitHealthy()
	}
	return servers
}

func newNATSServer(t testing.TB, o NATSOptions, name string, routes []string) *NATSServer {
	t.Helper()
	requireNATS(t)
	s := &NATSServer{t: t, options: o, Name: name, Store: t.TempDir(), routes: routes, ports: natsPorts{freePort(t), freePort(t), freePort(t)}}
	credentials := ""
	switch {
	case o.Token != "":
		credentials = o.Token + "@"
	case o.User != "":
		credentials = o.User + ":" + o.Password + "@"
	}
	scheme := "nats"
	if o.CertFile != "" {
		scheme = "tls"
	}
	s.URL = fmt.Sprintf("%s://%s127.0.0.1:%d", scheme, credentials, s.ports.client)
	t.Cleanup(func() {
		s.end()
		if t.Failed() {
			t.Logf("the last lines of %s:\n%s", s.Name, s.log)
		}
	})
	return s
}

// Kill ends the server at once, as kill -9 does, and waits until it is gone.
func (s *NATSServer) Kill() {
	s.t.Helper()
	s.end()
}

// Stop freezes the server: its connections stay, and nothing is answered.
func (s *NATSServer) Stop() {
	s.t.Helper()
	freezeNATS(s.t, s.process.Process)
}

// Continue has a frozen server go on.
func (s *NATSServer) Continue() {
	s.t.Helper()
	thawNATS(s.t, s.process.Process)
}

// Restart starts the server again, after it was killed if it runs, on the same port and with what is in Store, and waits until it answers.
func (s *NATSServer) Restart() {
	s.t.Helper()
	s.end()
	s.start()
	s.awaitHealthy()
}

// Permit changes what the user may do from the next Restart on.
func (s *NATSServer) Permit(publish, subscribe []string) {
	s.options.Publish, s.options.Subscribe = publish, subscribe
}

// SetMaxSubscriptions changes how many a connection may have from the next Restart on.
func (s *NATSServer) SetMaxSubscriptions(n int) { s.options.MaxSubscriptions = n }

// SetLimits changes the options that the next Restart begins with.
func (s *NATSServer) SetLimits(maxPayload int, maxStore int64) {
	s.options.MaxPayload, s.options.MaxStore = maxPayload, maxStore
}

func (s *NATSServer) end() {
	if s.process != nil {
		_ = s.process.Process.Kill()
		_ = s.process.Wait()
		s.process = nil
	}
}

func (s *NATSServer) start() {
	s.t.Helper()
	file := filepath.Join(s.t.TempDir(), "nats.conf")
	if err := os.WriteFile(file, []byte(s.configuration()), 0o600); err != nil {
		s.t.Fatal(err)
	}
	s.log = &natsLog{}
	s.process = exec.Command(natsBinary, "-c", file)
	s.process.Stdout, s.process.Stderr = s.log, s.log
	dieWithParent(s.process)
	if err := s.process.Start(); err != nil {
		s.process = nil
		s.t.Fatal(err)
	}
}

func (s *NATSServer) configuration() string {
	var c strings.Builder
	fmt.Fprintf(&c, "server_name: %q\nlisten: \"127.0.0.1:%d\"\nhttp: \"127.0.0.1:%d\"\n", s.Name, s.ports.client, s.ports.monitor)
	if s.options.MaxPayload > 0 {
		fmt.Fprintf(&c, "max_payload: %d\n", s.options.MaxPayload)
	}
	if !s.options.NoJetStream {
		fmt.Fprintf(&c, "jetstream {\n store_dir: %q\n", s.Store)
		if s.options.MaxStore > 0 {
			fmt.Fprintf(&c, " max_file_store: %d\n", s.options.MaxStore)
		}
		c.WriteString("}\n")
	}
	switch {
	case s.options.Token != "":
		fmt.Fprintf(&c, "authorization { token: %q }\n", s.options.Token)
	case len(s.options.Publish) > 0:
		fmt.Fprintf(&c, "authorization { users: [ { user: %q, password: %q, permissions: { publish: [%s], subscribe: [%s] } } ] }\n", s.options.User, s.options.Password,
			quoted(s.options.Publish), quoted(s.options.Subscribe))
	case s.options.User != "":
		fmt.Fprintf(&c, "authorization { user: %q, password: %q }\n", s.options.User, s.options.Password)
	}
	if s.options.MaxSubscriptions > 0 {
		fmt.Fprintf(&c, "max_subscriptions: %d\n", s.options.MaxSubscriptions)
	}
	if s.options.CertFile != "" {
		fmt.Fprintf(&c, "tls { cert_file: %q, key_file: %q }\n", s.options.CertFile, s.options.KeyFile)
	}
	if len(s.routes) > 0 {
		fmt.Fprintf(&c, "cluster {\n name: test\n listen: \"127.0.0.1:%d\"\n routes: [%s]\n}\n", s.ports.cluster, strings.Join(s.routes, ", "))
	}
	return c.String()
}

// quoted are subjects as the configuration has them.
func quoted(subjects []string) string {
	var texts []string
	for _, subject := range subjects {
		texts = append(texts, strconv.Quote(subject))
	}
	return strings.Join(texts, ", ")
}

// natsPatience is how long a server may take to begin.
const natsPatience = time.Minute

// awaitHealthy waits until the server says that it and its JetStream are ready.
func (s *NATSServer) awaitHealthy() {
	s.t.Helper()
	client := http.Client{Timeout: 5 * time.Second}
	defer client.CloseIdleConnections()
	for deadline := time.Now().Add(natsPatience); ; time.Sleep(20 * time.Millisecond) {
		answer, err := client.Get(fmt.Sprintf("http://127.0.0.1:%d/healthz", s.ports.monitor))
		if err == nil {
			_ = answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return
			}
			err = fmt.Errorf("it says %s", answer.Status)
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("nats-server does not become ready: %v\n%s", err, s.log)
		}
	}
}

// lowestPort and highestPort bound the ports of servers, which lie, with those that clusters of Redis have besides, below those that systems give to connections
// that begin here: one of those might take a port between its being found and the server's start.
const (
	lowestPort  = 11000
	highestPort = 21000
)

// freePort is a port of that range which nobody has, and no other test gets: until the test ends, in whatever process, its number is taken with UDP.
func freePort(t testing.TB) int {
	t.Helper()
	for range 1000 {
		port := lowestPort + rand.N(highestPort-lowestPort)
		claim, err := net.ListenPacket("udp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			continue
		}
		if !portIsFree(port) {
			_ = claim.Close()
			continue
		}
		t.Cleanup(func() { _ = claim.Close() })
		return port
	}
	t.Fatalf("found no free port between %d and %d", lowestPort, highestPort)
	return 0
}

// natsLog keeps the last of what a server writes.
type natsLog struct {
	mu   sync.Mutex
	text []byte
}

const natsLogBytes = 4096

// Write takes what the server writes.
func (l *natsLog) Write(text []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, text...)
	l.text = l.text[max(0, len(l.text)-natsLogBytes):]
	return len(text), nil
}

// String returns the end of the log.
func (l *natsLog) String() string {
	if l == nil {
		return ""
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text)
}
