package spoke_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/spoke"
)

// shown is a Presence as tests compare it.
func shown(p spoke.Presence) string {
	return fmt.Sprintf("%s +%s -%s", strings.Join(slices.Sorted(maps.Keys(p.Users)), ","), strings.Join(p.Join, ","), strings.Join(p.Leave, ","))
}

// room answers a question for presence with users, in two parts.
func (c *serverConn) room(message string, first, second []event.Member) {
	id := []byte(parse(message).ID)
	c.send(string(event.AppendPresenceAck(nil, id, "room:7", first, true)))
	c.send(string(event.AppendPresence(nil, "room:7", []string{"eve"}, []string{"ada"})))
	c.send(string(event.AppendPresenceAck(nil, id, "room:7", second, false)))
}

func TestPresenceBeginsWithTheListAndGoesOnWithChanges(t *testing.T) {
	cut := make(chan struct{})
	url := scripted(t, func(c *serverConn, number int) {
		message := c.next()
		if parse(message).Type != event.TypePresence {
			t.Errorf("the server got %s, want a question for presence", message)
		}
		if number == 0 {
			c.room(message, []event.Member{{User: "ada", Connections: 2}}, []event.Member{{User: "bob", Connections: 1}})
			<-cut
			c.send(string(event.AppendPresence(nil, "room:7", []string{"cid"}, nil)))
			return
		}
		c.room(message, []event.Member{{User: "ada"}}, []event.Member{{User: "cid"}, {User: "dan"}})
		c.serve(nil)
	})
	client := dial(t, url, spoke.Config{})
	var got []string
	want := []string{"bob,eve +bob,eve -", "bob,cid,eve +cid -", "cid,dan,eve +dan -bob"}
	for p, err := range client.Presence(t.Context(), "room:7") {
		if err != nil {
			t.Fatal(err)
		}
		if got = append(got, shown(p)); len(got) == 1 {
			close(cut)
		}
		if len(got) == len(want) {
			break
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("the loop got %q, want %q", got, want)
	}
}

func TestPresenceThatIsRefusedEndsTheLoop(t *testing.T) {
	url := scripted(t, func(c *serverConn, _ int) {
		c.reject(c.next(), "room:7", event.Unavailable)
		c.serve(nil)
	})
	rejects := make(chan *spoke.RejectError, 10)
	client := dial(t, url, spoke.Config{OnReject: func(e *spoke.RejectError) { rejects <- e }})
	var last error
	for _, err := range client.Presence(t.Context(), "room:7") {
		last = err
	}
	if refused, ok := errors.AsType[*spoke.RejectError](last); !ok || !refused.Presence || refused.Topic != "room:7" || refused.Reason != event.Unavailable {
		t.Errorf("the loop ended with %v, want a RejectError of presence", last)
	}
	if told := await(t, "OnReject", rejects); !told.Presence {
		t.Errorf("OnReject was told %+v, want that presence was refused", told)
	}
}

func TestPresenceEndsWithItsContextItsClientAndABadTopic(t *testing.T) {
	url := scripted(t, func(c *serverConn, _ int) { c.serve(nil) })
	client := dial(t, url, spoke.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range client.Presence(ctx, "room:7") {
		t.Error("the loop of an ended context got something")
	}
	var last error
	for _, err := range client.Presence(t.Context(), "room:") {
		last = err
	}
	if !errors.Is(last, event.FaultIDEmpty) {
		t.Errorf("the loop ended with %v, want the fault of the topic", last)
	}
	go client.Close()
	for _, err := range client.Presence(t.Context(), "room:7") {
		last = err
	}
	if !errors.Is(last, spoke.ErrClosed) {
		t.Errorf("the loop ended with %v, want ErrClosed", last)
	}
}

// presenceServer acknowledges topics, lists nobody, and sends what it hears to the channel, but for questions.
func presenceServer(t *testing.T) (url string, heard chan string) {
	heard = make(chan string, 100)
	return scripted(t, func(c *serverConn, _ int) {
		for message := c.next(); message != ""; message = c.next() {
			if !isProbe(message) {
				heard <- short(message)
			}
			if parse(message).Type == event.TypePresence {
				c.send(string(event.AppendPresenceAck(nil, []byte(parse(message).ID), "room:7", nil, false)))
				continue
			}
			c.ack(message)
		}
	}), heard
}

// TestPresenceOutlivesItsTopicsSubscription: the end of a topic ends its presence at the hub.
func TestPresenceOutlivesItsTopicsSubscription(t *testing.T) {
	url, heard := presenceServer(t)
	client := dial(t, url, spoke.Config{})
	if err := client.Subscribe(t.Context(), "room:7"); err != nil {
		t.Fatal(err)
	}
	for _, err := range client.Presence(t.Context(), "room:7") {
		if err != nil {
			t.Fatal(err)
		}
		client.Unsubscribe("room:7")
		for _, want := range []string{"+room:7", "who", "-room:7", "who"} {
			if got := await(t, want, heard); got != want {
				t.Errorf("the server got %s, want %s", got, want)
			}
		}
		break
	}
	if got := await(t, "the end of presence", heard); got != "-room:7" {
		t.Errorf("the server got %s, want that nobody watches", got)
	}
}

// TestPresenceLeavesASubscriptionAlone: only the end of the topic would end it at the hub.
func TestPresenceLeavesASubscriptionAlone(t *testing.T) {
	url, heard := presenceServer(t)
	client := dial(t, url, spoke.Config{})
	if err := client.Subscribe(t.Context(), "room:7"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for range client.Presence(t.Context(), "room:7") {
			break
		}
		flush(t, client)
	}
	client.Unsubscribe("room:7")
	flush(t, client)
	for _, want := range []string{"+room:7", "who", "-room:7"} {
		if got := await(t, want, heard); got != want {
			t.Errorf("the server got %s, want %s", got, want)
		}
	}
}

// TestPresenceInDoubtIsAskedForAgain has a reject without an id name the topic: it is of an event, or of the presence.
func TestPresenceInDoubtIsAskedForAgain(t *testing.T) {
	for name, isPresence := range map[string]bool{"the presence was taken away": true, "an event was refused": false} {
		t.Run(name, func(t *testing.T) {
			url := scripted(t, func(c *serverConn, _ int) {
				c.room(c.next(), []event.Member{{User: "ada"}}, []event.Member{{User: "bob"}})
				c.send(`{"type":"__reject","id":"","payload":{"topic":"room:7","reason":"forbidden"}}`)
				if message := c.next(); isPresence {
					c.reject(message, "room:7", event.Forbidden)
				} else {
					c.room(message, []event.Member{{User: "ada"}}, []event.Member{{User: "cid"}})
				}
				c.serve(nil)
			})
			rejects := make(chan *spoke.RejectError, 10)
			client := dial(t, url, spoke.Config{OnReject: func(e *spoke.RejectError) { rejects <- e }})
			var got []string
			for p, err := range client.Presence(t.Context(), "room:7") {
				if err != nil {
					got = append(got, "refused")
					continue
				}
				if got = append(got, shown(p)); len(got) == 2 {
					break
				}
			}
			want := map[bool]string{true: "refused", false: "cid,eve +cid -bob"}[isPresence]
			if !slices.Equal(got, []string{"bob,eve +bob,eve -", want}) {
				t.Errorf("the loop got %q, want the list and %s", got, want)
			}
			if told := await(t, "OnReject", rejects); told.Published == isPresence || told.Presence != isPresence || told.Topic != "room:7" {
				t.Errorf("OnReject was told %+v", told)
			}
		})
	}
}
