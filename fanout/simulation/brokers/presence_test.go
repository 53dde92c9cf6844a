package brokers

import (
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"time"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

// room is the topic of whose users all hubs tell.
const room = "room:1"

// presenceUsers is how many users there are, each with a connection to every hub.
const presenceUsers = 5

// visit has users enter and leave the room at a hub until the test has enough, and then notes who is there by way of it.
func (w *world) visit(hub int) {
	var spokes []*fanout.Spoke
	for i := range presenceUsers {
		here, there := net.Pipe()
		go func() { _, _ = io.Copy(io.Discard, here) }()
		w.t.Cleanup(func() { here.Close() })
		s, err := w.hubs[hub].AddConnection(there, fanout.AddOptions{Identity: fanout.Identity{User: fmt.Sprint("user ", i)}})
		if err != nil {
			w.t.Errorf("add a connection to hub %d: %v", hub, err)
			return
		}
		spokes = append(spokes, s)
	}
	isThere := make([]bool, presenceUsers)
	for {
		select {
		case <-w.stop:
			for i := range isThere {
				if isThere[i] {
					w.mu.Lock()
					w.present[fmt.Sprint("user ", i)]++
					w.mu.Unlock()
				}
			}
			return
		case <-time.After(10 * pace):
		}
		i := rand.IntN(presenceUsers)
		change := spokes[i].Subscribe
		if isThere[i] {
			change = spokes[i].Unsubscribe
		}
		if err := change(room); err != nil {
			w.t.Errorf("change the room at hub %d: %v", hub, err)
		}
		isThere[i] = !isThere[i]
	}
}

// checkPresence wants every hub to know who is there, by way of whatever hub, and all hubs.
func (w *world) checkPresence() {
	w.t.Helper()
	var got []event.Member
	for i, h := range w.hubs {
		w.await(fmt.Sprintf("hub %d to know who is there", i), func() bool {
			is := map[string]int{}
			got = h.Presence(room)
			for _, m := range got {
				is[m.User] = m.Connections
			}
			return maps.Equal(is, w.present) && len(h.Nodes()) == hubCount
		})
	}
}
