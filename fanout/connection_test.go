package fanout_test

import (
	"errors"
	"net"
	"testing"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

func TestPromise1AddConnectionSetsUpReadingAndCloseHandling(t *testing.T) {
	eachEntry(t, func(fanout.Engine) fanout.Config { return fanout.Config{} }, func(t *testing.T, h *testHub, c *client) {
		heard := h.hear("ping")
		c.text(envelope("ping", "7", `{"n":1}`))
		expect(t, "heard", receive(t, heard, "the event"), `ping 7 {"n":1}`)
		spoke := receive(t, h.connected, "OnConnection")
		c.write(clientFrame(fin|opClose, closePayload(1000, "bye")))
		if _, code, _ := c.closing(); code != 1000 {
			t.Errorf("got the close code %d, want 1000", code)
		}
		c.conn.Close()
		end := receive(t, h.gone, "OnDisconnection")
		expect(t, "spoke", end.spoke, spoke)
		expect(t, "cause", end.cause, fanout.Cause{Kind: fanout.CausePeerClosed, Code: 1000, Reason: "bye"})
	})
}

func TestPromise1OnConnectionComesBeforeAnyEvent(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		proceed := make(chan struct{})
		order := make(chan string, 10)
		h := newTestHub(t, fanout.Config{Engine: engine,
			OnConnection: func(*fanout.Spoke, net.Conn) {
				<-proceed
				order <- "connection"
			},
			OnEvent: func(_ *fanout.Spoke, e event.Event) { order <- e.Type },
		})
		c, _ := h.join()
		c.text(envelope("first", "", "1"), envelope("second", "", "2"))
		c.sync()
		close(proceed)
		for _, want := range []string{"connection", "first", "second"} {
			expect(t, "next", receive(t, order, want), want)
		}
	})
}

func TestPromise1OnConnectionGetsTheEventTargetAndTheRawConnection(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		given := make(chan net.Conn, 1)
		h := newTestHub(t, fanout.Config{Engine: engine, OnConnection: func(_ *fanout.Spoke, conn net.Conn) { given <- conn }})
		c, spoke := h.join()
		conn := receive(t, given, "OnConnection")
		expect(t, "spoke", receive(t, h.connected, "OnConnection"), spoke)
		expect(t, "connection", conn, spoke.Conn())
		expect(t, "remote address", conn.RemoteAddr().String(), c.conn.LocalAddr().String())
		expect(t, "local address", conn.LocalAddr().String(), c.conn.RemoteAddr().String())
		if _, err := conn.Write([]byte("x")); !errors.Is(err, fanout.ErrOwned) {
			t.Errorf("got %v from a write while the hub owns the connection, want ErrOwned", err)
		}
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, fanout.ErrOwned) {
			t.Errorf("got %v from a read while the hub owns the connection, want ErrOwned", err)
		}
		expect(t, "answer", spoke.DispatchEvent(event.Event{Type: "hello"}), true)
		c.wants(envelope("hello", "", "null"))
		conn.Close()
		c.closedWith(1000)
		c.conn.Close()
		end := receive(t, h.gone, "OnDisconnection")
		expect(t, "connection at the end", end.conn, conn)
		expect(t, "cause", end.cause.Kind, fanout.CauseClosed)
	})
}

func TestPromise1AddConnectionAfterShutdownClosesTheConnection(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		for _, network := range []string{"tcp", "unix", "pipe"} {
			h := newTestHub(t, fanout.Config{Engine: engine})
			h.shutdown()
			here, there := pair(t, network)
			if _, err := h.hub.AddConnection(there); !errors.Is(err, fanout.ErrClosed) {
				t.Errorf("%s: got %v, want ErrClosed", network, err)
			}
			newClient(t, here).ended()
		}
	})
}

func TestSpokeTellsWhatItIs(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine, Subprotocols: []string{"v2", "v1"}})
		c := dial(t, "tcp", h.serve())
		c.write([]byte(handshakeHead + "Sec-WebSocket-Protocol: v1, v3\r\n\r\n"))
		expect(t, "answered subprotocol", c.accepted().Header.Get("Sec-WebSocket-Protocol"), "v1")
		c.subscribe("a", "b:1")
		spoke := receive(t, h.connected, "OnConnection")
		expect(t, "subprotocol", spoke.Subprotocol(), "v1")
		expect(t, "address", spoke.RemoteAddr().String(), c.conn.LocalAddr().String())
		expect(t, "topics", len(spoke.Subscriptions()), 2)
		expect(t, "buffered", spoke.BufferedAmount(), 0)
		expect(t, "value", spoke.Value(), any(nil))
		spoke.SetValue("mine")
		expect(t, "value", spoke.Value(), any("mine"))
		other, _ := h.join()
		other.sync()
		found := 0
		for s := range h.hub.Spokes() {
			found++
			if s != spoke && s.ID() == spoke.ID() {
				t.Errorf("got two spokes with the ID %d", s.ID())
			}
		}
		expect(t, "spokes", found, 2)
		c.conn.Close()
		receive(t, h.gone, "OnDisconnection")
		expect(t, "topics after the end", len(spoke.Subscriptions()), 0)
		expect(t, "buffered after the end", spoke.BufferedAmount(), 0)
		expect(t, "answer after the end", spoke.DispatchEvent(event.Event{Type: "x"}), true)
		spoke.Close(1000, "")
	})
}
