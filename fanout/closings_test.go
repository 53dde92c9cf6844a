package fanout_test

import (
	"errors"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

func TestClosingsMakeRoomForOthersTheLongestWaitingFirst(t *testing.T) {
	t.Parallel()
	atOnce(t, map[string]int{"one reactor": 1, "three reactors": 3}, func(t *testing.T, reactors int) {
		eachEngineAtOnce(t, func(t *testing.T, engine fanout.Engine) {
			h := newTestHub(t, fanout.Config{Engine: engine, Reactors: reactors, MaxConnections: 4, CloseTimeout: time.Minute, PingInterval: -1})
			address := h.serve()
			open := dial(t, "tcp", address).handshake()
			open.sync()
			var closed []*client
			var last time.Time
			for range 3 {
				c := dial(t, "tcp", address).handshake()
				closed = append(closed, c)
				spoke := receive(t, h.connected, "OnConnection")
				if len(closed) == 1 {
					spoke = receive(t, h.connected, "OnConnection")
				}
				spoke.Close(1012, "")
				c.closedWith(1012)
				receive(t, h.gone, "OnDisconnection")
				last = time.Now()
			}
			expect(t, "connections", h.hub.Stats().Connections, 4)
			early := dial(t, "tcp", address)
			early.write([]byte(handshakeRequest))
			expect(t, "status while none has been closing for long", early.response().StatusCode, 503)
			until(t, "the last may be ended", func() bool { return time.Since(last) > 6*time.Second })
			for i, c := range closed {
				if i == 1 {
					here, there := pair(t, "tcp")
					if _, err := h.hub.AddConnection(there); err != nil {
						t.Fatalf("add to a hub that is full of closing connections: %v", err)
					}
					newClient(t, here).sync()
				} else {
					dial(t, "tcp", address).handshake().sync()
				}
				c.reset()
				expect(t, "closing connections ended", h.hub.Stats().ClosingEvicted, uint64(i+1))
			}
			late := dial(t, "tcp", address)
			late.write([]byte(handshakeRequest))
			expect(t, "status with all open", late.response().StatusCode, 503)
			open.sync()
			expect(t, "closing connections ended", h.hub.Stats().ClosingEvicted, 3)
		})
	})
}

// reset wants the hub to have closed the connection: what the client sends is answered with a reset.
func (c *client) reset() {
	c.t.Helper()
	for deadline := time.Now().Add(patience); ; {
		if _, err := c.conn.Write([]byte{0}); err != nil {
			return
		}
		if time.Now().After(deadline) {
			c.t.Fatal("got the connection still open, want it closed")
		}
	}
}

func TestAClosingClientsFloodIsBounded(t *testing.T) {
	const maxMessage = 1000
	for name, c := range map[string]struct {
		begin  func(c *client)
		answer string
		limit  uint64
	}{
		"after a violation":         {func(c *client) { c.write([]byte(handshakeRequest), unmasked(fin|opText, "{}")) }, "", 16<<20 + maxMessage},
		"after its own close":       {func(c *client) { c.write([]byte(handshakeRequest), clientFrame(fin|opClose, "")) }, "", 16<<20 + maxMessage},
		"after a refused handshake": {func(c *client) { c.write([]byte("GET /ws HTTP/1.1\r\nHost: hub.test\r\n\r\n")) }, "", 256 << 10},
	} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(t *testing.T, engine fanout.Engine) {
				h := newTestHub(t, fanout.Config{Engine: engine, Reactors: 1, CloseTimeout: time.Hour, MaxMessage: maxMessage})
				peer := dial(t, "tcp", h.serve())
				c.begin(peer)
				flood, sent := make([]byte, 64<<10), 0
				for {
					n, err := peer.conn.Write(flood)
					sent += n
					if err != nil {
						break
					}
					if sent > 256<<20 {
						t.Fatalf("got %d bytes of flood taken, want about %d at most", sent, c.limit)
					}
				}
				until(t, "the flood has ended", func() bool { return h.hub.Stats().Connections == 0 })
				if got := h.hub.Stats().BytesIn; got > c.limit+(128<<10)+1000 {
					t.Errorf("got %d bytes read, want %d, and two reads more at most: one that began the closing and one that ended it", got, c.limit)
				}
			})
		})
	}
}

func TestACloseFrameOutlivesTheQueueAheadOfIt(t *testing.T) {
	t.Parallel()
	eachEngineAtOnce(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine, Reactors: 1, QueueLimit: 64 << 20, SendBuffer: 16 << 10, CloseTimeout: 5 * time.Second})
		c, spoke := h.join()
		c.sync()
		queueUp(t, spoke, 900<<10)
		spoke.Close(1012, "later")
		receive(t, h.gone, "OnDisconnection")
		until(t, "the queue is dropped", func() bool { return h.hub.Stats().DroppedClosed > 0 })
		if st := h.hub.Stats(); st.Queued > 1 || st.Connections != 1 {
			t.Errorf("got %d queued on %d connections, want the rest of a frame at most on one", st.Queued, st.Connections)
		}
		_, reason := c.closedWith(1012)
		expect(t, "reason", reason, "later")
	})
}

func TestTheBudgetTakesTheQueueOfAClosingSpokeFirstAndLeavesItsCloseFrame(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine, Reactors: 1, MemoryBudget: 1 << 20, QueueLimit: 64 << 20, SendBuffer: 16 << 10, CloseTimeout: time.Hour, PingInterval: -1})
		c, closing := h.join()
		c.sync()
		other, lesser := h.join()
		other.sync()
		fill(t, other, lesser, 64<<10)
		fill(t, c, closing, 600<<10)
		closing.Close(1000, "bye")
		receive(t, h.gone, "OnDisconnection")
		for h.hub.Stats().DroppedBudget == 0 {
			lesser.DispatchEvent(filler)
		}
		if queued := lesser.BufferedAmount(); queued == 0 {
			t.Error("got an empty queue of the lesser, want it left alone")
		}
		_, reason := c.closedWith(1000)
		expect(t, "reason", reason, "bye")
		expect(t, "spokes closed for the budget", h.hub.Stats().Backpressure, 0)
	})
}

// TestTheBudgetEndsAClosingSpokeThatHasNothingLeftToDrop has most of a long frame half sent when the budget is exceeded: its
// rest outlives the cut.
func TestTheBudgetEndsAClosingSpokeThatHasNothingLeftToDrop(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine, Reactors: 1, MemoryBudget: 1 << 20, QueueLimit: 64 << 20, SendBuffer: 16 << 10, CloseTimeout: time.Hour, PingInterval: -1})
		c, spoke := h.join()
		c.sync()
		other, lesser := h.join()
		other.sync()
		spoke.DispatchEvent(event.Event{Type: "t", Payload: payloadOf(900 << 10)})
		until(t, "a part of it is sent", func() bool { return h.hub.Stats().Blocked == 1 })
		for lesser.BufferedAmount() < 240<<10 && h.hub.Stats().Backpressure == 0 {
			lesser.DispatchEvent(filler)
		}
		gone := receive(t, h.gone, "OnDisconnection")
		expect(t, "closed for the budget", gone.spoke, spoke)
		expect(t, "cause", gone.cause.Kind, fanout.CauseBudget)
		until(t, "the rest of the frame is given up", func() bool { return h.hub.Stats().Connections == 1 })
		expect(t, "spokes closed for the budget", h.hub.Stats().Backpressure, 1)
		c.cutOff()
	})
}

func TestAcceptGivesUpClosingConnectionsWhereDescriptorsRunOut(t *testing.T) {
	t.Parallel()
	eachEngineAtOnce(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine, Reactors: 2, CloseTimeout: 10 * time.Second})
		c, spoke := h.join()
		open, _ := h.join()
		spoke.Close(1000, "")
		c.closedWith(1000)
		room := make(chan struct{})
		h.serveOn(withoutDescriptors{listenTCP(t), room})
		c.reset()
		expect(t, "closing connections ended", h.hub.Stats().ClosingEvicted, 1)
		open.sync()
		close(room)
	})
}

// withoutDescriptors is a listener for which there is no descriptor until room is closed.
type withoutDescriptors struct {
	net.Listener
	room <-chan struct{}
}

func (l withoutDescriptors) Accept() (net.Conn, error) {
	select {
	case <-l.room:
		return l.Listener.Accept()
	default:
		return nil, &net.OpError{Op: "accept", Net: "tcp", Err: os.NewSyscallError("accept", syscall.EMFILE)}
	}
}

func TestAConnectionThatEndsAtOnceIsNoClosingOne(t *testing.T) {
	h := newTestHub(t, fanout.Config{Engine: fanout.EngineGoroutine, Reactors: 1, MaxConnections: 1})
	c, _ := h.join()
	c.sync()
	c.conn.Close()
	receive(t, h.gone, "OnDisconnection")
	until(t, "it has ended", func() bool { return h.hub.Stats().Connections == 0 })
	h.join()
	here, there := pair(t, "tcp")
	defer here.Close()
	if _, err := h.hub.AddConnection(there); !errors.Is(err, fanout.ErrTooMany) {
		t.Errorf("got %v, want ErrTooMany", err)
	}
	expect(t, "closing connections ended", h.hub.Stats().ClosingEvicted, 0)
	if _, err := here.Read(make([]byte, 1)); err == nil || errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v, want the refused connection closed", err)
	}
}
