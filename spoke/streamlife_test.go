package spoke_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/spoke"
	"github.com/spokehub/spokehub/stream"
)

// streamEvents is how many events a life of a stream has, and streamIDs how many ids they have.
const streamEvents, streamIDs = 20_000, 4

// follower checks that the events of a topic come in order, each once. Its listener, or its loop, owns it.
type follower struct {
	t     *testing.T
	topic string
	next  int
	done  chan struct{}
}

// hear takes an event, whose payload is its number; its id is the remainder.
func (f *follower) hear(e event.Event) {
	var number int
	fmt.Sscan(string(e.Payload), &number)
	if number != f.next {
		f.t.Errorf("%s got event %d, want %d", f.topic, number, f.next)
	}
	f.next = number + 1
	if strings.Contains(f.topic, ":") {
		f.next = number + streamIDs
	}
	if f.next > streamEvents {
		close(f.done)
	}
}

// firstOf is the first event of a topic.
func firstOf(topic string) int {
	_, id, _ := strings.Cut(topic, ":")
	first := 1
	fmt.Sscan(id, &first)
	return first
}

// follow has a client hear topics, by a listener or by a loop, every other one.
func follow(t *testing.T, client *spoke.Client, loops *sync.WaitGroup, topics ...string) (all []*follower) {
	t.Helper()
	for i, topic := range topics {
		f := &follower{t: t, topic: topic, next: firstOf(topic), done: make(chan struct{})}
		all = append(all, f)
		if i%2 == 0 {
			client.AddEventListener(topic, f.hear)
			continue
		}
		loops.Go(func() {
			for e, err := range client.Events(t.Context(), topic) {
				if err != nil {
					t.Errorf("the loop over %s got %v", topic, err)
					return
				}
				f.hear(e)
				if f.next > streamEvents {
					return
				}
			}
		})
	}
	if err := client.Subscribe(t.Context(), topics...); err != nil {
		t.Fatal(err)
	}
	return all
}

// TestNothingOfAStreamIsMissingWhateverBreaks is promise 13, seen by clients whose connections are cut while events come.
func TestNothingOfAStreamIsMissingWhateverBreaks(t *testing.T) {
	for _, behind := range []stream.Behind{stream.Close, stream.CatchUp} {
		t.Run(behind.String(), func(t *testing.T) {
			hub, url := startHub(t, fanout.Config{
				Policies: []stream.Policy{{Match: "price", History: stream.History{Events: 2 * streamEvents}, Behind: behind}},
			})
			proxy := startCutter(t, url[len("http://"):])
			var loops sync.WaitGroup
			defer loops.Wait()
			var followers []*follower
			connected := make(chan struct{}, 1000)
			for _, topics := range [][]string{{"price"}, {"price:1"}, {"price", "price:2"}, {"price:1", "price:2", "price:3"}, {"price:3", "price"}} {
				client := dial(t, "ws://"+proxy.Addr().String(), spoke.Config{
					EventBuffer: 2 * streamEvents, OnGap: func(g event.Gap) { t.Errorf("a gap was told: %+v", g) },
					OnState: func(s spoke.State) {
						if s.Phase == spoke.Connected {
							connected <- struct{}{}
						}
					},
				})
				followers = append(followers, follow(t, client, &loops, topics...)...)
				await(t, "the first connection", connected)
			}
			publishWhileCutting(t, hub, proxy, connected)
			for _, f := range followers {
				await(t, "the last event of "+f.topic, f.done)
			}
		})
	}
}

// publishWhileCutting publishes the events. Now and then it cuts all connections, and goes on as soon as one has come back.
func publishWhileCutting(t *testing.T, hub *fanout.Hub, proxy *cutter, connected <-chan struct{}) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for i := 1; i <= streamEvents; i++ {
		e := event.Event{Type: "price", ID: fmt.Sprint(i % streamIDs), Payload: fmt.Append(nil, i)}
		if _, err := hub.Publish(ctx, e); err != nil {
			t.Fatal(err)
		}
		if i%1000 == 0 {
			proxy.cut(1)
			await(t, "a connection", connected)
		}
	}
}
