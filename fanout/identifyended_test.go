package fanout_test

import (
	"errors"
	"net"
	"testing"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

func TestWhatOnConnectionDecidesHoldsForAClientThatHasLeft(t *testing.T) {
	decisions := map[string]func(t *testing.T, s *fanout.Spoke){
		"an identity that covers nothing": func(t *testing.T, s *fanout.Spoke) {
			err := s.SetIdentity(fanout.Identity{User: "late", Permissions: &fanout.Permissions{}})
			if !errors.Is(err, fanout.ErrNotConnected) {
				t.Errorf("got %v of a spoke that has ended, want ErrNotConnected", err)
			}
		},
		"a close": func(_ *testing.T, s *fanout.Spoke) { s.Close(fanout.CodeForbidden, "") },
	}
	ends := map[string][]byte{
		"by a close frame": clientFrame(0x88, closePayload(1000, "")),
		"by a breach":      clientFrame(0x83, ""),
	}
	for what, decide := range decisions {
		for how, end := range ends {
			t.Run(what+"/"+how, func(t *testing.T) {
				h := newTestHub(t, fanout.Config{Relay: true, OnConnection: func(s *fanout.Spoke, _ net.Conn) {
					if s.Identity().User == "late" {
						decide(t, s)
					}
				}})
				heard := h.hear("t")
				witness, _ := h.join()
				witness.subscribe("t")
				here, there := pair(t, "tcp")
				newClient(t, here)
				unread := append(clientFrame(0x81, envelope("t", "", "1")), end...)
				if _, err := h.hub.AddConnection(there, fanout.AddOptions{Identity: fanout.Identity{User: "late"}, Unread: unread}); err != nil {
					t.Fatalf("add connection: %v", err)
				}
				receive(t, h.gone, "OnDisconnection")
				h.hub.DispatchEvent(event.Event{Type: "t", Payload: []byte("2")})
				witness.wants(envelope("t", "", "2"))
				expect(t, "events heard", len(heard), 0)
			})
		}
	}
}
