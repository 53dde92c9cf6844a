//go:build linux

package servers

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"sync"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
	"github.com/panjf2000/ants/v2"
	"golang.org/x/sys/unix"
)

const (
	gobwasWorkers = 256
	gobwasEvents  = 1024
)

// gobwasHub is the recipe of the well-known million-connections example: gobwas/ws on net.Conn, an epoll of its own in one-shot mode, a
// worker pool that reads when a descriptor is readable, a lock for writing, and frames compiled once.
type gobwasHub struct {
	members *shards[*gobwasClient]
	epoll   int
	pool    *ants.Pool
	readers sync.Pool
	mu      sync.RWMutex
	clients map[int]*gobwasClient
}

type gobwasClient struct {
	conn  net.Conn
	fd    int
	write sync.Mutex
}

func serveGobwas(listener net.Listener) error {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return fmt.Errorf("make an epoll: %w", err)
	}
	pool, err := ants.NewPool(gobwasWorkers)
	if err != nil {
		return fmt.Errorf("make a pool: %w", err)
	}
	hub := &gobwasHub{members: newShards((*gobwasClient).send), epoll: epoll, pool: pool, clients: map[int]*gobwasClient{}}
	hub.readers.New = func() any { return bufio.NewReader(nil) }
	go hub.wait()
	for {
		conn, err := listener.Accept()
		if err != nil {
			return fmt.Errorf("accept: %w", err)
		}
		pool.Submit(func() { hub.upgrade(conn) })
	}
}

func (h *gobwasHub) upgrade(conn net.Conn) {
	_, err := ws.Upgrade(conn)
	raw, failed := conn.(*net.TCPConn).SyscallConn()
	if err != nil || failed != nil {
		conn.Close()
		return
	}
	client := &gobwasClient{conn: conn}
	raw.Control(func(fd uintptr) { client.fd = int(fd) })
	h.mu.Lock()
	h.clients[client.fd] = client
	h.mu.Unlock()
	h.watch(unix.EPOLL_CTL_ADD, client)
}

func (h *gobwasHub) watch(how int, client *gobwasClient) {
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLONESHOT, Fd: int32(client.fd)}
	unix.EpollCtl(h.epoll, how, client.fd, &event)
}

// wait hands readable clients to the pool.
func (h *gobwasHub) wait() {
	events := make([]unix.EpollEvent, gobwasEvents)
	for {
		n, err := unix.EpollWait(h.epoll, events, -1)
		if err != nil {
			continue
		}
		for _, event := range events[:n] {
			h.mu.RLock()
			client := h.clients[int(event.Fd)]
			h.mu.RUnlock()
			if client != nil {
				h.pool.Submit(func() { h.read(client) })
			}
		}
	}
}

// read takes the messages that one read brings, through a borrowed buffer, and has epoll look again.
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
	h.watch(unix.EPOLL_CTL_MOD, client)
}

func (h *gobwasHub) handle(client *gobwasClient, message []byte) {
	switch asked := parse(message); asked.kind {
	case eventRequest:
		h.members.broadcast(asked.topic, client, ws.MustCompileFrame(ws.NewTextFrame(message)))
	case subscribeRequest, unsubscribeRequest:
		h.members.of(client).apply(asked, client)
		if len(asked.ack) > 0 {
			client.send(ws.MustCompileFrame(ws.NewTextFrame(asked.ack)))
		}
	}
}

func (h *gobwasHub) drop(client *gobwasClient) {
	h.members.of(client).drop(client)
	h.mu.Lock()
	delete(h.clients, client.fd)
	h.mu.Unlock()
	client.conn.Close()
}

func (c *gobwasClient) send(frame []byte) { c.Write(frame) }

// Write implements io.Writer.
func (c *gobwasClient) Write(view []byte) (int, error) {
	c.write.Lock()
	defer c.write.Unlock()
	return c.conn.Write(view)
}

// gobwasStream reads through a buffer, and answers pings through the client's lock.
type gobwasStream struct {
	io.Reader
	*gobwasClient
}
