//go:build linux

package servers

import (
	"bytes"
	"fmt"
	"net"
	"net/http"

	"github.com/lesismal/nbio/logging"
	"github.com/lesismal/nbio/nbhttp"
	"github.com/lesismal/nbio/nbhttp/websocket"
)

// nbioHub runs in nbio's non-blocking mode, as its example for a million connections does.
type nbioHub struct {
	members  *shards[*websocket.Conn]
	upgrader *websocket.Upgrader
}

func serveNbio(listener net.Listener) error {
	logging.SetLevel(logging.LevelError)
	hub := &nbioHub{upgrader: websocket.NewUpgrader()}
	hub.members = newShards(func(conn *websocket.Conn, message []byte) { conn.WriteMessage(websocket.TextMessage, message) })
	hub.upgrader.OnMessage(hub.message)
	hub.upgrader.OnClose(func(conn *websocket.Conn, _ error) { hub.members.of(conn).drop(conn) })
	engine := nbhttp.NewEngine(nbhttp.Config{
		Network:                 "tcp",
		Addrs:                   []string{listener.Addr().String()},
		Listen:                  func(_, _ string) (net.Listener, error) { return listener, nil },
		MaxLoad:                 1_000_000,
		ReleaseWebsocketPayload: true,
		Handler:                 hub,
	})
	if err := engine.Start(); err != nil {
		return fmt.Errorf("start nbio: %w", err)
	}
	select {}
}

// ServeHTTP upgrades.
func (h *nbioHub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.upgrader.Upgrade(w, r, nil)
}

func (h *nbioHub) message(conn *websocket.Conn, _ websocket.MessageType, message []byte) {
	switch asked := parse(message); asked.kind {
	case eventRequest:
		h.members.broadcast(asked.topic, conn, bytes.Clone(message))
	case subscribeRequest, unsubscribeRequest:
		h.members.of(conn).apply(asked, conn)
		if len(asked.ack) > 0 {
			conn.WriteMessage(websocket.TextMessage, asked.ack)
		}
	}
}
