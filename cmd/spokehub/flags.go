package main

import (
	"fmt"
	"net"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
)

// serveFlags are the flags of spokehub serve. A field that sets a field of
// fanout.Config bears its name, so that an error which names the one can be
// read as the other.
type serveFlags struct {
	Listen string `group:"address" default:"127.0.0.1:8080" placeholder:"HOST:PORT" help:"Where clients connect: WebSocket on --path, the built-in page on /, /healthz and /readyz. Port 0 picks a free port; the start line says which. (default ${default})"`
	Admin  string `group:"address" default:"127.0.0.1:8081" placeholder:"HOST:PORT" help:"Where operators connect: /metrics, /debug/pprof/ and POST /publish. It asks for no password: keep it off public networks. Empty turns it off. (default ${default})"`
	Path   string `group:"address" default:"/ws" placeholder:"PATH" help:"The path of the WebSocket handshake. (default ${default})"`
	Page   bool   `group:"address" default:"true" negatable:"" help:"Serve the built-in page on / and its counters on /stats.json. (default ${default})"`

	Relay        bool     `group:"events" default:"true" negatable:"" help:"Pass an event that a client sends on to the other subscribers. (default ${default})"`
	Binary       bool     `group:"events" help:"Send binary messages instead of text. Both are always accepted. (default false)"`
	MaxMessage   byteSize `group:"events" default:"1MiB" placeholder:"SIZE" help:"Largest message a client may send, and largest event that /publish takes; above it the client is closed with 1009. (default ${default})"`
	PublishLimit byteSize `group:"events" default:"64MiB" placeholder:"SIZE" help:"Largest body of one POST /publish. (default ${default})"`

	MaxConnections int      `group:"limits" default:"0" placeholder:"N" help:"Clients at a time. (default ${default}: as many as the file limit allows)"`
	MemoryBudget   byteSize `group:"limits" default:"0" placeholder:"SIZE" help:"Unsent bytes of all clients together; above it the longest queues are closed first, with 1013. (default ${default}: a quarter of GOMEMLIMIT, or of the machine's memory)"`

	QueueLimit         byteSize `group:"client" default:"1MiB" placeholder:"SIZE" help:"Unsent bytes of one client; above it the client is closed with 1013. (default ${default})"`
	MaxTopics          int      `group:"client" default:"1024" placeholder:"N" help:"Topics one client may subscribe to. (default ${default})"`
	UnsentLimit        byteSize `group:"client" default:"128KiB" placeholder:"SIZE" help:"What the kernel takes of a client's bytes ahead of sending them (TCP_NOTSENT_LOWAT). (default ${default})"`
	SendBuffer         byteSize `group:"client" default:"0" placeholder:"SIZE" help:"The kernel's send buffer for a client (SO_SNDBUF). (default ${default}: the system's, which grows by itself)"`
	MaxEventsPerSecond int      `group:"client" default:"0" placeholder:"N" help:"Events one client may send a second. (default ${default}: no limit)"`
	MaxBytesPerSecond  byteSize `group:"client" default:"0" placeholder:"SIZE" help:"Bytes one client may send a second. (default ${default}: no limit)"`

	MaxControlsPerSecond int `group:"client" default:"0" placeholder:"N" help:"Subscribe and unsubscribe events one client may send a second. (default ${default}: no limit)"`

	MaxConnectionsPerAddress int `group:"source" default:"0" placeholder:"N" help:"Clients at a time. (default ${default}: no limit)"`
	MaxHandshakesPerAddress  int `group:"source" default:"0" placeholder:"N" help:"Handshakes under way at a time. (default ${default}: no limit)"`

	Origins      []string `name:"origin" group:"browser" placeholder:"ORIGIN" help:"Pages that may connect, as in https://example.com, https://*.example.com or * for any; give it again for each. (default: pages of the same host)"`
	Subprotocols []string `name:"subprotocol" group:"browser" placeholder:"NAME" help:"Subprotocol to agree on, best first; give it again for each. (default: none)"`

	FirstByteTimeout time.Duration `group:"deadline" default:"5s" placeholder:"TIME" help:"For the first byte of a connection. (default ${default})"`
	HandshakeTimeout time.Duration `group:"deadline" default:"10s" placeholder:"TIME" help:"For the whole handshake. (default ${default})"`
	PingInterval     time.Duration `group:"deadline" default:"25s" placeholder:"TIME" help:"Silence after which a client is pinged; 0 turns it off, and --peer-timeout with it. (default ${default})"`
	PeerTimeout      time.Duration `group:"deadline" default:"60s" placeholder:"TIME" help:"Silence after which a client counts as dead. (default ${default})"`
	CloseTimeout     time.Duration `group:"deadline" default:"5s" placeholder:"TIME" help:"For the answer to a close. (default ${default})"`

	DrainGrace   time.Duration `group:"drain" default:"0s" placeholder:"TIME" help:"First, /readyz says 503 and clients are still accepted, so that a load balancer can look away. (default ${default})"`
	DrainPeriod  time.Duration `group:"drain" default:"0s" placeholder:"TIME" help:"Then the clients are closed with 1012, spread over this time, so that they do not reconnect all at once. (default ${default})"`
	DrainTimeout time.Duration `group:"drain" default:"30s" placeholder:"TIME" help:"All of it, queues flushed included; what is left then is cut. (default ${default})"`

	Engine   string `group:"engine" default:"default" enum:"default,easygo,epoll,goroutine" placeholder:"NAME" help:"What waits for sockets, one of ${enum}. (default ${default})"`
	Reactors int    `group:"engine" default:"0" placeholder:"N" help:"Goroutines that own the sockets. (default ${default}: one less than GOMAXPROCS, but 2 on 2 cores)"`
	Workers  int    `group:"engine" default:"256" placeholder:"N" help:"Goroutines that handle events, at most. (default ${default})"`

	LogLevel  string `group:"log" default:"info" enum:"debug,info,warn,error" placeholder:"LEVEL" help:"Least level that is written, one of ${enum}. (default ${default})"`
	LogFormat string `group:"log" default:"text" enum:"text,json" placeholder:"FORMAT" help:"One of ${enum}. (default ${default})"`
}

// Help is what spokehub serve --help tells before it lists the flags.
func (serveFlags) Help() string {
	return `Every flag can also be set by the environment variable that stands behind it; a flag wins.
A SIZE is a number of bytes, or a number with KiB, MiB, GiB (powers of 1024) or KB, MB, GB (powers of 1000).
A TIME is written as in 500ms, 10s or 1m30s.

Try it on this machine, then open http://127.0.0.1:8080/ in two tabs:

    spokehub serve

Publish from a shell:

    curl --data-binary '{"type":"price","id":"EURUSD","payload":1.08}' http://127.0.0.1:8081/publish

Serve a site's visitors, with queues of 256 KiB each and logs for a machine to read:

    spokehub serve --listen :8080 --origin https://example.com --queue-limit 256KiB --log-format json

Behind a load balancer that looks at /readyz every 5 seconds:

    SPOKEHUB_DRAIN_GRACE=10s SPOKEHUB_DRAIN_PERIOD=20s SPOKEHUB_DRAIN_TIMEOUT=45s spokehub serve --listen :8080`
}

// check refuses what the parts that read a flag could not tell from a
// failure, and a 0 where fanout.Config would take it for its default.
func (f serveFlags) check() error {
	if _, _, err := net.SplitHostPort(f.Listen); err != nil {
		return fmt.Errorf("--listen: %q is no HOST:PORT, such as 127.0.0.1:8080 or :8080", f.Listen)
	}
	if f.Admin != "" {
		if _, _, err := net.SplitHostPort(f.Admin); err != nil {
			return fmt.Errorf("--admin: %q is no HOST:PORT, such as 127.0.0.1:8081; empty turns it off", f.Admin)
		}
	}
	if !strings.HasPrefix(f.Path, "/") {
		return fmt.Errorf("--path: %q does not start with a slash", f.Path)
	}
	if plain, err := url.PathUnescape(f.Path); err != nil || plain != f.Path || path.Clean(f.Path) != f.Path {
		return fmt.Errorf("--path: %q reaches no client as it is: write it without escapes, dots, double slashes and a slash at the end", f.Path)
	}
	if slices.Contains([]string{"/healthz", "/readyz"}, f.Path) || f.Page && slices.Contains([]string{"/", "/stats.json"}, f.Path) {
		return fmt.Errorf("--path: %q is where the hub serves something else; --no-page frees / and /stats.json", f.Path)
	}
	if f.MaxConnections < 0 {
		return fmt.Errorf("--max-connections: must not be less than 0")
	}
	for _, flag := range []struct {
		name  string
		value int64
	}{
		{"--max-message", int64(f.MaxMessage)},
		{"--publish-limit", int64(f.PublishLimit)},
		{"--queue-limit", int64(f.QueueLimit)},
		{"--unsent-limit", int64(f.UnsentLimit)},
		{"--max-topics", int64(f.MaxTopics)},
		{"--first-byte-timeout", int64(f.FirstByteTimeout)},
		{"--handshake-timeout", int64(f.HandshakeTimeout)},
		{"--peer-timeout", int64(f.PeerTimeout)},
		{"--close-timeout", int64(f.CloseTimeout)},
		{"--drain-timeout", int64(f.DrainTimeout)},
		{"--workers", int64(f.Workers)},
	} {
		if flag.value <= 0 {
			return fmt.Errorf("%s: must be more than 0", flag.name)
		}
	}
	if f.PingInterval < 0 || f.DrainGrace < 0 || f.DrainPeriod < 0 {
		return fmt.Errorf("--ping-interval, --drain-grace, --drain-period: must not be less than 0")
	}
	if f.DrainGrace+f.DrainPeriod > f.DrainTimeout {
		return fmt.Errorf("--drain-grace %v and --drain-period %v together are longer than --drain-timeout %v",
			f.DrainGrace, f.DrainPeriod, f.DrainTimeout)
	}
	return nil
}

var (
	configField = regexp.MustCompile(`(?:^fanout: )?\bConfig\.([A-Za-z]+)`)
	wordStart   = regexp.MustCompile(`([a-z])([A-Z])`)
)

// flagError turns an error that names a field of fanout.Config into one that
// names the flag which set it.
func flagError(err error) error {
	text := configField.ReplaceAllStringFunc(err.Error(), func(match string) string {
		field := configField.FindStringSubmatch(match)[1]
		switch field {
		case "Origins", "Subprotocols":
			field = strings.TrimSuffix(field, "s")
		}
		return "--" + strings.ToLower(wordStart.ReplaceAllString(field, "$1-$2"))
	})
	return usageError{fmt.Errorf("%s", text)}
}
