package spoke_test

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/spoke"
)

// gated is a connection whose next write, once it is shut, waits until it is opened.
type gated struct {
	net.Conn
	shut  atomic.Bool
	waits chan struct{}
	open  chan struct{}
}

func (g *gated) Write(p []byte) (int, error) {
	if g.shut.CompareAndSwap(true, false) {
		close(g.waits)
		<-g.open
	}
	return g.Conn.Write(p)
}

// TestAPingDuringALongWriteHarmsNothing: a pong can't go before the frame that is being written, whose bytes are life sign enough. To wait
// for it would keep the client from reading, and end the connection when the write takes more than five seconds.
func TestAPingDuringALongWriteHarmsNothing(t *testing.T) {
	ping := make(chan struct{})
	url := scripted(t, func(c *serverConn, _ int) {
		c.ack(c.next())
		<-ping
		ctx, cancel := context.WithTimeout(context.Background(), time.Second/2)
		defer cancel()
		c.ws.Ping(ctx)
		c.send(`{"type":"price"}`)
		c.serve(nil)
	})
	conn := &gated{waits: make(chan struct{}), open: make(chan struct{})}
	client := dial(t, url, spoke.Config{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		inner, err := (&net.Dialer{}).DialContext(ctx, network, address)
		conn.Conn = inner
		return conn, err
	}})
	open := sync.OnceFunc(func() { close(conn.open) })
	t.Cleanup(open)
	heard := make(chan bool, 1)
	client.AddEventListener("price", func(event.Event) {
		select {
		case <-conn.open:
			heard <- false
		default:
			heard <- true
		}
	})
	if err := client.Subscribe(t.Context(), "price"); err != nil {
		t.Fatal(err)
	}
	conn.shut.Store(true)
	client.DispatchEvent(event.Event{Type: "order"})
	await(t, "the write", conn.waits)
	close(ping)
	if !await(t, "the event", heard) {
		t.Error("the event came behind the write")
	}
	open()
	flush(t, client)
	if got := client.Stats().Connections; got != 1 {
		t.Errorf("it took %d connections, want 1", got)
	}
}
