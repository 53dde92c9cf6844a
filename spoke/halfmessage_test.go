package spoke_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/spoke"
)

// drying is a connection that brings so many more bytes once it is told so, and then nothing until it is closed.
type drying struct {
	net.Conn
	dries  atomic.Bool
	left   atomic.Int64
	closed chan struct{}
	once   sync.Once
}

func (d *drying) Read(p []byte) (int, error) {
	if d.dries.Load() {
		p = p[:min(int64(len(p)), d.left.Load())]
		if len(p) == 0 {
			<-d.closed
			return 0, net.ErrClosed
		}
	}
	n, err := d.Conn.Read(p)
	d.left.Add(int64(-n))
	return n, err
}

func (d *drying) Close() error {
	d.once.Do(func() { close(d.closed) })
	return d.Conn.Close()
}

// TestAConnectionThatDiesWithinAMessageIsFound: a message whose rest does not come is no listener that runs.
func TestAConnectionThatDiesWithinAMessageIsFound(t *testing.T) {
	hub, url := startHub(t, fanout.Config{PingInterval: time.Hour, PeerTimeout: 2 * time.Hour})
	conns := make(chan *drying, 10)
	config, told := states(spoke.Config{PingInterval: 50 * time.Millisecond, PongTimeout: 200 * time.Millisecond})
	config.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		inner, err := (&net.Dialer{}).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		conn := &drying{Conn: inner, closed: make(chan struct{})}
		conn.left.Store(1 << 40)
		conns <- conn
		return conn, nil
	}
	client := dial(t, url, config)
	client.AddEventListener("big", func(event.Event) {})
	flush(t, client)
	conn := await(t, "the connection", conns)
	conn.left.Store(20_000)
	conn.dries.Store(true)
	hub.DispatchEvent(event.Event{Type: "big", Payload: []byte(`"` + strings.Repeat("x", 50_000) + `"`)})
	if waiting := awaitPhase(t, told, spoke.Waiting); !errors.Is(waiting.Err, spoke.ErrSilent) {
		t.Errorf("waits because of %v, want ErrSilent", waiting.Err)
	}
	awaitPhase(t, told, spoke.Connected)
}
