package subs_test

import (
	"fmt"
	"slices"

	"github.com/spokehub/spokehub/subs"
)

// Any goroutine may match an event. The goroutine that owns a part walks it.
func Example() {
	index := subs.New(2)
	reactor0, reactor1 := index.Part(0), index.Part(1)
	reactor0.Subscribe(0, []byte("price"))
	reactor0.Subscribe(1, []byte("price:EURUSD"))
	reactor1.Subscribe(0, []byte("price:EURUSD"))
	reactor1.Subscribe(1, []byte("order"))

	match := index.MatchString("price", "EURUSD")
	for i := range 2 {
		if match.Parts>>i&1 == 1 {
			p := index.Part(i)
			fmt.Println("part", i, "type", p.Members(match.Type), "type:id", p.Members(match.TypeID))
		}
	}
	fmt.Println(index.Len(), "topics,", index.Subscriptions(), "subscriptions")
	// Output:
	// part 0 type [0] type:id [1]
	// part 1 type [] type:id [0]
	// 3 topics, 4 subscriptions
}

// Drop removes a member from all its topics, and frees those that are empty then.
func ExamplePart_Drop() {
	part := subs.New(1).Part(0)
	part.Subscribe(4, []byte("order"))
	part.Subscribe(4, []byte("order:42"))
	topics := part.AppendTopics(nil, 4)
	slices.Sort(topics)
	fmt.Println(topics, part.Drop(4), part.Count(4))
	// Output: [order order:42] 2 0
}

func ExampleIndex_Topics() {
	index := subs.New(1)
	index.Part(0).Subscribe(0, []byte("order"))
	index.Part(0).Subscribe(1, []byte("order"))
	for name, members := range index.Topics() {
		fmt.Println(name, members)
	}
	// Output: order 2
}
