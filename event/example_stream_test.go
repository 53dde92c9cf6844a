package event_test

import (
	"encoding/json"
	"fmt"

	"github.com/spokehub/spokehub/event"
)

// A client that comes back subscribes with the position that it has seen last, and the ack says what follows.
func ExamplePosition() {
	seen := event.Position{Epoch: "x7", Offset: 42}
	payload, err := json.Marshal(map[string]any{"topic": "price", "since": map[string]event.Position{"price": seen}})
	if err != nil {
		fmt.Println(err)
		return
	}
	ask := event.Event{Type: event.TypeSubscribe, ID: "1", Payload: payload}
	fmt.Println("send:", string(event.Append(nil, ask)))

	ack, err := event.ParseAck([]byte(`{"type":"__ack","id":"1","payload":{"topics":["price"],` +
		`"positions":{"price":{"epoch":"x7","offset":57,"result":"gap","missed":3}}}}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	price := ack.Positions["price"]
	fmt.Println("up to:", price.Position, price.Result, price.Missed)

	e, err := event.Parse([]byte(`{"type":"price","id":"EURUSD","payload":1.08,"offset":46}`))
	fmt.Println("event:", e.Type, e.Offset, err)
	// Output:
	// send: {"type":"__subscribe","id":"1","payload":{"since":{"price":{"epoch":"x7","offset":42}},"topic":"price"}}
	// up to: x7:57 gap 3
	// event: price 46 <nil>
}

func ExampleParsePosition() {
	fmt.Println(event.ParsePosition("x7:42"))
	_, err := event.ParsePosition("x7")
	fmt.Println(err)
	// Output:
	// x7:42 <nil>
	// position "x7" has no colon: write EPOCH:OFFSET, as in x7:42
}

func ExampleView_Since() {
	var view event.View
	message := `{"type":"__subscribe","id":"1","payload":{"topics":["chat","price"],"since":{"price":{"epoch":"x7","offset":42}}}}`
	if err := view.Parse([]byte(message)); err != nil {
		fmt.Println(err)
		return
	}
	topics, err := view.Topics(nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for i, since := range view.Since(nil, topics) {
		switch since.Is {
		case event.SincePosition:
			fmt.Printf("%s since %s:%d\n", topics[i], since.Epoch, since.Offset)
		default:
			fmt.Printf("%s from now on\n", topics[i])
		}
	}
	// Output:
	// chat from now on
	// price since x7:42
}

func ExampleParseGap() {
	gap, err := event.ParseGap([]byte(`{"type":"__gap","id":"","payload":{"topic":"price","epoch":"x7","from":43,"to":51,"missed":9,"reason":"slow"}}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(gap.Topic, gap.From, gap.To, gap.Missed, gap.Reason)
	// Output: price 43 51 9 slow
}

func ExampleParsePresence() {
	change, err := event.ParsePresence([]byte(`{"type":"__presence","id":"","payload":{"topic":"room:7","join":["alice"],"leave":["bob"]}}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(change.Topic, change.Join, change.Leave)
	// Output: room:7 [alice] [bob]
}
