//go:build linux

package servers

import (
	"net"
	"net/http"
	"time"
	"unicode/utf8"

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

// gorillaHub is the example's hub, with topics. An event is framed once, as a prepared message.
type gorillaHub struct {
	topics   *topics[*gorillaClient]
	upgrader websocket.Upgrader
}

// serveGorillaEcho is the server of gorilla's Autobahn example, without compression: it reads a whole message, checks that text is UTF-8, and
// sends it back.
func serveGorillaEcho(listener net.Listener) error {
	upgrader := websocket.Upgrader{ReadBufferSize: 4096, WriteBufferSize: 4096}
	return http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer conn.Close()
		for {
			kind, message, err := conn.ReadMessage()
			if err != nil || kind == websocket.TextMessage && !utf8.Valid(message) || conn.WriteMessage(kind, message) != nil {
				return
			}
		}
	}))
}

func serveGorilla(listener net.Listener) error {
	hub := &gorillaHub{topics: newTopics[*gorillaClient](), upgrader: websocket.Upgrader{ReadBufferSize: 1024, WriteBufferSize: 1024}}
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
		h.topics.drop(client)
		close(client.send)
		client.conn.Close()
	}()
	for {
		_, message, err := client.conn.ReadMessage()
		if err != nil {
			return
		}
		h.handle(client, message)
	}
}

func (h *gorillaHub) handle(client *gorillaClient, message []byte) {
	var prepared *websocket.PreparedMessage
	switch asked := parse(message); asked.kind {
	case eventRequest:
		h.topics.others(asked.topic, client, func(other *gorillaClient) {
			if prepared == nil {
				prepared, _ = websocket.NewPreparedMessage(websocket.TextMessage, message)
			}
			other.offer(prepared)
		})
	case subscribeRequest, unsubscribeRequest:
		h.topics.apply(asked, client)
		if len(asked.ack) > 0 {
			prepared, _ = websocket.NewPreparedMessage(websocket.TextMessage, asked.ack)
			client.offer(prepared)
		}
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
