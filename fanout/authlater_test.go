package fanout_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/spokehub/spokehub/fanout"
)

func TestAClientThatMayIdentifyItselfLaterNeedNotWaitForTheHandshake(t *testing.T) {
	for name, address := range map[string]func(t *testing.T, h *testHub) string{
		"of Serve": func(_ *testing.T, h *testHub) string { return h.serve() },
		"of ServeHTTP": func(t *testing.T, h *testHub) string {
			mux := http.NewServeMux()
			mux.Handle("/ws", h.hub)
			server := httptest.NewServer(mux)
			t.Cleanup(server.Close)
			return strings.TrimPrefix(server.URL, "http://")
		},
	} {
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
