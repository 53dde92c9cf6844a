package fanout_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/spokehub/spokehub/fanout"
)

// waysToDial start a server for a hub and return its address.
var waysToDial = map[string]func(t *testing.T, h *testHub) string{
	"of Serve": func(_ *testing.T, h *testHub) string { return h.serve() },
	"of ServeHTTP": func(t *testing.T, h *testHub) string {
		mux := http.NewServeMux()
		mux.Handle("/ws", h.hub)
		server := httptest.NewServer(mux)
		t.Cleanup(server.Close)
		return strings.TrimPrefix(server.URL, "http://")
	},
}

func TestAClientThatMayIdentifyItselfLaterNeedNotWaitForTheHandshake(t *testing.T) {
	for name, address := range waysToDial {
		t.Run(name, func(t *testing.T) {
			h := authHub(t, fanout.Config{OnHandshake: func(context.Context, *fanout.Handshake) (fanout.Identity, error) {
				return fanout.Identity{User: "ignored"}, fanout.ErrAuthLater
			}})
			c := dial(t, "tcp", address(t, h))
			early := clientFrame(fin|opText, envelope("__subscribe", "1", `{"topic":"t"}`))
			token := clientFrame(fin|opText, authOf("2", "alice"))
			later := clientFrame(fin|opText, envelope("__subscribe", "3", `{"topic":"t"}`))
			c.write([]byte(handshakeRequest + string(early) + string(token) + string(later)))
			c.accepted()
			c.wants(rejected("1", "", "unauthenticated"), authAck("2", "alice"), envelope("__ack", "3", `{"topics":["t"]}`))
			expect(t, "user", receive(t, h.connected, "OnConnection").Identity().User, "alice")
		})
	}
}

func TestAClientThatIsToIdentifyItselfIsInItsHandshakeUntilItHas(t *testing.T) {
	for name, address := range waysToDial {
		t.Run(name, func(t *testing.T) {
			h := authHub(t, fanout.Config{
				MaxHandshakesPerAddress: 1,
				OnHandshake: func(context.Context, *fanout.Handshake) (fanout.Identity, error) {
					return fanout.Identity{}, fanout.ErrAuthLater
				},
			})
			at := address(t, h)
			first := dial(t, "tcp", at).handshake()
			second := dial(t, "tcp", at)
			second.write([]byte(handshakeRequest))
			expect(t, "status beside one without an identity", second.response().StatusCode, http.StatusTooManyRequests)
			first.text(authOf("1", "alice"))
			first.wants(authAck("1", "alice"))
			dial(t, "tcp", at).handshake()
		})
	}
}
