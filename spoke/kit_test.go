package spoke_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/fanout/fanouttest"
	"github.com/spokehub/spokehub/spoke"
)

// patience is how long a test waits for what has to come.
const patience = time.Minute

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, fanouttest.GoleakOptions()...) }

// startHub starts a hub behind a server of net/http and returns its URL.
func startHub(t *testing.T, config fanout.Config) (*fanout.Hub, string) {
	t.Helper()
	config.Logger = slog.New(slog.DiscardHandler)
	hub, err := fanout.New(config)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(hub)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		hub.Shutdown(ctx)
		server.Close()
	})
	return hub, server.URL
}

// quick is config with short delays and no log.
func quick(config spoke.Config) spoke.Config {
	if config.MinDelay == 0 {
		config.MinDelay, config.MaxDelay = time.Millisecond, 20*time.Millisecond
	}
	config.Logger = slog.New(slog.DiscardHandler)
	return config
}

// dial connects a client that is closed with the test.
func dial(t *testing.T, url string, config spoke.Config) *spoke.Client {
	t.Helper()
	client, err := spoke.Dial(t.Context(), url, quick(config))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		client.Close()
		<-client.Done()
	})
	return client
}

func flush(t *testing.T, client *spoke.Client) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := client.Flush(ctx); err != nil {
		t.Fatalf("flush: %v", err)
	}
}

// await returns the next value of a channel, or fails the test.
func await[T any](t *testing.T, what string, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patience):
		t.Fatalf("%s did not come within %v", what, patience)
		panic("unreachable")
	}
}

// states returns a config whose OnState sends to the channel.
func states(config spoke.Config) (spoke.Config, <-chan spoke.State) {
	told := make(chan spoke.State, 1000)
	config.OnState = func(s spoke.State) { told <- s }
	return config, told
}

// awaitPhase drops states until one has the phase.
func awaitPhase(t *testing.T, told <-chan spoke.State, phase spoke.Phase) spoke.State {
	t.Helper()
	for {
		if s := await(t, "the state "+phase.String(), told); s.Phase == phase {
			return s
		}
	}
}

// script is what a server of the test does with a connection, the first being 0.
type script func(c *serverConn, number int)

// serverConn is a connection at a server of the test.
type serverConn struct {
	ws     *websocket.Conn
	header http.Header
}

// scripted starts a server that does what the script says, and returns its URL.
func scripted(t *testing.T, do script) string {
	t.Helper()
	var mu sync.Mutex
	number := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		ws.SetReadLimit(1 << 20)
		mu.Lock()
		mine := number
		number++
		mu.Unlock()
		defer ws.CloseNow()
		do(&serverConn{ws: ws, header: r.Header}, mine)
	}))
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server.URL
}

// next returns the next message, or "" once the connection has ended.
func (c *serverConn) next() string {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, message, err := c.ws.Read(ctx)
	if err != nil {
		return ""
	}
	return string(message)
}

func (c *serverConn) send(message string) {
	c.ws.Write(context.Background(), websocket.MessageText, []byte(message))
}

// control is a control event as a server reads it.
type control struct {
	Type, ID string
	Payload  struct {
		Topics []string
		Token  string
	}
}

func parse(message string) control {
	var c control
	json.Unmarshal([]byte(message), &c)
	return c
}

// ack acknowledges a control event with all its topics.
func (c *serverConn) ack(message string) {
	q := parse(message)
	var topics [][]byte
	for _, topic := range q.Payload.Topics {
		topics = append(topics, []byte(topic))
	}
	c.send(string(event.AppendAck(nil, []byte(q.ID), topics)))
}

func (c *serverConn) reject(message, topic string, reason event.Reason) {
	c.send(string(event.AppendReject(nil, []byte(parse(message).ID), []byte(topic), reason)))
}

// serve acknowledges control events until the connection ends, and sends each message to the channel.
func (c *serverConn) serve(heard chan<- string) {
	for message := c.next(); message != ""; message = c.next() {
		if heard != nil {
			heard <- message
		}
		if strings.HasPrefix(message, `{"type":"__`) {
			c.ack(message)
		}
	}
}

// isProbe says whether a message asks for nothing but an answer.
func isProbe(message string) bool {
	q := parse(message)
	return q.Type == event.TypeUnsubscribe && len(q.Payload.Topics) == 0
}

// short is a message as tests compare it: "+a,b" for a subscription, "-a" for the end of one, "who" for a question for presence, "?" for one
// that asks for nothing but an answer, and events as they are.
func short(message string) string {
	q := parse(message)
	topics := slices.Sorted(slices.Values(q.Payload.Topics))
	switch {
	case isProbe(message):
		return "?"
	case q.Type == event.TypeSubscribe:
		return "+" + strings.Join(topics, ",")
	case q.Type == event.TypeUnsubscribe:
		return "-" + strings.Join(topics, ",")
	case q.Type == event.TypePresence:
		return "who"
	case q.Type == event.TypeAuth:
		return "token " + q.Payload.Token
	}
	e, err := event.Parse([]byte(message))
	if err != nil {
		return message
	}
	return fmt.Sprintf("%s:%s", e.Type, e.Payload)
}

// listenTCP listens on a free port of loopback until the test ends.
func listenTCP(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// pipe copies between two connections until both directions have ended.
func pipe(a, b net.Conn) {
	var both sync.WaitGroup
	both.Go(func() { io.Copy(a, b); a.Close() })
	both.Go(func() { io.Copy(b, a); b.Close() })
	both.Wait()
}
