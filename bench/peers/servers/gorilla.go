//go:build linux

package servers

import (
	"net"
	"net/http"
	"time"

	"github.com/gorilla/websocket"
)

const (
	gorillaQueue    = 256
	gorillaDeadline = 10 * time.Second
)

// gorillaClient is a client of gorilla's chat example: a goroutine that reads, one that writes, and a channel between.
type gorillaClient struct {
	conn *websocket.Conn
	send chan *websocket.PreparedMessage
}

// gorillaHub is the example's hub with rooms. An event is framed once, as a prepared message.
type gorillaHub struct {
	rooms    *rooms[*gorillaClient]
	upgrader websocket.Upgrader
}

func serveGorilla(listener net.Listener) error {
	hub := &gorillaHub{rooms: newRooms[*gorillaClient](), upgrader: websocket.Upgrader{ReadBufferSize: 1024, WriteBufferSize: 1024}}
	return http.Serve(listener, hub)
}

// ServeHTTP upgrades and starts the client's goroutines.
func (h *gorillaHub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	conn, err := h.upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	client := &gorillaClient{conn: conn, send: make(chan *websocket.PreparedMessage, gorillaQueue)}
	go client.write()
	go h.read(client)
}

func (h *gorillaHub) read(client *gorillaClient) {
	defer func() {
		h.rooms.drop(client)
		close(client.send)
		client.conn.Close()
	}()
	for {
		_, message, err := client.conn.ReadMessage()
		if err != nil {
			return
		}
		if w, ok := listen(message); ok {
			h.handle(client, w, message)
		}
	}
}

func (h *gorillaHub) handle(client *gorillaClient, w word, message []byte) {
	if w.kind != wordEvent {
		h.rooms.obey(w, client)
		client.queue(w.ack)
		return
	}
	var prepared *websocket.PreparedMessage
	h.rooms.others(w.topic, client, func(other *gorillaClient) {
		if prepared == nil {
			prepared, _ = websocket.NewPreparedMessage(websocket.TextMessage, message)
		}
		other.offer(prepared)
	})
}

func (c *gorillaClient) queue(message []byte) {
	if len(message) == 0 {
		return
	}
	if prepared, err := websocket.NewPreparedMessage(websocket.TextMessage, message); err == nil {
		c.offer(prepared)
	}
}

// offer drops a client whose channel is full, as the example does.
func (c *gorillaClient) offer(prepared *websocket.PreparedMessage) {
	select {
	case c.send <- prepared:
	default:
		c.conn.Close()
	}
}

func (c *gorillaClient) write() {
	defer c.conn.Close()
	for prepared := range c.send {
		c.conn.SetWriteDeadline(time.Now().Add(gorillaDeadline))
		if c.conn.WritePreparedMessage(prepared) != nil {
			return
		}
	}
}
