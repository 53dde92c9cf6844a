package fanout_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/spokehub/spokehub/fanout/fanouttest"
)

// awaitKeys waits until a hub asks the broker for so many keys.
func awaitKeys(t *testing.T, h *fanouttest.Hub, want uint64) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); h.Stats().BrokerKeys != want; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("got %d keys for a minute, want %d", h.Stats().BrokerKeys, want)
		}
	}
}

func TestVeryManyIDsAreAskedForAsTheirType(t *testing.T) {
	hubs, _ := newCluster(t, 2)
	sender := hubs[1].Connect()
	few, many := hubs[0].Connect(), []*fanouttest.Client{}
	few.Subscribe("room:few", "user:few")
	awaitKeys(t, hubs[0], 2)
	const clients, each = 10, 500
	for i := range clients {
		var rooms, users []string
		for j := range each {
			rooms = append(rooms, fmt.Sprintf("room:%d-%d", i, j))
			users = append(users, fmt.Sprintf("user:%d-%d", i, j))
		}
		c := hubs[0].Connect()
		c.Subscribe(rooms...)
		c.Subscribe(users...)
		many = append(many, c)
	}
	awaitKeys(t, hubs[0], 1+1+clients*each)
	numbers := 0
	sendToAll := func() {
		numbers++
		sender.Send(eventOf("room", "few", numbers))
		sender.Send(eventOf("room", "nobody's", numbers))
		sender.Send(eventOf("user", "few", numbers))
		few.Expect(eventOf("room", "few", numbers), eventOf("user", "few", numbers))
		for i, c := range many {
			sender.Send(eventOf("room", fmt.Sprintf("%d-%d", i, numbers), numbers))
			c.Expect(eventOf("room", fmt.Sprintf("%d-%d", i, numbers), numbers))
		}
	}
	sendToAll()
	for _, c := range many[1:] {
		c.Close()
	}
	many = many[:1]
	for deadline := time.Now().Add(time.Minute); hubs[0].Stats().BrokerKeys != 2*(1+each); sendToAll() {
		if time.Now().After(deadline) {
			t.Fatalf("got %d keys a minute after most clients have left, want one for each id", hubs[0].Stats().BrokerKeys)
		}
		if numbers == each-1 {
			numbers = 0
		}
		time.Sleep(10 * time.Millisecond)
	}
	sendToAll()
	few.ExpectNone()
	many[0].ExpectNone()
}
