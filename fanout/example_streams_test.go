package fanout_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/stream"
)

func ExampleHub_History() {
	hub, err := fanout.New(fanout.Config{Policies: []stream.Policy{{
		Match:    "order.*",
		History:  stream.History{Events: 10_000, Age: 10 * time.Minute},
		Behind:   stream.CatchUp,
		Presence: true,
	}}})
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	defer hub.Shutdown(ctx)

	for _, id := range []string{"41", "42", "42"} {
		receipt, err := hub.PublishWith(ctx, event.Event{Type: "order.paid", ID: id}, fanout.PublishOptions{IdempotencyKey: id})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(id, "at", receipt.Position.Offset, "repeated:", receipt.Repeated)
	}

	var since event.Position
	for {
		past, err := hub.History("order.paid", since, 100)
		if err != nil {
			log.Fatal(err)
		}
		for _, e := range past.Events {
			fmt.Println("kept:", e.Offset, e.ID)
		}
		if since = past.Next; since == past.Position {
			break
		}
	}
	// Output:
	// 41 at 1 repeated: false
	// 42 at 2 repeated: false
	// 42 at 2 repeated: true
	// kept: 1 41
	// kept: 2 42
}
