package fanout

import (
	"net/http"
	"time"
)

// ServeHTTP upgrades a request to a WebSocket and adds its connection, so that a hub can be mounted in any net/http
// server and on any path. Origins and Subprotocols of Config apply; a request that is no handshake gets 426 with a hint.
// It returns as soon as the connection is the hub's.
func (h *Hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	response, subprotocol, refusal := h.anyPath.UpgradeHTTP(r, nil)
	if refusal == nil && h.state.Load() != serving {
		refusal = refuseDown
	}
	if refusal != nil {
		refusal.ServeHTTP(w, r)
		return
	}
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		h.cfg.Logger.Error("connection can't be hijacked for a WebSocket", "error", err, "path", r.URL.Path)
		http.Error(w, "this server can't upgrade this connection", http.StatusInternalServerError)
		return
	}
	_ = conn.SetDeadline(time.Now().Add(h.cfg.HandshakeTimeout))
	if _, err := conn.Write(response); err != nil {
		conn.Close()
		return
	}
	_ = conn.SetDeadline(time.Time{})
	rest, _ := buffered.Reader.Peek(buffered.Reader.Buffered())
	if _, err := h.add(conn, rest, subprotocol); err != nil {
		h.cfg.Logger.Debug("upgraded connection not added", "error", err)
	}
}

var _ http.Handler = (*Hub)(nil)
