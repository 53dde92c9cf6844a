package main

import (
	"context"
	"fmt"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/spoke"
)

func run(ctx context.Context) error {
client, err := spoke.Dial(ctx, "ws://127.0.0.1:33385/ws", spoke.Config{})
if err != nil {
	return err
}
hold(client)
client.AddEventListener("price:EURUSD", func(e event.Event) {
	fmt.Println(e.Type, e.ID, string(e.Payload))
})
return client.Publish(ctx, event.Event{Type: "chat", ID: "room-7", Payload: []byte(`"hello"`)})
}

func hold(*spoke.Client) {}

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Println(err)
		return
	}
	select {}
}
