package spoke_test

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/spoke"
)

// failing is a connection that takes nothing any more once it is told so.
type failing struct {
	net.Conn
	broken atomic.Bool
	failed chan struct{}
}

func (f *failing) Write(p []byte) (int, error) {
	if f.broken.Load() {
		select {
		case f.failed <- struct{}{}:
		default:
		}
		return 0, errors.New("planted")
	}
	return f.Conn.Write(p)
}

// TestCloseInAListenerReturnsThoughTheConnectionIsLost: only the goroutine that waits in the listener could find that out.
func TestCloseInAListenerReturnsThoughTheConnectionIsLost(t *testing.T) {
	url := scripted(t, func(c *serverConn, _ int) {
		c.ack(c.next())
		c.send(`{"type":"price"}`)
		c.serve(nil)
	})
	conn := &failing{failed: make(chan struct{}, 1)}
	client := dial(t, url, spoke.Config{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		inner, err := (&net.Dialer{}).DialContext(ctx, network, address)
		conn.Conn = inner
		return conn, err
	}})
	closed := make(chan error, 1)
	client.AddEventListener("price", func(event.Event) {
		conn.broken.Store(true)
		client.DispatchEvent(event.Event{Type: "order"})
		<-conn.failed
		closed <- client.Close()
	})
	err := await(t, "the end of Close", closed)
	if unsent, ok := errors.AsType[*spoke.UnsentError](err); !ok || unsent.Events != 1 {
		t.Errorf("Close() = %v, want one event that was not sent", err)
	}
	await(t, "the end", client.Done())
}
