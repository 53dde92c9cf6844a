package fanout_test

import (
	"log"
	"net/http"
	"time"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

func Example_smallest() {
	hub, err := fanout.New(fanout.Config{Relay: true})
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		for range time.Tick(time.Second) {
			hub.DispatchEvent(event.Event{Type: "price", ID: "EURUSD", Payload: []byte("1.08")})
		}
	}()
	http.Handle("/ws", hub)
	log.Fatal(http.ListenAndServe("127.0.0.1:8080", nil))
}
