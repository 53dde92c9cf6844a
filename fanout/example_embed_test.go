package fanout_test

import (
	"context"
	"log"
	"net"
	"net/http"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

// users are those who are signed in, by the cookies that the service has given them.
var users = map[string]string{"3f9a7c": "ada"}

// customer is what each of them may do.
var customer = fanout.Permissions{
	Subscribe: event.MustPatterns("news", "price:*", "inbox:$user"),
	Publish:   event.MustPatterns("order.created:*"),
}

func whoIs(_ context.Context, h *fanout.Handshake) (fanout.Identity, error) {
	cookie, err := h.Request.Cookie("session")
	if err != nil || users[cookie.Value] == "" {
		return fanout.Identity{}, &fanout.Refusal{Code: fanout.CodeUnauthorized, Reason: "sign in first"}
	}
	return fanout.Identity{User: users[cookie.Value], Permissions: &customer}, nil
}

func Example_embed() {
	hub, err := fanout.New(fanout.Config{
		OnHandshake: whoIs,
		OnDisconnection: func(s *fanout.Spoke, conn net.Conn, cause fanout.Cause) {
			log.Printf("%s, %v: %v", s.Identity().User, conn.RemoteAddr(), cause)
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	hub.AddEventListener("order.created", func(s *fanout.Spoke, e event.Event) {
		hub.DispatchToUser(s.Identity().User, event.Event{Type: "order.accepted", ID: e.ID, Payload: e.Payload})
	})
	http.Handle("/ws", hub)
	log.Fatal(http.ListenAndServe("127.0.0.1:8080", nil))
}
