package spoke

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/coder/websocket"
)

// TestNothingIsConcludedWhileOnStateRuns: the client reads nothing meanwhile, so that the hub is silent says nothing.
func TestNothingIsConcludedWhileOnStateRuns(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if ws, err := websocket.Accept(w, r, nil); err == nil {
			ws.Read(r.Context())
			ws.CloseNow()
		}
	}))
	defer server.Close()
	clients, busy := make(chan *Client, 1), make(chan bool, 10)
	config := Config{Background: true, Logger: slog.New(slog.DiscardHandler), OnState: func(s State) {
		if s.Phase == Connected {
			busy <- (<-clients).link.busy.Load()
		}
	}}
	client, err := Dial(t.Context(), server.URL, config)
	if err != nil {
		t.Fatal(err)
	}
	clients <- client
	if !<-busy {
		t.Error("the connection may be taken for dead while OnState runs")
	}
	client.Close()
	<-client.Done()
}
