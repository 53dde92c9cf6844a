package fanout_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"sync"
	"testing"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

// misbehave does what a hook may do to a spoke, and what it should not do.
func misbehave(h *fanout.Hub, s *fanout.Spoke) error {
	user := fmt.Sprint("u", rand.IntN(4))
	switch rand.IntN(16) {
	case 0:
		panic("a hook")
	case 1:
		runtime.Goexit()
	case 2:
		s.Close(fanout.CodeNormal, "a hook")
	case 3:
		if conn, err := h.RemoveConnection(s.Conn()); err == nil {
			conn.Close()
		}
	case 4:
		_ = s.SetIdentity(fanout.Identity{User: user, Permissions: &fanout.Permissions{}})
	case 5:
		_ = s.SetIdentity(fanout.Identity{User: user})
	case 6:
		_ = s.Subscribe("a", "b", "c")
	case 7:
		_ = s.Unsubscribe("a", "b")
	case 8:
		h.DisconnectUser(user, fanout.CodePolicy, "")
	case 9:
		h.DispatchToUser(user, event.Event{Type: "a"})
	case 10:
		h.Members("a")
	case 11:
		h.UserSpokes(user)
	case 12:
		_, _ = h.Publish(context.Background(), event.Event{Type: "a", Payload: []byte("1")})
	case 13:
		h.Stats()
	case 14:
		return errors.New("a hook refuses")
	}
	return nil
}

func TestHooksThatDoAnythingLeaveNothingBehind(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		for _, reactors := range []int{1, 2} {
			t.Run(fmt.Sprintf("reactors=%d", reactors), func(t *testing.T) { playWithAnyHooks(t, engine, reactors) })
		}
	})
}

func playWithAnyHooks(t *testing.T, engine fanout.Engine, reactors int) {
	var h *testHub
	var made sync.WaitGroup
	made.Add(1)
	any := func(s *fanout.Spoke) error {
		made.Wait()
		return misbehave(h.hub, s)
	}
	h = authHub(t, fanout.Config{
		Engine: engine, Reactors: reactors, Workers: 8, Relay: true,
		OnAuth: func(ctx context.Context, s *fanout.Spoke, token string) (fanout.Identity, error) {
			if err := any(s); err != nil {
				return fanout.Identity{}, err
			}
			return fanout.Identity{User: token}, nil
		},
		OnConnection: func(s *fanout.Spoke, _ net.Conn) { _ = any(s) },
		OnSubscribe:  func(s *fanout.Spoke, _ string) error { return any(s) },
		OnPublish:    func(s *fanout.Spoke, _ event.Event) error { return any(s) },
		OnSubscribed: func(s *fanout.Spoke, topic string, send func(event.Event) bool) {
			send(event.Event{Type: topic})
			_ = any(s)
		},
		OnEvent: func(s *fanout.Spoke, _ event.Event) { _ = any(s) },
	})
	made.Done()
	var playing sync.WaitGroup
	for i := range 40 {
		here, there := pair(t, []string{"tcp", "tcp", "unix", "pipe"}[i%4])
		var err error
		if i%2 == 0 {
			_, err = h.hub.AddUnidentified(there)
		} else {
			_, err = h.hub.AddConnection(there)
		}
		if err != nil {
			t.Fatal(err)
		}
		playing.Go(func() { swallow(here) })
		playing.Go(func() {
			defer here.Close()
			for n := range 60 {
				var frame []byte
				switch rand.IntN(5) {
				case 0:
					frame = clientFrame(fin|opText, authOf("1", fmt.Sprint("u", n%4)))
				case 1:
					frame = clientFrame(fin|opText, envelope("__subscribe", "2", `{"topics":["a","b","c","d"]}`))
				case 2:
					frame = clientFrame(fin|opText, envelope("__unsubscribe", "3", `{"topics":["a","c"]}`))
				case 3:
					frame = clientFrame(fin|opText, envelope("a", "", "1"))
				default:
					frame = clientFrame(fin|opPing, "p")
				}
				if _, err := here.Write(frame); err != nil {
					return
				}
			}
		})
	}
	playing.Wait()
	until(t, "all has ended", func() bool { st := h.hub.Stats(); return st.Connections == 0 && st.CallbacksPending == 0 })
	expect(t, "tenures", h.hub.Tenures(), 0)
}

// swallow reads to the end.
func swallow(conn net.Conn) {
	buffer := make([]byte, 4096)
	for {
		if _, err := conn.Read(buffer); err != nil {
			return
		}
	}
}
