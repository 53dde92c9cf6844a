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

	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/stream"
)

// serveFlags are the flags of spokehub serve. A flag that sets a field of
// fanout.Config has the name of that field, so that flagError can translate
// errors that name the field.
type serveFlags struct {
	Config string   `group:"address" placeholder:"FILE" help:"File of settings in YAML: its keys are the names of the flags, and topics says who may publish and subscribe to what. Flags and variables take precedence. (default: none)"`
	Listen []string `group:"address" default:"127.0.0.1:8080" sep:" " placeholder:"ADDRESS" help:"Where clients connect: WebSocket on --path, the built-in page on /, the JavaScript client on /client.js, /healthz and /readyz. HOST:PORT, where port 0 picks a free one and the start line says which, unix:PATH, or systemd:NAME for the sockets that systemd passes under that name. Options stand behind commas: mode=0660 for the file of a Unix socket, proxy-protocol for addresses that a proxy sends ahead, plain or tls for one that does not do as --tls-cert says, and tls-cert=FILE, tls-key=FILE, tls-min=VERSION and tls-client-ca=FILE in place of those flags. Repeat it for several; the variable has spaces between them. (default ${default})"`
	Admin  string   `group:"address" default:"127.0.0.1:8081" placeholder:"HOST:PORT" help:"Where operators connect: /metrics, /debug/pprof/, POST /publish, GET /history, GET /nodes, and who is connected. Other machines may reach it only with --api-keys. Empty turns it off. (default ${default})"`
	Path   string   `group:"address" default:"/ws" placeholder:"PATH" help:"The path of the WebSocket handshake. (default ${default})"`
	Page   bool     `group:"address" default:"true" negatable:"" help:"Serve the built-in page on / and its counters on /stats.json. (default ${default})"`

	Relay        bool          `group:"events" default:"true" negatable:"" help:"Relay events that clients send to the other subscribers. (default ${default})"`
	Binary       bool          `group:"events" help:"Send binary messages instead of text. The hub always accepts both. (default false)"`
	MaxMessage   byteSize      `group:"events" default:"1MiB" placeholder:"SIZE" help:"Largest message a client may send, such as a control event with many topics. A client that exceeds it is closed with 1009. (default ${default})"`
	MaxEvent     byteSize      `group:"events" default:"64KiB" placeholder:"SIZE" help:"Largest event that is relayed, or that /publish accepts. A client that exceeds it is closed with 1009. (default ${default})"`
	History      []historyFlag `group:"events" placeholder:"TYPE=EVENTS" help:"Keep the newest events of a type, such as 1,000 with price=1000, or of each type that begins so, with price*=1000: clients that come back get what they have missed, and those that do not keep up get it later. Repeat it for several. The key topics of the file says more about streams: docs/streams.md. (default: none)"`
	PublishLimit byteSize      `group:"events" default:"64MiB" placeholder:"SIZE" help:"Largest body of one POST /publish. (default ${default})"`

	MaxConnections int      `reload:"" group:"limits" default:"0" placeholder:"N" help:"Clients at the same time. (default ${default}: as many as the file limit allows)"`
	MemoryBudget   byteSize `group:"limits" default:"0" placeholder:"SIZE" help:"Memory that all clients together may make the hub hold: queues, unfinished messages, subscriptions, handshakes, HTTP requests, and the events that streams keep. Above it, the hub closes the clients that hold most, with 1013. (default ${default}: a quarter of GOMEMLIMIT, or of the machine's memory. GOMEMLIMIT is 0.9 of the cgroup's memory if it is not set)"`

	QueueLimit         byteSize `group:"client" default:"1MiB" placeholder:"SIZE" help:"Unsent bytes of one client. A client that exceeds it is closed with 1013, unless the file says something else for the type, by the key behind of topics. (default ${default})"`
	MaxTopics          int      `reload:"" group:"client" default:"1024" placeholder:"N" help:"Topics one client may subscribe to. (default ${default})"`
	UnsentLimit        byteSize `group:"client" default:"128KiB" placeholder:"SIZE" help:"Bytes that the kernel accepts for a client before it can send them (TCP_NOTSENT_LOWAT). (default ${default})"`
	SendBuffer         byteSize `group:"client" default:"0" placeholder:"SIZE" help:"The kernel's send buffer for a client (SO_SNDBUF). (default ${default}: the system's default, which grows as needed)"`
	MaxEventsPerSecond int      `reload:"" group:"client" default:"10000" placeholder:"N" help:"Frames one client may send per second: events, fragments, pings and pongs. A client that exceeds a rate is closed with 1008. 0: no limit. (default ${default})"`
	MaxBytesPerSecond  byteSize `reload:"" group:"client" default:"8MiB" placeholder:"SIZE" help:"Bytes one client may send per second. 0: no limit. (default ${default})"`

	MaxControlsPerSecond int `reload:"" group:"client" default:"10000" placeholder:"N" help:"Topics one client may subscribe to and unsubscribe from per second. 0: no limit. (default ${default})"`

	MaxConnectionsPerAddress int `reload:"" group:"source" default:"0" placeholder:"N" help:"Clients at the same time. An IPv6 network of /64 counts as one address. (default ${default}: no limit)"`
	MaxHandshakesPerAddress  int `reload:"" group:"source" default:"0" placeholder:"N" help:"Handshakes in progress at the same time; a client that is to identify itself by __auth counts until it has. (default ${default}: no limit)"`

	TrustedProxies []string `name:"trusted-proxy" group:"source" placeholder:"NETWORK" help:"Network or address of reverse proxies that are believed when they tell the client's address, host and scheme, in X-Forwarded-For, -Host and -Proto or Forwarded, or with the PROXY protocol. Repeat it for several. (default: none)"`

	MaxHandshake byteSize `reload:"" group:"browser" default:"16KiB" placeholder:"SIZE" help:"Largest head of a request, with its target and cookies. A longer one is answered with 431. (default ${default})"`
	Hosts        []string `reload:"" name:"host" group:"browser" placeholder:"NAME" help:"Name under which clients address the hub, such as hub.example.com, *.example.com, or * for any. Repeat it for several. Addresses and localhost always pass, and so do the hosts of --origin; requests for another name get 421. (default: on a loopback address this machine's own name, elsewhere any)"`
	Origins      []string `reload:"" name:"origin" group:"browser" placeholder:"ORIGIN" help:"Origin of pages that may connect, such as https://example.com, https://*.example.com, or * for any. Repeat it for several. (default: pages of the same host)"`
	Subprotocols []string `reload:"" name:"subprotocol" group:"browser" placeholder:"NAME" help:"Subprotocol to negotiate. Repeat it for several, best first. (default: none)"`

	tlsFlags `help:"TLS at the public addresses."`

	brokerFlags `help:"Other hubs, with which this one works as one."`

	identityFlags `help:"Who clients are, and what they may do."`

	FirstByteTimeout time.Duration `group:"deadline" default:"5s" placeholder:"TIME" help:"Time for the first byte of a connection. (default ${default})"`
	HandshakeTimeout time.Duration `group:"deadline" default:"10s" placeholder:"TIME" help:"Time for the whole handshake. (default ${default})"`
	MessageTimeout   time.Duration `group:"deadline" default:"60s" placeholder:"TIME" help:"Time for a whole message, from its first byte. A client that takes longer is closed with 1008. (default ${default})"`
	PingInterval     time.Duration `group:"deadline" default:"25s" placeholder:"TIME" help:"How often the hub pings each client, whether it sends or not; 0 turns pings and --peer-timeout off. (default ${default})"`
	PeerTimeout      time.Duration `group:"deadline" default:"60s" placeholder:"TIME" help:"Silence after which the hub closes a client that has not answered a ping, with 1001. A client that reads slowly is not silent. (default ${default})"`
	CloseTimeout     time.Duration `group:"deadline" default:"30s" placeholder:"TIME" help:"Time for a client to read what is queued and to answer a close; a client that stalls learns why it was closed if it reads on within it. (default ${default})"`

	DrainGrace   time.Duration `reload:"" group:"drain" default:"0s" placeholder:"TIME" help:"First, /readyz answers 503 while the hub still accepts clients, so that a load balancer can stop sending them here. (default ${default})"`
	DrainPeriod  time.Duration `group:"drain" default:"0s" placeholder:"TIME" help:"Then the hub closes its clients with 1012, spread over this time so that they do not all reconnect at once. (default ${default})"`
	DrainTimeout time.Duration `reload:"" group:"drain" default:"30s" placeholder:"TIME" help:"Time for the whole drain, including the flush of all queues. Clients left after it are cut. (default ${default})"`

	Engine   string `group:"engine" default:"default" enum:"default,easygo,epoll,parked,goroutine" placeholder:"NAME" help:"How the hub waits for its sockets, one of ${enum}. parked is for one reactor. (default ${default}: on Linux easygo, or parked with one reactor; elsewhere goroutine)"`
	Reactors int    `group:"engine" default:"0" placeholder:"N" help:"Goroutines that own the sockets. (default ${default}: one less than GOMAXPROCS, but 2 on 2 cores)"`
	Workers  int    `group:"engine" default:"256" placeholder:"N" help:"Maximum number of goroutines that handle events. (default ${default})"`

	LogLevel  string `group:"log" reload:"" default:"info" enum:"debug,info,warn,error" placeholder:"LEVEL" help:"Lowest level to log, one of ${enum}. (default ${default})"`
	LogFormat string `group:"log" default:"text" enum:"text,json" placeholder:"FORMAT" help:"One of ${enum}. (default ${default})"`

	traceFlags `help:"Traces."`

	// TopicRules are what the key topics of the file says.
	TopicRules []fanout.TopicRule `kong:"-" help:"Who may have which topics."`
	// Policies are what it says of streams and presence.
	Policies []stream.Policy `kong:"-" help:"What is kept of which types."`
}

// Help is what spokehub serve --help prints before the flags.
func (serveCommand) Help() string {
	return `Every flag can also be set by the environment variable shown behind it, or in the file of --config; the flag takes
precedence over the variable, and the variable over the file. SIGHUP reads the file again.
A SIZE is a number of bytes, or a number with KiB, MiB, GiB (powers of 1024) or KB, MB, GB (powers of 1000).
A TIME is written like 500ms, 10s or 1m30s.

Try it on this machine, then open http://127.0.0.1:8080/ in two tabs:

    spokehub serve

Publish from a shell:

    curl --data-binary '{"type":"price","id":"EURUSD","payload":1.08}' http://127.0.0.1:8081/publish

Serve the visitors of a site, with queues of 256 KiB each and JSON logs:

    spokehub serve --listen :8080 --origin https://example.com --queue-limit 256KiB --log-format json

Serve wss:// and https://; a certificate that is renewed is taken over by itself:

    spokehub serve --listen :443 --tls-cert /etc/hub/fullchain.pem --tls-key /etc/hub/privkey.pem

Run behind a load balancer that checks /readyz every 5 seconds:

    SPOKEHUB_DRAIN_GRACE=10s SPOKEHUB_DRAIN_PERIOD=20s SPOKEHUB_DRAIN_TIMEOUT=45s spokehub serve --listen :8080`
}

// check rejects values whose use would look like a failure of the machine, and a 0
// where fanout.Config would take it for its default. It returns all that is wrong.
func (f serveFlags) check() (mistakes []error) {
	fail := func(format string, arguments ...any) { mistakes = append(mistakes, fmt.Errorf(format, arguments...)) }
	mistakes = append(mistakes, f.checkAddresses()...)
	if host, _, err := net.SplitHostPort(f.Admin); err == nil && f.APIKeys == "" && (host == "" || net.ParseIP(host) != nil) && !isLoopback(f.Admin) {
		mistakes = append(mistakes, f.openAdmin())
	}
	if !strings.HasPrefix(f.Path, "/") {
		fail("--path: %q does not start with a slash", f.Path)
	} else if plain, err := url.PathUnescape(f.Path); err != nil || plain != f.Path || path.Clean(f.Path) != f.Path {
		fail("--path: %q is not what a client would send: write it without escapes, dot segments, double slashes and a trailing slash", f.Path)
	}
	if slices.Contains([]string{"/healthz", "/readyz", clientPath}, f.Path) || f.Page && slices.Contains([]string{"/", "/stats.json"}, f.Path) {
		fail("--path: %q already has another use; --no-page frees / and /stats.json", f.Path)
	}
	mistakes = append(mistakes, f.checkSigns()...)
	if f.MaxMessage > 0 && f.MaxMessage < minMaxMessage {
		fail("--max-message: %v is too little for a control event, so that nobody could subscribe: at least %v", f.MaxMessage, byteSize(minMaxMessage))
	}
	mistakes = append(mistakes, f.identityFlags.check()...)
	mistakes = append(mistakes, f.checkTLS()...)
	mistakes = append(mistakes, f.checkBroker()...)
	mistakes = append(mistakes, f.traceFlags.check()...)
	if f.DrainGrace+f.DrainPeriod > f.DrainTimeout {
		fail("--drain-grace %v and --drain-period %v together exceed --drain-timeout %v",
			f.DrainGrace, f.DrainPeriod, f.DrainTimeout)
	}
	return mistakes
}

// minMaxMessage is about the length of a control event that subscribes to a topic with a short name.
const minMaxMessage = 64

// checkAddresses rejects addresses that are none, and those that are taken by others.
func (f serveFlags) checkAddresses() (mistakes []error) {
	fail := func(format string, arguments ...any) { mistakes = append(mistakes, fmt.Errorf(format, arguments...)) }
	if len(f.Listen) == 0 {
		fail("--listen: there is no address, so that nobody could connect")
	}
	if strings.HasPrefix(f.Admin, "unix:") || strings.Contains(f.Admin, ",") {
		fail("--admin: %q: want one HOST:PORT, such as 127.0.0.1:8081: Unix sockets and options are for --listen", f.Admin)
	} else if _, _, err := net.SplitHostPort(f.Admin); err != nil && f.Admin != "" {
		fail("--admin: %q is not a HOST:PORT, such as 127.0.0.1:8081; empty turns it off", f.Admin)
	} else if err := checkHostPort(f.Admin); err != nil && f.Admin != "" {
		fail("--admin: %w", err)
	}
	admin := listenAddress{network: "tcp", address: f.Admin}
	var taken []listenAddress
	for _, text := range f.Listen {
		address, err := parseListen(text)
		switch {
		case err != nil:
			fail("--listen: %w", err)
		case slices.ContainsFunc(taken, address.isSame):
			fail("--listen: %s is there twice, or another one has its port on all addresses", text)
		case f.Admin != "" && address.isSame(admin):
			fail("--admin %s: --listen %s has that port already: the two need different ones", f.Admin, text)
		}
		taken = append(taken, address)
	}
	return mistakes
}

// isOnLoopback says that browsers can reach the public addresses from this machine alone: there are TCP addresses, and all are
// loopback ones. No browser can open a Unix socket. Those that systemd opens count as reachable: areOnLoopback knows more.
func (f serveFlags) isOnLoopback() bool {
	found := false
	for _, text := range f.Listen {
		address, err := parseListen(text)
		if err != nil || address.network == "unix" {
			continue
		}
		if address.network != "tcp" || !address.onLoopback() {
			return false
		}
		found = true
	}
	return found
}

// checkSigns rejects negative numbers and times, and zero where it has no meaning.
func (f serveFlags) checkSigns() (mistakes []error) {
	for _, flag := range []struct {
		name    string
		value   int64
		text    any
		zeroToo bool
	}{
		{"--max-message", int64(f.MaxMessage), f.MaxMessage, false},
		{"--max-event", int64(f.MaxEvent), f.MaxEvent, false},
		{"--publish-limit", int64(f.PublishLimit), f.PublishLimit, false},
		{"--queue-limit", int64(f.QueueLimit), f.QueueLimit, false},
		{"--unsent-limit", int64(f.UnsentLimit), f.UnsentLimit, false},
		{"--max-handshake", int64(f.MaxHandshake), f.MaxHandshake, false},
		{"--max-topics", int64(f.MaxTopics), f.MaxTopics, false},
		{"--first-byte-timeout", int64(f.FirstByteTimeout), f.FirstByteTimeout, false},
		{"--handshake-timeout", int64(f.HandshakeTimeout), f.HandshakeTimeout, false},
		{"--message-timeout", int64(f.MessageTimeout), f.MessageTimeout, false},
		{"--peer-timeout", int64(f.PeerTimeout), f.PeerTimeout, false},
		{"--close-timeout", int64(f.CloseTimeout), f.CloseTimeout, false},
		{"--drain-timeout", int64(f.DrainTimeout), f.DrainTimeout, false},
		{"--workers", int64(f.Workers), f.Workers, false},
		{"--max-connections", int64(f.MaxConnections), f.MaxConnections, true},
		{"--max-connections-per-address", int64(f.MaxConnectionsPerAddress), f.MaxConnectionsPerAddress, true},
		{"--max-handshakes-per-address", int64(f.MaxHandshakesPerAddress), f.MaxHandshakesPerAddress, true},
		{"--max-events-per-second", int64(f.MaxEventsPerSecond), f.MaxEventsPerSecond, true},
		{"--max-controls-per-second", int64(f.MaxControlsPerSecond), f.MaxControlsPerSecond, true},
		{"--reactors", int64(f.Reactors), f.Reactors, true},
		{"--ping-interval", int64(f.PingInterval), f.PingInterval, true},
		{"--drain-grace", int64(f.DrainGrace), f.DrainGrace, true},
		{"--drain-period", int64(f.DrainPeriod), f.DrainPeriod, true},
	} {
		switch {
		case flag.value < 0:
			mistakes = append(mistakes, fmt.Errorf("%s: %v is negative", flag.name, flag.text))
		case flag.value == 0 && !flag.zeroToo:
			mistakes = append(mistakes, fmt.Errorf("%s: %v is too little: it must be more than 0", flag.name, flag.text))
		}
	}
	return mistakes
}

// A field of fanout.Config in an error, and the boundary of two words in its name.
var (
	configField  = regexp.MustCompile(`(?:^fanout: )?\bConfig\.([A-Za-z]+)`)
	wordBoundary = regexp.MustCompile(`([a-z])([A-Z])`)
)

// flagError makes an error of fanout.New name the flag instead of the field of
// fanout.Config that the flag set.
func flagError(err error) error {
	text := configField.ReplaceAllStringFunc(err.Error(), func(match string) string {
		field := configField.FindStringSubmatch(match)[1]
		if field == "TopicRules" || field == "Policies" {
			return topicsKey
		}
		return "--" + flagOf(field)
	})
	return usageError{fmt.Errorf("%s", text)}
}

// flagOf is the name of the flag, or the key of the file, that sets a field of fanout.Config.
func flagOf(field string) string {
	switch field {
	case "TopicRules":
		return topicsKey
	case "Policies":
		return policiesKey
	case "Origins", "Subprotocols", "Hosts":
		field = strings.TrimSuffix(field, "s")
	case "TrustedProxies":
		field = "TrustedProxy"
	}
	return strings.ToLower(wordBoundary.ReplaceAllString(field, "$1-$2"))
}
