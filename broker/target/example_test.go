package target_test

import (
	"context"
	"fmt"
	"log"

	"github.com/spokehub/spokehub/broker/inproc"
	"github.com/spokehub/spokehub/broker/target"
	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/stream"
)

// A service publishes orders, which have a stream, and listens for them. With nats.New or redis.New in place of the engine within the process, the hubs on
// that NATS or Redis and their spokes take part.
func Example() {
	engine := inproc.New().Engine()
	service, err := target.New(target.Config{
		Broker:   engine,
		Policies: []stream.Policy{{Match: "order.*", History: stream.History{Events: 1000}}},
		OnLoss:   func(l target.Loss) { log.Printf("events of %q may be missing: %s", l.Type, l.Reason) },
	})
	if err != nil {
		log.Fatal(err)
	}
	heard := make(chan struct{})
	service.AddEventListener("order.created:42", func(e event.Event) {
		fmt.Println("heard", e.Type, e.ID, string(e.Payload))
		close(heard)
	})
	ctx := context.Background()
	if err = service.Settle(ctx); err != nil {
		log.Fatal(err)
	}
	receipt, err := service.Publish(ctx, event.Event{Type: "order.created", ID: "42", Payload: []byte(`{"total":12.5}`)})
	if err != nil {
		log.Fatal(err)
	}
	<-heard
	fmt.Println("offset", receipt.Position.Offset)
	if err = service.Close(); err != nil {
		log.Fatal(err)
	}
	// Output:
	// heard order.created 42 {"total":12.5}
	// offset 1
}
