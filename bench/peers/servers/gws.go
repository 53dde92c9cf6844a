//go:build linux

package servers

import (
	"net"

	"github.com/lxzan/gws"
)

// gwsHub uses gws' own server, which keeps no net/http state, and its Broadcaster, which frames an event once.
type gwsHub struct {
	gws.BuiltinEventHandler
	rooms *rooms[*gws.Conn]
}

func serveGws(listener net.Listener) error {
	hub := &gwsHub{rooms: newRooms[*gws.Conn]()}
	return gws.NewServer(hub, &gws.ServerOption{Recovery: gws.Recovery}).RunListener(listener)
}

// OnClose implements gws.Event.
func (h *gwsHub) OnClose(socket *gws.Conn, _ error) { h.rooms.drop(socket) }

// OnPing implements gws.Event.
func (h *gwsHub) OnPing(socket *gws.Conn, payload []byte) { socket.WritePong(payload) }

// OnMessage implements gws.Event.
func (h *gwsHub) OnMessage(socket *gws.Conn, message *gws.Message) {
	defer message.Close()
	w, ok := listen(message.Bytes())
	switch {
	case !ok:
	case w.kind != wordEvent:
		h.rooms.obey(w, socket)
		if len(w.ack) > 0 {
			socket.WriteAsync(gws.OpcodeText, w.ack, nil)
		}
	default:
		h.broadcast(socket, w.topic, message.Bytes())
	}
}

func (h *gwsHub) broadcast(sender *gws.Conn, topic string, message []byte) {
	broadcaster := gws.NewBroadcaster(gws.OpcodeText, message)
	defer broadcaster.Close()
	h.rooms.others(topic, sender, func(other *gws.Conn) { broadcaster.Broadcast(other) })
}
