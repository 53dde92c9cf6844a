package fanout_test

import (
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

func TestPromise2RemoveConnectionCleansUpAndDoesNotClose(t *testing.T) {
	eachEntry(t, plain, func(t *testing.T, h *testHub, c *client) {
		c.subscribe("news")
		spoke := receive(t, h.connected, "OnConnection")
		live, err := h.hub.RemoveConnection(spoke.Conn())
		if err != nil {
			t.Fatalf("remove connection: %v", err)
		}
		defer live.Close()
		expect(t, "cause", receive(t, h.gone, "OnDisconnection").cause.Kind, fanout.CauseRemoved)
		expect(t, "subscriptions", h.hub.Stats().Subscriptions, 0)
		h.hub.DispatchEvent(event.Event{Type: "news"})
		talk(t, c, live)
		talk(t, c, spoke.Conn())
		live.Close()
		c.ended()
		if _, err := h.hub.RemoveConnection(spoke.Conn()); !errors.Is(err, fanout.ErrNotConnected) {
			t.Errorf("got %v from a second removal, want ErrNotConnected", err)
		}
	})
}

// talk has both ends of a connection exchange bytes that are no frames.
func talk(t *testing.T, c *client, conn net.Conn) {
	t.Helper()
	go func() { _, _ = conn.Write([]byte("from the new owner")) }()
	said := make([]byte, len("from the new owner"))
	if _, err := io.ReadFull(c.in, said); err != nil || string(said) != "from the new owner" {
		t.Fatalf("got %q and %v, want what the new owner wrote", said, err)
	}
	go func() { _, _ = c.conn.Write([]byte("from the peer")) }()
	said = make([]byte, len("from the peer"))
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatalf("set a deadline: %v", err)
	}
	if _, err := io.ReadFull(conn, said); err != nil || string(said) != "from the peer" {
		t.Fatalf("got %q and %v, want what the peer wrote", said, err)
	}
}

func TestPromise2RemoveConnectionKnowsTheConnectionThatWasAdded(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		for _, network := range []string{"tcp", "unix", "pipe"} {
			t.Run(network, func(t *testing.T) {
				h := newTestHub(t, fanout.Config{Engine: engine})
				here, there := pair(t, network)
				c := newClient(t, here)
				if _, err := h.hub.AddConnection(there); err != nil {
					t.Fatal(err)
				}
				live, err := h.hub.RemoveConnection(there)
				if err != nil {
					t.Fatalf("remove connection: %v", err)
				}
				defer live.Close()
				talk(t, c, live)
				for _, stranger := range []net.Conn{nil, there, here} {
					if _, err := h.hub.RemoveConnection(stranger); !errors.Is(err, fanout.ErrNotConnected) {
						t.Errorf("got %v for a connection that the hub does not have, want ErrNotConnected", err)
					}
				}
				again, err := h.hub.AddConnection(live)
				if err != nil {
					t.Fatalf("add the removed connection again: %v", err)
				}
				c.subscribe("back")
				expectAll(t, "topics", again.Subscriptions(), []string{"back"})
				c.conn.Close()
				receive(t, h.gone, "OnDisconnection")
				receive(t, h.gone, "OnDisconnection again")
			})
		}
	})
}

// withoutComparison is a connection of a type that can't be a key.
type withoutComparison struct {
	net.Conn
	_ []byte
}

func TestPromise2AnyTypeOfConnectionCanBeAddedAndRemoved(t *testing.T) {
	h := newTestHub(t, fanout.Config{})
	here, there := net.Pipe()
	c := newClient(t, here)
	conn := withoutComparison{Conn: there}
	spoke, err := h.hub.AddConnection(conn)
	if err != nil {
		t.Fatal(err)
	}
	c.subscribe("a")
	if _, err := h.hub.RemoveConnection(conn); !errors.Is(err, fanout.ErrNotConnected) {
		t.Errorf("got %v, want ErrNotConnected: the connection can't be told from others", err)
	}
	live, err := h.hub.RemoveConnection(spoke.Conn())
	if err != nil {
		t.Fatal(err)
	}
	talk(t, c, live)
	live.Close()
}

func TestPromise2QueuedFramesAreSentAheadOfTheNewOwner(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine, QueueLimit: 64 << 20})
		c, spoke := h.join()
		c.subscribe("bulk")
		payload := jsonOf(strings.Repeat("x", 256<<10))
		const events = 60
		for i := range events {
			h.hub.DispatchEvent(event.Event{Type: "bulk", ID: strconv.Itoa(i), Payload: []byte(payload)})
		}
		live, err := h.hub.RemoveConnection(spoke.Conn())
		if err != nil {
			t.Fatal(err)
		}
		wrote := make(chan error, 1)
		go func() {
			_, err := live.Write(clientFrame(fin|opText, "mine"))
			live.Close()
			wrote <- err
		}()
		for i := range events {
			c.wants(envelope("bulk", strconv.Itoa(i), payload))
		}
		mine, err := io.ReadAll(c.in)
		if err != nil || string(mine) != string(clientFrame(fin|opText, "mine")) {
			t.Errorf("got %q and %v behind the queued frames, want what the new owner wrote", mine, err)
		}
		if err := receive(t, wrote, "the new owner's write"); err != nil {
			t.Errorf("write: %v", err)
		}
		st := h.hub.Stats()
		expect(t, "deliveries", st.Deliveries, events)
		expect(t, "delivered and handed back", st.Delivered+st.HandedBack, events)
		if st.HandedBack == 0 {
			t.Error("got nothing handed back, want the socket to have been full")
		}
		h.checkLedger(st)
	})
}

func TestPromise2BytesReadAheadAreHandedBackFirst(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		for _, network := range []string{"tcp", "unix", "pipe"} {
			for name, cut := range map[string]int{"in the header": 1, "in the mask": 4, "in the payload": 20} {
				t.Run(network+" "+name, func(t *testing.T) {
					h := newTestHub(t, fanout.Config{Engine: engine})
					here, there := pair(t, network)
					c := newClient(t, here)
					spoke, err := h.hub.AddConnection(there)
					if err != nil {
						t.Fatal(err)
					}
					whole := clientFrame(fin|opText, envelope("late", "", `"`+strings.Repeat("y", 100)+`"`))
					c.write(whole[:cut])
					until(t, "the cut frame is read", func() bool { return h.hub.Stats().BytesIn == uint64(cut) })
					live, err := h.hub.RemoveConnection(spoke.Conn())
					if err != nil {
						t.Fatal(err)
					}
					defer live.Close()
					go func() { _, _ = c.conn.Write(whole[cut:]) }()
					got := make([]byte, len(whole))
					if _, err := io.ReadFull(live, got); err != nil || string(got) != string(whole) {
						t.Errorf("got %x and %v, want the whole frame %x", got, err, whole)
					}
				})
			}
		}
	})
}

func TestPromise3ThePeersCloseRemovesByItself(t *testing.T) {
	for name, end := range map[string]struct {
		leave func(c *client)
		want  fanout.CauseKind
		code  uint16
	}{
		"with a code":         {func(c *client) { c.write(clientFrame(fin|opClose, closePayload(4321, ""))) }, fanout.CausePeerClosed, 4321},
		"without a code":      {func(c *client) { c.write(clientFrame(fin|opClose, "")) }, fanout.CausePeerClosed, 1005},
		"without a frame":     {func(c *client) { c.conn.Close() }, fanout.CausePeerGone, 0},
		"in mid-frame":        {func(c *client) { c.write([]byte{fin | opText}); c.conn.Close() }, fanout.CausePeerGone, 0},
		"by half-close alone": {func(c *client) { _ = c.conn.(*net.TCPConn).CloseWrite() }, fanout.CausePeerGone, 0},
		"by a reset": {func(c *client) {
			_ = c.conn.(*net.TCPConn).SetLinger(0)
			c.conn.Close()
		}, fanout.CausePeerGone, 0},
	} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(t *testing.T, engine fanout.Engine) {
				h := newTestHub(t, fanout.Config{Engine: engine})
				c, spoke := h.join()
				c.subscribe("a", "b:c")
				end.leave(c)
				got := receive(t, h.gone, "OnDisconnection")
				expect(t, "spoke", got.spoke, spoke)
				expect(t, "cause", got.cause.Kind, end.want)
				expect(t, "code", got.cause.Code, end.code)
				expect(t, "subscriptions", h.hub.Stats().Subscriptions, 0)
				if end.want == fanout.CausePeerClosed {
					if _, code, _ := c.closing(); code != end.code {
						t.Errorf("got the close answered with %d, want %d", code, end.code)
					}
					c.ended()
					c.conn.Close()
				}
				until(t, "the socket is closed", func() bool { return h.hub.Stats().Connections == 0 })
			})
		})
	}
}

func TestPromise3AFailedSendRemovesAndFiresOnDisconnection(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine})
		here, there := pair(t, "unix")
		c := newClient(t, here)
		spoke, err := h.hub.AddConnection(there)
		if err != nil {
			t.Fatal(err)
		}
		c.subscribe("a")
		if err := here.(*net.UnixConn).CloseRead(); err != nil {
			t.Fatal(err)
		}
		h.hub.DispatchEvent(event.Event{Type: "a"})
		end := receive(t, h.gone, "OnDisconnection")
		expect(t, "spoke", end.spoke, spoke)
		expect(t, "cause", end.cause.Kind, fanout.CausePeerGone)
		if end.cause.Err == nil {
			t.Error("got no error in the cause, want that of the send")
		}
		until(t, "the socket is closed", func() bool { return h.hub.Stats().Connections == 0 })
		c.cutOff()
	})
}
