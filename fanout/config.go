package fanout

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/netpoll"
	"github.com/spokehub/spokehub/stream"
	"github.com/spokehub/spokehub/wsframe"
)

// Engine says how the hub waits for its connections.
type Engine = netpoll.Engine

// The engines. On Linux EngineDefault is EngineEasygo for several reactors and EngineParked, which waits through Go's runtime,
// for one. Elsewhere it is EngineGoroutine, which works on any system and takes any net.Conn with two goroutines each, as the
// other engines do for what has no descriptor, such as a pipe. The descriptor of a TLS connection that the hub has not made itself they
// watch, and give it goroutines only while there is something to read or to write.
const (
	EngineDefault   = netpoll.EngineDefault
	EngineEasygo    = netpoll.EngineEasygo
	EngineEpoll     = netpoll.EngineEpoll
	EngineParked    = netpoll.EngineParked
	EngineGoroutine = netpoll.EngineGoroutine
)

// ParseEngine reads an engine's name: default, easygo, epoll, parked or goroutine.
func ParseEngine(name string) (Engine, error) { return netpoll.ParseEngine(name) }

// Config says how a hub works. It is passed by value, and only Hub.Reconfigure changes a hub's copy. The zero value of a field
// means its default, which the field's comment names. New returns an error that names a field whose value makes no sense.
//
// Callbacks are the functions whose names begin with On, and listeners. They run on the worker pool, never on a reactor and never
// under a lock; those of one connection never overlap and come in order. They may block, which delays only that connection as long as
// there are idle workers, and may call any method. A panic in one is recovered, counted in Stats.Panics and logged, and the connection
// goes on. OnHandshake, which there is no connection for yet, is different, as it says. Callbacks that need the hub may
// read a variable that is set when New has returned: none is called before the hub gets its first connection.
type Config struct {
	// OnConnection is called once for each connection that has its identity, before any event of it is handled: what it sends waits
	// until this returns, also after a panic. Events that others dispatch to it don't wait. conn tells addresses; it can be read and
	// written only after RemoveConnection.
	OnConnection func(s *Spoke, conn net.Conn)
	// OnDisconnection is called once, last, for every connection that OnConnection was called for. The spoke still tells its identity
	// and value. Shutdown waits for it.
	OnDisconnection func(s *Spoke, conn net.Conn, cause Cause)
	// OnBackpressure is called once, when the spoke's queue would exceed QueueLimit, or when MemoryBudget is exceeded and the spoke
	// holds most, before the spoke is closed with 1013.
	OnBackpressure func(s *Spoke, info Backpressure)
	// OnEvent sees every event that a spoke sends and may publish, ahead of the listeners, which are called after a panic too. The
	// payload is borrowed until it returns.
	OnEvent func(s *Spoke, e event.Event)
	// OnHandshake says who a client of Serve or ServeHTTP is, before it becomes a spoke. It runs on the worker pool, half of Workers
	// at a time and the rest in order, or for ServeHTTP on a goroutine of its own. ctx ends with what is left of
	// HandshakeTimeout, or when the client or the hub goes; what the hook says later is dropped. An error turns the client away: a
	// *Refusal as it says, ErrAuthLater lets it in to identify itself by __auth, any other, or a panic, with 500 and no word of the
	// error, which is logged. A client over which it has not decided in time gets 503. Nil: every client is let in with the zero
	// Identity, which may do all. It is not asked about connections of AddConnection.
	OnHandshake func(ctx context.Context, h *Handshake) (Identity, error)
	// OnAuth says whom a token of __auth identifies. It runs beside OnHandshake, ahead of it where the spoke has an identity. ctx ends
	// after HandshakeTimeout, which waiting for a worker is part of, or with the connection. On an error or a panic the spoke's token
	// is rejected with the reason unauthenticated, whatever the error says, and an identity that it has stays; a *Refusal with a Code
	// also closes it. A *Refusal with a Status and RetryAfter says that the token can't be judged now: it closes a spoke that has no
	// identity yet with 1013 and the hint, since a client does not come back after 4401. The user of a spoke can't change, though an
	// anonymous one may get a user. Of one spoke it is asked about one token at a time, and how often is limited. It is called ahead
	// of OnConnection for a spoke that was let in with ErrAuthLater. Nil: every token is rejected.
	OnAuth func(ctx context.Context, s *Spoke, token string) (Identity, error)
	// OnSubscribe is asked about each topic that a spoke's identity lets it subscribe to, and may still refuse it: an error, or a
	// panic, rejects the topic with the reason forbidden. The error goes no further. It is asked again where the spoke wants to see the users
	// of a topic (__presence), and not about Spoke.Subscribe. Nil allows all.
	OnSubscribe func(s *Spoke, topic string) error
	// OnPublish is asked about each event that a spoke's identity lets it publish, before listeners and other spokes get it, also
	// where nobody would. An error, or a panic, drops it with a reject, reason forbidden; the error goes no further. What the spoke
	// sends behind the event waits for the answer, so the order stays. It is asked about some events ahead of the listeners of those
	// before them. The payload is borrowed until it returns. Nil allows all.
	OnPublish func(s *Spoke, e event.Event) error
	// OnSubscribed is called for each subscription that has come into force, Spoke.Subscribe included; again for the same topic only
	// if it had ended. What send sends comes behind the ack and ahead of every event that was dispatched to the spoke since, of
	// whatever topic, by Spoke.DispatchEvent too: a snapshot has no gap, and no live event comes before it. Those events wait until
	// the hook has returned for all topics of the control event, and with them count against QueueLimit: a hook that takes too long
	// for what is dispatched meanwhile costs the spoke its connection, with 1013. Answers and pings do not wait.
	//
	// A snapshot may have what comes again behind it: an event that was dispatched before the hook read the state, but after the
	// subscription was in force. Where that matters, give events numbers, so that clients drop those that the snapshot had.
	//
	// send may be called from any goroutine until OnSubscribed returns, with any valid event. It copies the payload, and waits like
	// Hub.DispatchEvent, at most 10 ms if the spoke reads too slowly. It reports false once it is known that the spoke takes nothing
	// more. After a panic the hook counts as having returned. When the spoke is closed meanwhile, the events that wait are dropped,
	// for they must not come without their snapshot; RemoveConnection has them sent, and Shutdown closes the spoke when the hook has
	// returned.
	OnSubscribed func(s *Spoke, topic string, send func(e event.Event) bool)

	// Relay dispatches the events of spokes to the other subscribers.
	Relay bool
	// Binary sends binary messages instead of text.
	Binary bool

	// QueueLimit is how many unsent bytes a connection may have queued before it is closed with 1013. Each frame behind the first
	// counts for 64 bytes more than it has, since a queue of tiny frames takes memory, too. Default 1 MiB.
	QueueLimit int
	// MaxMessage is the longest message that a spoke may send, in bytes; four times MaxHandshake, if that is less, before a spoke that
	// was let in with ErrAuthLater has sent a token. Control events need long ones, for they may name
	// thousands of topics. Default 1 MiB.
	MaxMessage int
	// MaxEvent is the longest event that Relay passes on, in bytes of its type, id and payload. A spoke whose event is longer and
	// has receivers is closed with 1009. Keep it at a quarter of QueueLimit or below: only then can a burst of events not fill
	// the queues of healthy receivers before its sender is slowed down. Default 64 KiB.
	MaxEvent int
	// MaxTopics is how many topics a spoke may subscribe to; one whose users it is told counts as one more. A control event that
	// names more is rejected whole, for the limit and with no topic. Default 1,024.
	MaxTopics int
	// MemoryBudget is how many bytes all connections together may make the hub hold: queues, unfinished messages, events for
	// callbacks, subscriptions, handshakes, HTTP connections, and what Hub.Reserve counts. What many share counts once. Over
	// it, the connections that hold most are closed with 1013, and what they have sent and no callback has seen is dropped; a
	// connection that holds less than half of its fair share never is. Default: a quarter of the memory limit (GOMEMLIMIT) or,
	// without one, of the machine's memory.
	MemoryBudget int64
	// MaxConnections is how many connections may be open, including those that Serve has handed to Fallback. Over it,
	// connections that have been closing for long make room (see CloseTimeout). Where there are none, handshakes are answered
	// with 503. Other requests are still answered, a few at a time, and the connection is closed after the answer, so that
	// health checks reach a full hub. Default: no limit but the descriptors of the process.
	MaxConnections int
	// MaxConnectionsPerAddress is the same for one source address, with 429. The IPv6 addresses of a /64 network count as one,
	// because one client can use all of them. Default: none.
	MaxConnectionsPerAddress int
	// MaxHandshakesPerAddress is how many unfinished handshakes a source address may have. That of a client that is to identify itself by
	// __auth ends when it has. Default: none.
	MaxHandshakesPerAddress int
	// MaxHandshake is the length of the longest request head that Serve accepts, in bytes, with its cookies; a longer one is
	// answered with 431. Default 16 KiB.
	MaxHandshake int
	// MaxEventsPerSecond is how many frames a second a spoke may send, with a second's worth of burst: events, malformed messages,
	// fragments, pings and pongs, everything but control events. Over it, it is closed with 1008 and a hint when to come back. Default:
	// no limit, for spokes that are backends of the embedder's own. Where strangers may connect, set all three rates: 10,000
	// a second, 8 MiB and 10,000 hurt nobody honest, 100, 64 KiB and 200 suit a hub whose spokes are browsers.
	MaxEventsPerSecond int
	// MaxBytesPerSecond is the same for all bytes that it sends, as they arrive, with a burst of MaxMessage at least. Default: no limit.
	MaxBytesPerSecond int
	// MaxControlsPerSecond is the same for the topics that its control events name, each event counting as one at least, with a burst
	// of MaxTopics at least. The users of topics that it asks for (__presence) have a limit of the same size, 64 of them counting as a topic;
	// over that a list is rejected, and the spoke stays. Default: no limit.
	MaxControlsPerSecond int

	// Reactors is the number of goroutines that own connections. Default: one less than GOMAXPROCS, which leaves a core to
	// callbacks; but two on two cores, where the second doubles what a fan-out delivers.
	Reactors int
	// Workers is how many callbacks may run at a time; half as many OnHandshake and OnAuth may run beside them. Default 256.
	Workers int
	// Engine is how reactors wait. Default: EngineDefault.
	Engine Engine
	// SendBuffer is the kernel's send buffer of each connection in bytes: SO_SNDBUF. Default: the system's, which grows
	// by itself; see also UnsentLimit.
	SendBuffer int
	// UnsentLimit bounds what the kernel takes of a connection's bytes ahead of sending them: TCP_NOTSENT_LOWAT. Default
	// 128 KiB; negative leaves it to the system.
	UnsentLimit int

	// HandshakeTimeout is how long a client may take for its handshake, and OnHandshake as part of it. Default 10 s.
	HandshakeTimeout time.Duration
	// FirstByteTimeout is how long a client may take for the first byte of it. Default 5 s.
	FirstByteTimeout time.Duration
	// MessageTimeout is how long a message may take from its first byte to its last; a spoke that takes longer is closed with
	// 1008. Time in which the hub does not read the spoke does not count. Default 60 s.
	MessageTimeout time.Duration
	// PingInterval is how often a spoke is pinged, whether it sends or not. Default 25 s; negative: never.
	PingInterval time.Duration
	// PeerTimeout is how long a spoke may be silent before it is closed with 1001, if it also leaves a ping unanswered. A spoke
	// that reads slowly is not silent while its socket takes more, and time in which the hub did not run, as when the process
	// was stopped, does not count: here and for all other timeouts. Default 60 s.
	PeerTimeout time.Duration
	// CloseTimeout is how long a closing spoke may take to read what is queued and to answer: a client that is stalled when it
	// is closed learns why if it reads on within that time. Then what is queued is dropped but for the close frame, which gets
	// as long again. A closing connection costs its descriptor and what is queued; where descriptors or MaxConnections run
	// short, those that have been closing for longest, and for a tenth of that time, are ended first. A refused handshake has 5 s at most. Default 30 s.
	CloseTimeout time.Duration
	// DrainGrace is how long Shutdown waits before it stops accepting and closes the first spoke, so that load balancers notice
	// that the service is not ready any more and send clients elsewhere. Whoever still comes is served. Default 0.
	DrainGrace time.Duration
	// DrainPeriod is the time over which Shutdown spreads the closes. Default 0: all at once.
	DrainPeriod time.Duration

	// Path is where Serve answers WebSocket handshakes. Default "/ws".
	Path string
	// Origins are the web origins that may connect, such as "https://app.example.com" or "https://*.example.com"; "*"
	// lets any. Default: only pages of the same host. Clients that are not browsers send no origin and may connect.
	Origins []string
	// Hosts are the names under which clients may address the hub, such as "hub.example.com" or "*.example.com", without a port;
	// "*" lets any. Addresses and localhost always pass. A handshake for another name is answered with 421. That protects
	// against pages whose owner lets the name of the site mean this machine (DNS rebinding). Default: any name.
	Hosts []string
	// TopicRules say who may have which topics, whatever the permissions of identities say. The first that covers a topic holds.
	// Default: none.
	TopicRules []TopicRule
	// Policies say of which types events are kept, so that a spoke that comes back gets what it has missed, what happens to a spoke that
	// does not keep up, and where spokes may see who else is there. The first that covers a type holds. What is kept takes up to half
	// of MemoryBudget, and less where connections need more than the other half. Default: nothing is kept, and a spoke that does not
	// keep up is closed with 1013.
	Policies []stream.Policy
	// TrustedProxies are the networks of reverse proxies and load balancers that are believed when they tell who is behind them: with
	// X-Forwarded-For, X-Forwarded-Proto, X-Forwarded-Host, Forwarded, and, on listeners that expect it, the PROXY protocol. Limits by
	// address, logs, Spoke.RemoteAddr, Hosts, and the check of Origins against the host then go by the client and what it asked for.
	// The client is the last address listed that is in none of these networks. A connection on a Unix socket is a proxy's, if there
	// are any networks. What any other peer says of that kind is ignored. Both X-Forwarded-For and Forwarded are only believed if
	// they name the same client. Default: none.
	TrustedProxies []netip.Prefix
	// Subprotocols are offered in handshakes.
	Subprotocols []string
	// TLS turns TLS on for the listeners of Serve; ListenerOptions.TLS does so for one. The hub offers http/1.1, and acme-tls/1 where
	// NextProtos has it. It sends no session tickets, so that no key outlives its connection. To change certificates without a restart,
	// have GetCertificate or GetConfigForClient return the current one. TLS may not be changed any more. Default: no TLS.
	TLS *tls.Config
	// Fallback answers requests to other paths that Serve gets. Default: 404.
	Fallback http.Handler
	// Broker connects the hub to others, so that all of them work as one: an event reaches the spokes of all hubs, and a spoke may come back to any
	// of them. The hub starts it, and closes it when it ends; it can't be used by another hub. Events of types without a stream go to the spokes
	// of this hub at once, and to the others by way of the broker; those of streams go by way of the broker to all, so that all see one order, and can't
	// be published while it is away. All hubs of a cluster need the same Policies: those that differ are logged, and Hub.Nodes tells. Default: the hub stands alone.
	Broker broker.Broker
	// Node is the name by which other hubs of the cluster, and their operators, know this one (Hub.Nodes): letters, digits, ".", "-" and "_", up to 64. Each
	// hub needs one of its own: see ErrDuplicateNode. Default: the name of the machine, and some digits.
	Node string
	// Logger gets what an operator should know. Reactors call it, so a handler that blocks delays all connections of one.
	// Default: silence.
	Logger *slog.Logger
}

const (
	defaultQueueLimit   = 1 << 20
	defaultMaxMessage   = 1 << 20
	defaultMaxEvent     = 64 << 10
	defaultMaxTopics    = 1024
	defaultWorkers      = 256
	defaultUnsentLimit  = 128 << 10
	minQueueLimit       = 1 << 10
	maxReactors         = 64
	maxQueueLimit       = 1 << 30
	maxTimeout          = 24 * time.Hour
	minPingInterval     = 200 * time.Millisecond
	defaultPingInterval = 25 * time.Second
	defaultCloseTimeout = 30 * time.Second
	minBudget           = 1 << 20
	minMaxHandshake     = 1 << 10
	maxMaxHandshake     = 1 << 20
	// assumedMemory is that of a machine that does not tell.
	assumedMemory = 4 << 30
)

func (c Config) withDefaults() (Config, error) {
	if err := c.check(); err != nil {
		return c, err
	}
	orInt(&c.QueueLimit, defaultQueueLimit)
	orInt(&c.MaxMessage, defaultMaxMessage)
	orInt(&c.MaxEvent, defaultMaxEvent)
	orInt(&c.MaxTopics, defaultMaxTopics)
	orInt(&c.MaxHandshake, wsframe.DefaultMaxHead)
	orInt(&c.Workers, defaultWorkers)
	orInt(&c.Reactors, defaultReactors(runtime.GOMAXPROCS(0)))
	orInt(&c.UnsentLimit, defaultUnsentLimit)
	orTime(&c.HandshakeTimeout, 10*time.Second)
	orTime(&c.FirstByteTimeout, 5*time.Second)
	orTime(&c.MessageTimeout, 60*time.Second)
	orTime(&c.PingInterval, defaultPingInterval)
	orTime(&c.PeerTimeout, 60*time.Second)
	orTime(&c.CloseTimeout, defaultCloseTimeout)
	if c.MemoryBudget == 0 {
		c.MemoryBudget = defaultBudget()
	}
	if c.Path == "" {
		c.Path = "/ws"
	}
	if c.Fallback == nil {
		c.Fallback = http.NotFoundHandler()
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.PingInterval > 0 && c.PeerTimeout <= c.PingInterval {
		return c, fmt.Errorf("fanout: Config.PeerTimeout: %v must be longer than Config.PingInterval, %v", c.PeerTimeout, c.PingInterval)
	}
	return c, nil
}

func defaultReactors(cores int) int { return min(cores, max(2, cores-1), maxReactors) }

func (c Config) check() error {
	for _, f := range []struct {
		name            string
		value, min, max int64
	}{
		{"QueueLimit", int64(c.QueueLimit), minQueueLimit, maxQueueLimit},
		{"MaxMessage", int64(c.MaxMessage), 1, maxQueueLimit},
		{"MaxEvent", int64(c.MaxEvent), 1, maxQueueLimit},
		{"MaxTopics", int64(c.MaxTopics), 1, 1 << 30},
		{"MemoryBudget", c.MemoryBudget, minBudget, 1 << 60},
		{"MaxConnections", int64(c.MaxConnections), 1, 1 << 31},
		{"MaxConnectionsPerAddress", int64(c.MaxConnectionsPerAddress), 1, 1 << 31},
		{"MaxHandshakesPerAddress", int64(c.MaxHandshakesPerAddress), 1, 1 << 31},
		{"MaxHandshake", int64(c.MaxHandshake), minMaxHandshake, maxMaxHandshake},
		{"MaxEventsPerSecond", int64(c.MaxEventsPerSecond), 1, 1 << 30},
		{"MaxBytesPerSecond", int64(c.MaxBytesPerSecond), 1, 1 << 40},
		{"MaxControlsPerSecond", int64(c.MaxControlsPerSecond), 1, 1 << 30},
		{"Reactors", int64(c.Reactors), 1, maxReactors},
		{"Workers", int64(c.Workers), 1, 1 << 20},
		{"SendBuffer", int64(c.SendBuffer), 1 << 10, 1 << 30},
		{"UnsentLimit", int64(max(c.UnsentLimit, 0)), 1 << 10, 1 << 30},
	} {
		if f.value != 0 && (f.value < f.min || f.value > f.max) {
			return fmt.Errorf("fanout: Config.%s: %d is not between %d and %d", f.name, f.value, f.min, f.max)
		}
	}
	for _, f := range []struct {
		name       string
		value, min time.Duration
	}{
		{"HandshakeTimeout", c.HandshakeTimeout, netpoll.Tick},
		{"FirstByteTimeout", c.FirstByteTimeout, netpoll.Tick},
		{"MessageTimeout", c.MessageTimeout, netpoll.Tick},
		{"PingInterval", max(c.PingInterval, 0), minPingInterval},
		{"PeerTimeout", c.PeerTimeout, minPingInterval},
		{"CloseTimeout", c.CloseTimeout, netpoll.Tick},
		{"DrainGrace", c.DrainGrace, 1},
		{"DrainPeriod", c.DrainPeriod, 1},
	} {
		if f.value != 0 && (f.value < f.min || f.value > maxTimeout) {
			return fmt.Errorf("fanout: Config.%s: %v is not between %v and %v", f.name, f.value, f.min, maxTimeout)
		}
	}
	if err := checkTLS(c.TLS); err != nil {
		return fmt.Errorf("fanout: Config.TLS: %w", err)
	}
	if c.Engine > EngineGoroutine {
		return fmt.Errorf("fanout: Config.Engine: %d is none of the engines", c.Engine)
	}
	return nil
}

// defaultBudget is a quarter of what memory the process may use.
func defaultBudget() int64 { return budgetOf(debug.SetMemoryLimit(-1), netpoll.MachineMemory()) }

// budgetOf is the default budget below a memory limit of the process, math.MaxInt64 if it has none, on a machine of so many bytes, 0 if that is unknown. A cgroup
// may allow more than the machine has.
func budgetOf(limit, machine int64) int64 {
	if machine > 0 {
		limit = min(limit, machine)
	}
	if limit == math.MaxInt64 {
		limit = assumedMemory
	}
	return max(limit/4, minBudget)
}

func orInt(field *int, value int) {
	if *field == 0 {
		*field = value
	}
}

func orTime(field *time.Duration, value time.Duration) {
	if *field == 0 {
		*field = value
	}
}

// ErrClosed is returned by what needs a running hub after Shutdown.
var ErrClosed = errors.New("hub is closed")

// ErrNotConnected is returned by RemoveConnection for a connection that the hub does not have, and by Spoke.Subscribe and
// Spoke.Unsubscribe for a spoke that has ended.
var ErrNotConnected = errors.New("not a connection of this hub")

// ErrTopicLimit is returned by Spoke.Subscribe for a topic that Config.MaxTopics does not allow.
var ErrTopicLimit = errors.New("the spoke has as many topics as it may")

// ErrTooMany is returned by AddConnection when a limit on connections is reached.
var ErrTooMany = errors.New("too many connections")
