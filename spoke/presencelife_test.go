package spoke_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/spoke"
	"github.com/spokehub/spokehub/stream"
)

// userHub starts a hub whose clients are who their header User says, and whose rooms have presence.
func userHub(t *testing.T) (*fanout.Hub, string) {
	return startHub(t, fanout.Config{
		Policies: []stream.Policy{{Match: "room", Presence: true}},
		OnHandshake: func(_ context.Context, h *fanout.Handshake) (fanout.Identity, error) {
			return fanout.Identity{User: h.Request.Header.Get("User")}, nil
		},
	})
}

// TestPresenceEndsAsWhoIsThereWhateverBreaks has users come and go while all connections, the watchers' too, are cut.
func TestPresenceEndsAsWhoIsThereWhateverBreaks(t *testing.T) {
	_, url := userHub(t)
	proxy := startCutter(t, url[len("http://"):])
	as := func(user string) *spoke.Client {
		return dial(t, "ws://"+proxy.Addr().String(), spoke.Config{Header: http.Header{"User": {user}}})
	}
	var users []*spoke.Client
	for i := range 8 {
		users = append(users, as(fmt.Sprint("u", i%5)))
	}
	watch := func(client *spoke.Client, done chan<- string) {
		for p, err := range client.Presence(t.Context(), "room:7") {
			if err != nil {
				done <- err.Error()
				return
			}
			if got := strings.Join(slices.Sorted(maps.Keys(p.Users)), " "); got == "last u0 u3" {
				done <- got
				return
			}
		}
	}
	done := make(chan string, 2)
	var loops sync.WaitGroup
	defer loops.Wait()
	for _, client := range []*spoke.Client{as("first"), users[0]} {
		loops.Go(func() { watch(client, done) })
	}
	random := rand.New(rand.NewPCG(1, 2))
	held := make([]int, len(users))
	change := func(i int, wanted bool) {
		switch {
		case wanted:
			if err := users[i].Subscribe(t.Context(), "room:7"); err != nil {
				t.Fatal(err)
			}
			held[i]++
		case held[i] > 0:
			users[i].Unsubscribe("room:7")
			held[i]--
		}
	}
	for range 300 {
		change(random.IntN(len(users)), random.IntN(2) == 0)
		if random.IntN(10) == 0 {
			proxy.cut(3)
		}
	}
	for i := range users {
		for held[i] > 0 {
			change(i, false)
		}
	}
	change(0, true)
	change(3, true)
	if err := as("last").Subscribe(t.Context(), "room:7"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got := await(t, "the last presence", done); got != "last u0 u3" {
			t.Errorf("a loop ended with %q", got)
		}
	}
}

func TestPresenceOfAnotherTypeIsUnavailable(t *testing.T) {
	_, url := userHub(t)
	client := dial(t, url, spoke.Config{Header: http.Header{"User": {"ada"}}})
	var last error
	for _, err := range client.Presence(t.Context(), "price") {
		last = err
	}
	if refused, ok := last.(*spoke.RejectError); !ok || refused.Reason != event.Unavailable {
		t.Errorf("the loop ended with %v, want unavailable", last)
	}
}
