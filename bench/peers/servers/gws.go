//go:build linux

package servers

import (
	"net"

	"github.com/lxzan/gws"
)

// gwsHub uses gws' own server, which keeps no net/http state, and its Broadcaster, which frames an event once.
type gwsHub struct {
	gws.BuiltinEventHandler
	topics *topics[*gws.Conn]
}

func serveGws(listener net.Listener) error {
	hub := &gwsHub{topics: newTopics[*gws.Conn]()}
	return gws.NewServer(hub, &gws.ServerOption{Recovery: gws.Recovery}).RunListener(listener)
}

// OnClose implements gws.Event.
func (h *gwsHub) OnClose(socket *gws.Conn, _ error) { h.topics.drop(socket) }

// OnPing implements gws.Event.
func (h *gwsHub) OnPing(socket *gws.Conn, payload []byte) { socket.WritePong(payload) }

// OnMessage implements gws.Event.
func (h *gwsHub) OnMessage(socket *gws.Conn, message *gws.Message) {
	defer message.Close()
	asked, ok := parse(message.Bytes())
	switch {
	case !ok:
	case asked.kind != eventRequest:
		h.topics.apply(asked, socket)
		if len(asked.ack) > 0 {
			socket.WriteAsync(gws.OpcodeText, asked.ack, nil)
		}
	default:
		h.broadcast(socket, asked.topic, message.Bytes())
	}
}

func (h *gwsHub) broadcast(sender *gws.Conn, topic string, message []byte) {
	broadcaster := gws.NewBroadcaster(gws.OpcodeText, message)
	defer broadcaster.Close()
	h.topics.others(topic, sender, func(other *gws.Conn) { broadcaster.Broadcast(other) })
}
