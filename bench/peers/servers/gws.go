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
	switch asked := parse(message.Bytes()); asked.kind {
	case eventRequest:
		broadcaster := gws.NewBroadcaster(gws.OpcodeText, message.Bytes())
		defer broadcaster.Close()
		h.topics.others(asked.topic, socket, func(other *gws.Conn) { broadcaster.Broadcast(other) })
	case subscribeRequest, unsubscribeRequest:
		h.topics.apply(asked, socket)
		if len(asked.ack) > 0 {
			socket.WriteAsync(gws.OpcodeText, asked.ack, nil)
		}
	}
}
