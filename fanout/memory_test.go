package fanout_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

// half is the beginning of a message of size bytes, half of it.
func half(size int) []byte {
	whole := clientFrame(fin|opText, envelope("half", "", string(payloadOf(size))))
	return whole[:size/2]
}

// fragment is the first fragment of a message, of size bytes.
func fragment(size int) []byte { return clientFrame(opText, strings.Repeat("x", size)) }

// memoryOf is how many bytes of a kind a hub holds.
func memoryOf(h *testHub, kind string) uint64 {
	for name, bytes := range h.hub.Stats().Memory.ByKind() {
		if name == kind {
			return bytes
		}
	}
	h.t.Fatalf("no kind %q", kind)
	return 0
}

func TestMemoryIsCountedWhileItIsHeld(t *testing.T) {
	for _, c := range []struct {
		name        string
		kind        string
		least, most uint64
		hold        func(h *testHub) (giveBack func())
	}{
		{"a queue", "queues", 256 << 10, 2 << 20, func(h *testHub) func() {
			c, s := h.join()
			fill(h.t, c, s, 256<<10)
			return func() { c.conn.Close() }
		}},
		{"half a message", "messages", 125 << 10, 256<<10 + 512, func(h *testHub) func() {
			c, _ := h.join()
			c.write(half(250 << 10))
			return func() { c.write(clientFrame(fin|opText, envelope("half", "", string(payloadOf(250<<10))))[125<<10:]) }
		}},
		{"half a header", "messages", 1, 512, func(h *testHub) func() {
			c, _ := h.join()
			c.write(half(100)[:1])
			return func() { c.conn.Close() }
		}},
		{"half a ping", "messages", 1, 512, func(h *testHub) func() {
			c, _ := h.join()
			ping := clientFrame(fin|opPing, "ping")
			c.write(ping[:7])
			return func() { c.write(ping[7:]) }
		}},
		{"a message whose end does not come, once its spoke is closed", "messages", 600, 2048, func(h *testHub) func() {
			c, s := h.join()
			c.write(clientFrame(opText, strings.Repeat("x", 600)))
			return func() { s.Close(fanout.CodeNormal, "") }
		}},
		{"a message whose connection is removed", "messages", 600, 2048, func(h *testHub) func() {
			c, s := h.join()
			c.write(clientFrame(opText, strings.Repeat("x", 600)))
			return func() {
				if conn, err := h.hub.RemoveConnection(s.Conn()); err == nil {
					conn.Close()
				}
			}
		}},
		{"events for a listener that blocks", "inboxes", 20 << 10, 200 << 10, func(h *testHub) func() {
			c, _ := h.join()
			release := make(chan struct{})
			h.listen("block", func(*fanout.Spoke, event.Event) { <-release })
			c.text(envelope("block", "", "1"))
			for range 20 {
				c.text(envelope("block", "", string(payloadOf(1<<10))))
			}
			return func() { close(release) }
		}},
		{"subscriptions", "subscriptions", 500 * 300, 500 * 600, func(h *testHub) func() {
			c, _ := h.join()
			var topics []string
			for i := range 500 {
				topics = append(topics, strings.Repeat("x", 250)+":"+strings.Repeat("y", 50)+strconv.Itoa(i))
			}
			c.subscribe(topics...)
			return func() { c.conn.Close() }
		}},
		{"half a handshake", "handshakes", 4 << 10, 16 << 10, func(h *testHub) func() {
			c := dial(h.t, "tcp", h.serve())
			c.write([]byte(handshakeHead))
			until(h.t, "the beginning is counted", func() bool { return memoryOf(h, "handshakes") > 0 })
			c.write([]byte("Cookie: " + strings.Repeat("x", 4<<10)))
			return func() { c.conn.Close() }
		}},
		{"an HTTP connection", "http", 1 << 10, 64 << 10, func(h *testHub) func() {
			c := httpClient(h.t, h.serve())
			return func() { c.conn.Close() }
		}},
		{"a reservation", "reserved", 1000, 1000, func(h *testHub) func() {
			if !h.hub.Reserve(1000) {
				h.t.Error("got 1000 bytes refused, want them reserved")
			}
			return func() { h.hub.Unreserve(1000) }
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			eachEngineAtOnce(t, func(t *testing.T, engine fanout.Engine) {
				h := newTestHub(t, fanout.Config{Engine: engine, SendBuffer: 16 << 10, QueueLimit: 64 << 20, MaxMessage: 1 << 20})
				expect(t, "bytes before", memoryOf(h, c.kind), 0)
				giveBack := c.hold(h)
				until(t, "it is counted", func() bool { return memoryOf(h, c.kind) >= c.least })
				if got := memoryOf(h, c.kind); got > c.most {
					t.Errorf("got %d bytes counted, want at most %d", got, c.most)
				}
				giveBack()
				until(t, "it is counted no longer", func() bool { return memoryOf(h, c.kind) == 0 })
			})
		})
	}
}

func TestMemoryKinds(t *testing.T) {
	m := fanout.Memory{Queues: 1, Messages: 2, Inboxes: 4, Subscriptions: 64, Handshakes: 8, HTTP: 16, Reserved: 32, Streams: 128}
	expect(t, "total", m.Total(), 255)
	kind, bytes := m.Largest()
	expect(t, "largest kind", kind, "streams")
	expect(t, "its bytes", bytes, 128)
	var kinds []string
	for kind := range m.ByKind() {
		kinds = append(kinds, kind)
	}
	expectAll(t, "kinds", kinds, []string{"queues", "messages", "inboxes", "subscriptions", "handshakes", "tls", "http", "streams", "broker", "reserved"})
}

func TestReserve(t *testing.T) {
	h := newTestHub(t, fanout.Config{MemoryBudget: 1 << 20, MaxMessage: 1 << 20})
	for _, c := range []struct {
		what  string
		bytes int64
		want  bool
	}{
		{"up to half of the budget", 400 << 10, true},
		{"over half of it", 200 << 10, false},
		{"what is left of the half", 112 << 10, true},
		{"a byte more", 1, false},
	} {
		expect(t, c.what, h.hub.Reserve(c.bytes), c.want)
	}
	expect(t, "reserved", memoryOf(h, "reserved"), 512<<10)
	h.hub.Unreserve(512 << 10)
	expect(t, "reserved in the end", memoryOf(h, "reserved"), 0)
}

func TestReserveIsRefusedWhileOthersHoldTheBudget(t *testing.T) {
	h := newTestHub(t, fanout.Config{MemoryBudget: 2 << 20, MaxMessage: 1 << 20, Reactors: 1})
	c, _ := h.join()
	c.write(fragment(600 << 10))
	until(t, "a fragment is held", func() bool { return memoryOf(h, "messages") >= 1<<20 })
	expect(t, "as much again", h.hub.Reserve(1<<20), false)
	c.conn.Close()
	receive(t, h.gone, "OnDisconnection")
	until(t, "room is there again", func() bool { return memoryOf(h, "messages") == 0 })
	expect(t, "the same again", h.hub.Reserve(1<<20), true)
	h.hub.Unreserve(1 << 20)
}

// holdings are ways to hold memory, which the budget must see alike.
var holdings = map[string]func(h *testHub, c *client, s *fanout.Spoke){
	"a queue": func(h *testHub, c *client, s *fanout.Spoke) {
		fill(h.t, c, s, 1100<<10)
	},
	"half a message": func(h *testHub, c *client, s *fanout.Spoke) { c.write(half(1000 << 10)) },
	"fragments": func(h *testHub, c *client, s *fanout.Spoke) {
		c.write(fragment(300<<10), clientFrame(0, strings.Repeat("x", 300<<10)))
	},
	"subscriptions": func(h *testHub, c *client, s *fanout.Spoke) {
		for i := range 5 {
			var topics []string
			for j := range 400 {
				topics = append(topics, strings.Repeat("x", 250)+":"+strings.Repeat("y", 245)+strconv.Itoa(1000*i+j))
			}
			c.text(envelope("__subscribe", "", jsonOf(map[string]any{"topics": topics})))
		}
		until(h.t, "the topics are there", func() bool { return h.hub.Stats().Topics >= 2000 || len(h.gone) > 0 })
	},
	"events for a listener that blocks": func(h *testHub, c *client, s *fanout.Spoke) {
		began := make(chan struct{}, 10)
		h.listen("block", func(*fanout.Spoke, event.Event) {
			began <- struct{}{}
			until(h.t, "one is closed", func() bool { return h.hub.Stats().Backpressure > 0 })
		})
		c.text(envelope("block", "", "1"))
		receive(h.t, began, "the listener's beginning")
		c.text(envelope("block", "", string(payloadOf(1000<<10))))
		until(h.t, "the second waits", func() bool { return memoryOf(h, "inboxes") >= 1000<<10 })
	},
}

func TestBudgetTakesTheLargestHolderOfAnyKind(t *testing.T) {
	t.Parallel()
	for name, hold := range holdings {
		t.Run(name, func(t *testing.T) {
			eachEngineAtOnce(t, func(t *testing.T, engine fanout.Engine) {
				pressure := make(chan fanout.Backpressure, 10)
				h := newTestHub(t, fanout.Config{Engine: engine, Reactors: 1, MemoryBudget: 2 << 20, MaxMessage: 1 << 20, QueueLimit: 64 << 20, SendBuffer: 16 << 10, MaxTopics: 2000,
					OnBackpressure: func(s *fanout.Spoke, info fanout.Backpressure) { pressure <- info }})
				var innocents []*client
				for i := range 10 {
					c, _ := h.join()
					c.subscribe("innocent:" + strconv.Itoa(i))
					c.write(clientFrame(fin|opText, strings.Repeat("x", 20<<10))[:10<<10])
					innocents = append(innocents, c)
				}
				worst, spoke := h.join()
				hold(h, worst, spoke)
				lesser, _ := h.join()
				lesser.write(fragment(300 << 10))
				until(t, "it is held", func() bool { return memoryOf(h, "messages") >= 512<<10 || len(h.gone) > 0 })
				last, _ := h.join()
				last.write(fragment(300 << 10))
				gone := receive(t, h.gone, "the end of the largest holder")
				expect(t, "the spoke that ended", gone.spoke, spoke)
				expect(t, "its cause", gone.cause.Kind, fanout.CauseBudget)
				expect(t, "its code", gone.cause.Code, uint16(fanout.CodeTryLater))
				if info := receive(t, pressure, "OnBackpressure"); !info.Budget || info.Held < 800<<10 {
					t.Errorf("got %+v, want the budget and what it held", info)
				}
				until(t, "the budget is kept", func() bool { return h.hub.Stats().Memory.Total() <= 2<<20 })
				for i, c := range innocents {
					h.hub.DispatchEvent(event.Event{Type: "innocent", ID: strconv.Itoa(i), Payload: []byte("1")})
					c.wants(envelope("innocent", strconv.Itoa(i), "1"))
				}
				expect(t, "spokes that ended", h.hub.Stats().Disconnected, 1)
			})
		})
	}
}

func TestBudgetTakesHandshakesThatHoldMost(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine, Reactors: 1, MemoryBudget: 1 << 20, MaxMessage: 1 << 20})
		address := h.serve()
		innocent := dial(t, "tcp", address)
		innocent.write([]byte(handshakeHead))
		var hostile []*client
		for range 200 {
			c := dial(t, "tcp", address)
			c.write([]byte(handshakeHead + "Cookie: " + strings.Repeat("x", 7<<10)))
			hostile = append(hostile, c)
		}
		until(t, "some are refused", func() bool { return h.hub.Stats().Refusals[503] > 0 })
		until(t, "the budget is kept", func() bool { return h.hub.Stats().Memory.Total() <= 1<<20 })
		if got := h.hub.Stats().Refusals[503]; got > 150 {
			t.Errorf("got %d of 200 refused, want no more than it takes", got)
		}
		innocent.write([]byte("\r\n"))
		innocent.accepted()
		innocent.sync()
		for _, c := range hostile {
			c.conn.Close()
		}
	})
}

func TestBudgetSparesThoseWhoHoldLittle(t *testing.T) {
	h := newTestHub(t, fanout.Config{Reactors: 1, MemoryBudget: 1 << 20, MaxMessage: 1 << 20})
	var clients []*client
	for i := range 100 {
		c, _ := h.join()
		c.subscribe("little:" + strconv.Itoa(i))
		clients = append(clients, c)
	}
	if !h.hub.Reserve(512 << 10) {
		t.Fatal("got the reservation refused")
	}
	defer h.hub.Unreserve(512 << 10)
	address := h.serve()
	for range 20 {
		c := dial(t, "tcp", address)
		c.write([]byte(otherRequest))
		c.response()
	}
	blocked := make(chan struct{})
	defer close(blocked)
	h.listen("block", func(*fanout.Spoke, event.Event) { <-blocked })
	for _, c := range clients {
		c.text(envelope("block", "", string(payloadOf(3<<10))))
	}
	until(t, "the budget is exceeded", func() bool { return h.hub.Stats().Memory.Total() > 1<<20 })
	for _, c := range clients {
		c.sync()
	}
	expect(t, "spokes that ended", h.hub.Stats().Disconnected, 0)
}

func TestInboxesThatTakeTheirShareOfTheBudgetAreNotFilled(t *testing.T) {
	h := newTestHub(t, fanout.Config{Reactors: 1, MemoryBudget: 1 << 20, MaxMessage: 1 << 20})
	blocked := make(chan struct{})
	h.listen("block", func(*fanout.Spoke, event.Event) { <-blocked })
	message := envelope("block", "", string(payloadOf(1<<10)))
	var clients []*client
	for range 100 {
		c, _ := h.join()
		clients = append(clients, c)
	}
	sent, most := 0, uint64(0)
	for range 40 {
		for _, c := range clients {
			c.text(message)
			sent++
			most = max(most, memoryOf(h, "inboxes"))
		}
	}
	until(t, "inboxes have their share", func() bool { return memoryOf(h, "inboxes") > 256<<10 })
	if most = max(most, memoryOf(h, "inboxes")); most > 768<<10 {
		t.Errorf("got %d bytes in inboxes of %d sent, want hardly more than a quarter of the budget", most, sent*len(message))
	}
	close(blocked)
	until(t, "all is heard", func() bool { return h.hub.Stats().EventsIn == uint64(sent) && memoryOf(h, "inboxes") == 0 })
	expect(t, "spokes that ended", h.hub.Stats().Disconnected, 0)
}

func TestHTTPConnectionsTakeAQuarterOfTheBudget(t *testing.T) {
	h := newTestHub(t, fanout.Config{Reactors: 1, MemoryBudget: 1 << 20, MaxMessage: 1 << 20})
	address := h.serve()
	var kept []*client
	closed := 0
	for range 40 {
		c := dial(t, "tcp", address)
		if c.get().Close {
			c.cutOff()
			closed++
			continue
		}
		kept = append(kept, c)
	}
	if len(kept) == 0 || closed == 0 {
		t.Errorf("got %d kept alive and %d closed after their answer, want some of each", len(kept), closed)
	}
	if most := 256 << 10 / (16 << 10); len(kept) > most {
		t.Errorf("got %d kept alive, want at most the %d that a quarter of the budget has room for", len(kept), most)
	}
	for _, c := range slices.Backward(kept) {
		c.conn.Close()
	}
}
