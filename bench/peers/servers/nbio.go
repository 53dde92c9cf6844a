package servers

import (
	"fmt"
	"net"
	"net/http"

	"github.com/lesismal/nbio/logging"
	"github.com/lesismal/nbio/nbhttp"
	"github.com/lesismal/nbio/nbhttp/websocket"
)

// nbioHub runs in nbio's non-blocking mode, as its example for a million connections does.
type nbioHub struct {
	rooms    *rooms[*websocket.Conn]
	upgrader *websocket.Upgrader
}

func serveNbio(listener net.Listener) error {
	logging.SetLevel(logging.LevelError)
	hub := &nbioHub{rooms: newRooms[*websocket.Conn](), upgrader: websocket.NewUpgrader()}
	hub.upgrader.OnMessage(hub.message)
	hub.upgrader.OnClose(func(conn *websocket.Conn, _ error) { hub.rooms.drop(conn) })
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
	w, ok := listen(message)
	switch {
	case !ok:
	case w.kind != wordEvent:
		h.rooms.obey(w, conn)
		if len(w.ack) > 0 {
			conn.WriteMessage(websocket.TextMessage, w.ack)
		}
	default:
		h.rooms.others(w.topic, conn, func(other *websocket.Conn) {
			other.WriteMessage(websocket.TextMessage, message)
		})
	}
}
