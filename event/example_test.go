package event_test

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spokehub/spokehub/event"
)

func ExampleParse() {
	e, err := event.Parse([]byte(`{"type":"order.created","id":"42","payload":{"total": 12.50}}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(e.Type, e.ID, string(e.Payload))
	// Output: order.created 42 {"total": 12.50}
}

func ExampleAppend() {
	e := event.Event{Type: "price", ID: "EURUSD", Payload: []byte(`1.0841`)}
	fmt.Println(string(event.Append(nil, e)))
	// Output: {"type":"price","id":"EURUSD","payload":1.0841}
}

func ExampleEvent_Validate() {
	err := event.Event{Type: "order:created"}.Validate()
	fmt.Println(err)
	fmt.Println(errors.Is(err, event.FaultTypeColon))
	// Output:
	// type holds a colon
	// true
}

func ExampleView() {
	var view event.View
	messages := []string{
		`{"payload":{"bid": 1.0841}, "type":"price", "id":"EURUSD"}`,
		`{"type":"price","type":"order"}`,
	}
	var out []byte
	for _, message := range messages {
		if err := view.Parse([]byte(message)); err != nil {
			fmt.Println(err)
			continue
		}
		out = view.Append(out[:0])
		fmt.Println(string(out))
	}
	// Output:
	// {"type":"price","id":"EURUSD","payload":{"bid": 1.0841}}
	// two members of one object have the same name
}

func ExampleView_Topics() {
	var view event.View
	if err := view.Parse([]byte(`{"type":"__subscribe","id":"7","payload":{"topics":["price","price:"]}}`)); err != nil {
		fmt.Println(err)
		return
	}
	topics, err := view.Topics(nil)
	if err != nil || view.Control() != event.Subscribe {
		fmt.Println(err)
		return
	}
	for _, topic := range topics {
		if !event.ValidTopic(topic) {
			fmt.Println(string(event.AppendReject(nil, view.ID, topic, event.InvalidTopic)))
			continue
		}
		fmt.Println(string(event.AppendAck(nil, view.ID, [][]byte{topic})))
	}
	// Output:
	// {"type":"__ack","id":"7","payload":{"topics":["price"]}}
	// {"type":"__reject","id":"7","payload":{"topic":"price:","reason":"invalid_topic"}}
}

func ExampleSplitTopic() {
	typ, id, err := event.SplitTopic("price:EURUSD")
	fmt.Println(typ, id, err)
	_, _, err = event.SplitTopic("__subscribe")
	fmt.Println(err)
	// Output:
	// price EURUSD <nil>
	// type begins with __, which is reserved for control events
}

// ParsePatterns says what a user may have. The name of a user is put in as it is: nothing in it is a pattern.
func ExampleParsePatterns() {
	patterns, err := event.ParsePatterns([]string{"news", "price:*", "inbox:$user"})
	if err != nil {
		panic(err)
	}
	for _, topic := range []string{"news", "news:1", "price:EURUSD", "price", "inbox:ada", "inbox:bob"} {
		fmt.Println(topic, patterns.Match([]byte(topic), "ada"), patterns.Match([]byte(topic), "*"))
	}
	// Output:
	// news true true
	// news:1 false false
	// price:EURUSD true true
	// price false false
	// inbox:ada true false
	// inbox:bob false false
}

// An event is its envelope in other JSON too.
func ExampleEvent_MarshalJSON() {
	type entry struct {
		At    int         `json:"at"`
		Event event.Event `json:"event"`
	}
	text, err := json.Marshal(entry{1764150000, event.Event{Type: "price", ID: "EURUSD", Payload: []byte("1.08")}})
	fmt.Println(string(text), err)
	var back entry
	err = json.Unmarshal(text, &back)
	fmt.Println(back.Event.Type, back.Event.ID, string(back.Event.Payload), err)
	// Output:
	// {"at":1764150000,"event":{"type":"price","id":"EURUSD","payload":1.08}} <nil>
	// price EURUSD 1.08 <nil>
}

// A client builds its control events with Append, and tells events from answers by what Parse says. It ignores what it doesn't know.
func ExampleParseAck() {
	ask := event.Event{Type: event.TypeSubscribe, ID: "1", Payload: []byte(`{"topics":["price","admin"]}`)}
	fmt.Println("send:", string(event.Append(nil, ask)))
	for _, message := range []string{
		`{"type":"__reject","id":"1","payload":{"topic":"admin","reason":"forbidden"}}`,
		`{"type":"__ack","id":"1","payload":{"topics":["price"]}}`,
		`{"type":"price","id":"EURUSD","payload":1.08}`,
		`{"type":"__tomorrow","id":"","payload":null}`,
	} {
		e, err := event.Parse([]byte(message))
		if err == nil {
			fmt.Println("event:", e.Type, e.ID, string(e.Payload))
			continue
		}
		if !errors.Is(err, event.FaultTypeReserved) {
			fmt.Println("malformed:", err)
			continue
		}
		if ack, err := event.ParseAck([]byte(message)); err == nil {
			fmt.Println("in force:", ack.ID, ack.Topics)
		} else if reject, err := event.ParseReject([]byte(message)); err == nil {
			fmt.Println("refused:", reject.ID, reject.Topic, reject.Reason)
		}
	}
	// Output:
	// send: {"type":"__subscribe","id":"1","payload":{"topics":["price","admin"]}}
	// refused: 1 admin forbidden
	// in force: 1 [price]
	// event: price EURUSD 1.08
}
