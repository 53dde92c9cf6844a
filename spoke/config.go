package spoke

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/spokehub/spokehub/event"
)

// Config says how a client behaves. The zero value is for a hub that asks for no token. Dial copies it, Header and TLS too; the functions are
// called as their own documentation says.
type Config struct {
	// Header is sent with every handshake, beside what a handshake needs: cookies, an Origin.
	Header http.Header
	// Token says who the client is. It is sent as "Authorization: Bearer" with every handshake.
	Token string
	// GetToken returns the token for each connection, and a new one ahead of the end of one that expires, in place of Token. It
	// may block, for ConnectTimeout at most; ctx ends then and with the client. An error, or a panic, counts as a connection that failed.
	GetToken func(ctx context.Context) (string, error)
	// TokenAsEvent sends the token as the first event of a connection, in place of the header: for hubs that ask for it there.
	TokenAsEvent bool
	// TLS is the configuration of wss; nil is that of crypto/tls. Dial clones it.
	TLS *tls.Config
	// Proxy returns the proxy for a handshake, nil for none. Without it the environment says so, as for
	// [http.ProxyFromEnvironment]. Plain WebSocket goes through HTTP proxies by CONNECT.
	Proxy func(*http.Request) (*url.URL, error)
	// DialContext makes the connections; nil is that of a [net.Dialer].
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)

	// Background has Dial return at once, and the client connect in the background until Close, whatever fails at first.
	Background bool
	// ConnectTimeout is the time for one attempt: token, TCP, TLS and handshake. 0 is 10 s.
	ConnectTimeout time.Duration
	// MinDelay and MaxDelay are the bounds of the delay ahead of an attempt to reconnect. 0 is 0.5 and 20 s; a MaxDelay under 0.5 s
	// lowers a MinDelay of 0 with it. A topic that the hub can't take yet is asked for again after twice MinDelay at first, and after MaxDelay
	// at last.
	MinDelay, MaxDelay time.Duration
	// HealthyAfter is how long a connection has to last until failures before it no longer count. 0 is 5 s.
	HealthyAfter time.Duration
	// PingInterval is how long the hub may be silent until the client asks whether it is there. 0 is 30 s.
	PingInterval time.Duration
	// PongTimeout is how long the client waits for the answer, and for a socket that takes nothing. 0 is 10 s.
	PongTimeout time.Duration
	// CloseTimeout is how long Close may take. 0 is 5 s.
	CloseTimeout time.Duration

	// QueueEvents and QueueBytes are how much may wait while there is no connection, in events and in bytes of their messages.
	// 0 is 64 and 64 KiB.
	QueueEvents, QueueBytes int
	// SendBuffer is how many bytes of messages may wait for the socket of a connection. 0 is 1 MiB.
	SendBuffer int
	// EventBuffer is how many events may wait for a loop over Events. 0 is 256.
	EventBuffer int
	// WhenFull is what becomes of a loop over Events whose buffer is full.
	WhenFull WhenFull
	// MaxMessage is how long a message of the hub may be, in bytes. 0 is 1 MiB. A longer one ends the client.
	MaxMessage int64
	// MaxTopics is how many topics the client names in one control event. 0 is 1,024, the most that hubs take by default. A hub
	// that takes fewer says so, and the client asks again in smaller parts. A topic that is resumed takes some 100 bytes.
	MaxTopics int

	// OnState is called with each change of the client's state, in order, on the goroutine that calls the listeners; so it
	// never runs beside them. Dial calls it too, before it returns.
	OnState func(State)
	// OnReject is called with what the hub refuses: a subscription, also one that it takes away later, presence, or an event. It runs as
	// OnState does. It is not called for a subscription that the hub can't take yet, which is asked for again.
	OnReject func(*RejectError)
	// OnUnavailable is called with a topic that the hub can't take yet, when the hub says so for the first time on a connection. It is asked for
	// again by itself. It runs as OnState does.
	OnUnavailable func(topic string)
	// OnGap is called where events will not come: the hub tells so, or keeps no longer what the client has missed without a connection
	// ([GapFresh]). It runs as OnState does, in the place of the events among the calls of listeners. A gap of a type is one of all its
	// topics. Of several topics that are resumed in vain each has one.
	OnGap func(event.Gap)
	// Logger is told of state changes, refusals, gaps and panics. Nil is slog.Default. [slog.DiscardHandler] keeps it quiet.
	Logger *slog.Logger
}

// WhenFull says what becomes of a loop over [Client.Events] that is slower than its events.
type WhenFull int

const (
	// EndWhenFull ends the loop with ErrSlowReader, behind the events that the buffer has.
	EndWhenFull WhenFull = iota
	// DropOldest drops the oldest event for each new one, and gives the loop a DroppedError in place of them.
	DropOldest
)

// The longest delay and the most bytes that make sense to say.
const (
	maxDuration = 24 * time.Hour
	maxBytes    = 1 << 30
)

// withDefaults returns the configuration with a value in each field, or an error that names the field that is wrong.
func (c Config) withDefaults() (Config, error) {
	isFree := c.MinDelay == 0
	durations := []struct {
		name     string
		value    *time.Duration
		fallback time.Duration
	}{
		{"ConnectTimeout", &c.ConnectTimeout, 10 * time.Second},
		{"MaxDelay", &c.MaxDelay, max(20*time.Second, c.MinDelay)},
		{"MinDelay", &c.MinDelay, 500 * time.Millisecond},
		{"HealthyAfter", &c.HealthyAfter, 5 * time.Second},
		{"PingInterval", &c.PingInterval, 30 * time.Second},
		{"PongTimeout", &c.PongTimeout, 10 * time.Second},
		{"CloseTimeout", &c.CloseTimeout, 5 * time.Second},
	}
	for _, d := range durations {
		if *d.value < 0 || *d.value > maxDuration {
			return Config{}, fmt.Errorf("spoke: Config.%s is %v, want 0 to %v", d.name, *d.value, maxDuration)
		}
		if *d.value == 0 {
			*d.value = d.fallback
		}
	}
	if isFree && c.MaxDelay < c.MinDelay {
		c.MinDelay = c.MaxDelay
	}
	counts := []struct {
		name     string
		value    *int
		fallback int
	}{
		{"QueueEvents", &c.QueueEvents, 64},
		{"QueueBytes", &c.QueueBytes, 64 << 10},
		{"SendBuffer", &c.SendBuffer, 1 << 20},
		{"EventBuffer", &c.EventBuffer, 256},
		{"MaxTopics", &c.MaxTopics, 1024},
	}
	for _, n := range counts {
		if *n.value < 0 || *n.value > maxBytes {
			return Config{}, fmt.Errorf("spoke: Config.%s is %d, want 0 to %d", n.name, *n.value, maxBytes)
		}
		if *n.value == 0 {
			*n.value = n.fallback
		}
	}
	if c.MaxMessage == 0 {
		c.MaxMessage = 1 << 20
	}
	c.Header, c.TLS = c.Header.Clone(), c.TLS.Clone()
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return c, c.fault()
}

// fault is what is wrong with the fields that withDefaults does not go through, or with several together.
func (c Config) fault() error {
	switch {
	case c.MinDelay > c.MaxDelay:
		return fmt.Errorf("spoke: Config.MinDelay is %v, more than MaxDelay, which is %v", c.MinDelay, c.MaxDelay)
	case c.MaxMessage < 0 || c.MaxMessage > maxBytes:
		return fmt.Errorf("spoke: Config.MaxMessage is %d, want 0 to %d", c.MaxMessage, maxBytes)
	case c.WhenFull != EndWhenFull && c.WhenFull != DropOldest:
		return fmt.Errorf("spoke: Config.WhenFull is %d, want EndWhenFull or DropOldest", c.WhenFull)
	case c.Token != "" && c.GetToken != nil:
		return errors.New("spoke: Config has both Token and GetToken; leave one out")
	case c.TokenAsEvent && c.Token == "" && c.GetToken == nil:
		return errors.New("spoke: Config.TokenAsEvent needs Token or GetToken")
	case c.Header.Get("Authorization") != "" && (c.Token != "" || c.GetToken != nil) && !c.TokenAsEvent:
		return errors.New("spoke: Config.Header has an Authorization, and there is a token for it too; leave one out")
	}
	for _, name := range reservedHeaders {
		if c.Header.Get(name) != "" {
			return fmt.Errorf("spoke: Config.Header has %s, which the handshake sets itself; leave it out", name)
		}
	}
	return nil
}

// reservedHeaders belong to the handshake.
var reservedHeaders = []string{"Connection", "Upgrade", "Sec-WebSocket-Key", "Sec-WebSocket-Version", "Sec-WebSocket-Extensions", "Sec-WebSocket-Protocol"}
