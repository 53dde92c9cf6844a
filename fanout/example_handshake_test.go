package fanout_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/spokehub/spokehub/fanout"
)

// A session cookie says who a client is. Who has none is told so in a way that pages see.
func ExampleConfig_onHandshake() {
	sessions := map[string]string{"s3cr3t": "ada"}
	connected := make(chan string)
	hub, err := fanout.New(fanout.Config{
		OnHandshake: func(ctx context.Context, h *fanout.Handshake) (fanout.Identity, error) {
			cookie, err := h.Request.Cookie("session")
			if err != nil || sessions[cookie.Value] == "" {
				return fanout.Identity{}, &fanout.Refusal{Code: fanout.CodeUnauthorized, Reason: "sign in first"}
			}
			return fanout.Identity{User: sessions[cookie.Value], Expires: time.Now().Add(time.Hour)}, nil
		},
		OnConnection: func(s *fanout.Spoke, _ net.Conn) { connected <- s.Identity().User },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	server := httptest.NewServer(hub)
	defer server.Close()
	defer hub.Shutdown(context.Background())

	request, _ := http.NewRequest("GET", server.URL, nil)
	for name, value := range map[string]string{
		"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
		"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Cookie": "session=s3cr3t",
	} {
		request.Header.Set(name, value)
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(response.StatusCode, <-connected)
	response.Body.Close()
	// Output: 101 ada
}
