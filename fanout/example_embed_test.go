package fanout_test

import (
	"log"
	"net"
	"net/http"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

func Example_embed() {
	hub, err := fanout.New(fanout.Config{
		OnDisconnection: func(s *fanout.Spoke, conn net.Conn, cause fanout.Cause) {
			log.Printf("spoke %d, %v: %v", s.ID(), conn.RemoteAddr(), cause)
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	hub.AddEventListener("order.created", func(s *fanout.Spoke, e event.Event) {
		hub.DispatchEvent(event.Event{Type: "order.accepted", ID: e.ID, Payload: e.Payload})
	})
	http.Handle("/ws", hub)
	log.Fatal(http.ListenAndServe("127.0.0.1:8080", nil))
}
