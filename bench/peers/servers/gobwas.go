package servers

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"sync"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
	"github.com/mailru/easygo/netpoll"
	"github.com/panjf2000/ants/v2"
)

const gobwasWorkers = 256

// gobwasHub is the recipe that gobwas' examples show: easygo's poller in one-shot mode, a worker pool that reads when a
// descriptor is readable, a lock for writing, and frames compiled once.
type gobwasHub struct {
	rooms   *rooms[*gobwasClient]
	poller  netpoll.Poller
	pool    *ants.Pool
	readers sync.Pool
}

type gobwasClient struct {
	conn  net.Conn
	desc  *netpoll.Desc
	write sync.Mutex
}

func serveGobwas(listener net.Listener) error {
	poller, err := netpoll.New(nil)
	if err != nil {
		return fmt.Errorf("make a poller: %w", err)
	}
	pool, err := ants.NewPool(gobwasWorkers)
	if err != nil {
		return fmt.Errorf("make a pool: %w", err)
	}
	hub := &gobwasHub{rooms: newRooms[*gobwasClient](), poller: poller, pool: pool}
	hub.readers.New = func() any { return bufio.NewReader(nil) }
	for {
		conn, err := listener.Accept()
		if err != nil {
			return fmt.Errorf("accept: %w", err)
		}
		pool.Submit(func() { hub.upgrade(conn) })
	}
}

func (h *gobwasHub) upgrade(conn net.Conn) {
	if _, err := ws.Upgrade(conn); err != nil {
		conn.Close()
		return
	}
	desc, err := netpoll.HandleReadOnce(conn)
	if err != nil {
		conn.Close()
		return
	}
	client := &gobwasClient{conn: conn, desc: desc}
	h.poller.Start(desc, func(event netpoll.Event) {
		if event&(netpoll.EventReadHup|netpoll.EventHup) != 0 {
			h.drop(client)
			return
		}
		h.pool.Submit(func() { h.read(client) })
	})
}

// read takes the messages that one read brings, through a borrowed buffer, and has the poller look again.
func (h *gobwasHub) read(client *gobwasClient) {
	buffered := h.readers.Get().(*bufio.Reader)
	buffered.Reset(client.conn)
	defer h.readers.Put(buffered)
	for first := true; first || buffered.Buffered() > 0; first = false {
		message, op, err := wsutil.ReadClientData(gobwasStream{buffered, client})
		if err != nil {
			h.drop(client)
			return
		}
		if op == ws.OpText || op == ws.OpBinary {
			h.handle(client, message)
		}
	}
	h.poller.Resume(client.desc)
}

func (h *gobwasHub) handle(client *gobwasClient, message []byte) {
	w, ok := listen(message)
	switch {
	case !ok:
	case w.kind != wordEvent:
		h.rooms.obey(w, client)
		if len(w.ack) > 0 {
			client.send(ws.MustCompileFrame(ws.NewTextFrame(w.ack)))
		}
	default:
		var frame []byte
		h.rooms.others(w.topic, client, func(other *gobwasClient) {
			if frame == nil {
				frame = ws.MustCompileFrame(ws.NewTextFrame(message))
			}
			other.send(frame)
		})
	}
}

func (h *gobwasHub) drop(client *gobwasClient) {
	h.rooms.drop(client)
	h.poller.Stop(client.desc)
	client.desc.Close()
	client.conn.Close()
}

func (c *gobwasClient) send(frame []byte) {
	c.write.Lock()
	defer c.write.Unlock()
	c.conn.Write(frame)
}

// gobwasStream reads through a buffer, and answers pings through the client's lock.
type gobwasStream struct {
	io.Reader
	client *gobwasClient
}

// Write implements io.Writer.
func (s gobwasStream) Write(view []byte) (int, error) {
	s.client.write.Lock()
	defer s.client.write.Unlock()
	return s.client.conn.Write(view)
}
