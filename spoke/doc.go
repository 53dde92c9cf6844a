// Package spoke is the client of a hub for Go: a connection that comes back by itself, with its subscriptions.
//
//	client, err := spoke.Dial(ctx, "wss://hub.example.com/ws", spoke.Config{Token: token})
//	client.AddEventListener("price:EURUSD", func(e event.Event) { ... })
//	client.Publish(ctx, event.Event{Type: "order", ID: "7", Payload: payload})
package spoke
