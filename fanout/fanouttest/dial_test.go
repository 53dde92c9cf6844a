package fanouttest_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/fanout/fanouttest"
)

// byCookie knows one session, that of ada, and sends others away in the way that their cookie says.
func byCookie(_ context.Context, h *fanout.Handshake) (fanout.Identity, error) {
	session, err := h.Request.Cookie("session")
	switch {
	case err != nil:
		return fanout.Identity{}, fanout.ErrAuthLater
	case session.Value == "ada":
		return fanout.Identity{User: "ada"}, nil
	case session.Value == "banned":
		return fanout.Identity{}, &fanout.Refusal{Code: fanout.CodeForbidden, Reason: "banned"}
	}
	return fanout.Identity{}, &fanout.Refusal{Status: http.StatusUnauthorized, Reason: "sign in"}
}

// byToken takes a token for the name of a user.
func byToken(_ context.Context, _ *fanout.Spoke, token string) (fanout.Identity, error) {
	if token == "bad" {
		return fanout.Identity{}, errors.New("not known")
	}
	return fanout.Identity{User: token, Expires: time.Now().Add(time.Minute)}, nil
}

func handshake(session string) *http.Request {
	r := httptest.NewRequest("GET", "/ws", nil)
	if session != "" {
		r.AddCookie(&http.Cookie{Name: "session", Value: session})
	}
	return r
}

func TestDialAsksOnHandshake(t *testing.T) {
	seen := make(chan string, 1)
	hub := fanouttest.New(t, fanout.Config{
		OnHandshake:  byCookie,
		OnConnection: func(s *fanout.Spoke, _ net.Conn) { seen <- s.Identity().User },
	})
	mux := http.NewServeMux()
	mux.Handle("/ws", hub)

	client, answer := hub.Dial(mux, handshake("ada"))
	if client == nil || answer.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("got the answer %v, want 101", answer)
	}
	if got := <-seen; got != "ada" {
		t.Errorf("got the user %q in OnConnection, want ada", got)
	}
	if got := client.Spoke(); got == nil || got.Identity().User != "ada" {
		t.Errorf("got the spoke %v, want ada's", got)
	}
	client.Subscribe("tick")
	hub.DispatchEvent(tick)
	client.Expect(tick)
	client.ExpectNone()
}

func TestDialTellsHowAClientIsRefused(t *testing.T) {
	hub := fanouttest.New(t, fanout.Config{OnHandshake: byCookie})
	strange := handshake("ada")
	strange.Header.Set("Origin", "https://elsewhere.example")
	for _, c := range []struct {
		name    string
		handler http.Handler
		request *http.Request
		status  int
		body    string
	}{
		{"by the hook", hub, handshake("nobody"), 401, "sign in"},
		{"for its origin", hub, strange, 403, "elsewhere.example"},
		{"by a handler in front", http.NotFoundHandler(), handshake("ada"), 404, "not found"},
	} {
		t.Run(c.name, func(t *testing.T) {
			client, answer := hub.Dial(c.handler, c.request)
			body, err := io.ReadAll(answer.Body)
			if client != nil || answer.StatusCode != c.status || !strings.Contains(string(body), c.body) || err != nil {
				t.Errorf("got the client %v, status %d, %q, %v, want none, %d and %q", client, answer.StatusCode, body, err, c.status, c.body)
			}
		})
	}
	client, _ := hub.Dial(hub, handshake("banned"))
	if code, reason := client.Closed(); code != fanout.CodeForbidden || reason != "banned" {
		t.Errorf("got the close code %d and %q, want %d and banned", code, reason, fanout.CodeForbidden)
	}
	if got := client.Spoke(); got != nil {
		t.Errorf("got the spoke %v of a client that was not let in, want none", got)
	}
}

func TestDialGoesThroughAnUpgradeOfTheService(t *testing.T) {
	hub := fanouttest.New(t, fanout.Config{})
	own := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, buffered, _, err := ws.UpgradeHTTP(r, w)
		if err != nil {
			return
		}
		unread, _ := buffered.Reader.Peek(buffered.Reader.Buffered())
		_, _ = hub.AddConnection(conn, fanout.AddOptions{Identity: fanout.Identity{User: "ada"}, Unread: unread})
	})
	client, _ := hub.Dial(own, handshake(""))
	client.Subscribe("tick")
	hub.DispatchToUser("ada", tick)
	client.Expect(tick)
}

func TestClientsIdentifyThemselves(t *testing.T) {
	hub := fanouttest.New(t, fanout.Config{OnHandshake: byCookie, OnAuth: byToken})
	dialed, _ := hub.Dial(hub, handshake(""))
	for name, client := range map[string]*fanouttest.Client{
		"dialed": dialed,
		"added":  hub.Connect(fanout.AddOptions{AuthLater: true}),
	} {
		t.Run(name, func(t *testing.T) {
			if got := client.TrySubscribe("tick"); got[""] != event.Unauthenticated {
				t.Errorf("got %v before an identity, want %s", got, event.Unauthenticated)
			}
			if _, reason := client.TryAuth("bad"); reason != event.Unauthenticated {
				t.Errorf("got the reason %q for a bad token, want %s", reason, event.Unauthenticated)
			}
			if ack := client.Auth(name); ack.User != name || ack.Expires.IsZero() {
				t.Errorf("got %+v, want the user %s with an end", ack, name)
			}
			if got := client.Spoke(); got == nil || got.Identity().User != name {
				t.Errorf("got the spoke %v, want that of %s", got, name)
			}
			client.Subscribe("tick")
		})
	}
}

func TestAClientThatIsToIdentifyItselfHasNoIdentity(t *testing.T) {
	hub := fanouttest.New(t, fanout.Config{})
	_, conn := net.Pipe()
	_, err := hub.AddConnection(conn, fanout.AddOptions{AuthLater: true, Identity: fanout.Identity{User: "ada"}})
	if !errors.Is(err, fanout.ErrInvalidIdentity) {
		t.Errorf("got %v, want %v", err, fanout.ErrInvalidIdentity)
	}
}

func TestAnIdentityIsRenewedInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := fanouttest.New(t, fanout.Config{OnHandshake: byCookie, OnAuth: byToken})
		renewing, _ := hub.Dial(hub, handshake(""))
		leaving := hub.Connect(fanout.AddOptions{Identity: fanout.Identity{User: "bob", Expires: time.Now().Add(time.Minute)}})
		renewing.Auth("ada")
		time.Sleep(50 * time.Second)
		renewing.Auth("ada")
		time.Sleep(20 * time.Second)
		renewing.Subscribe("tick")
		if code, _ := leaving.Closed(); code != fanout.CodeUnauthorized {
			t.Errorf("got the close code %d, want %d", code, fanout.CodeUnauthorized)
		}
	})
}

func TestRejectionsThatAnswerNothingAreReturned(t *testing.T) {
	hub := fanouttest.New(t, fanout.Config{})
	client := hub.Connect(fanout.AddOptions{Identity: fanout.Identity{User: "ada", Permissions: &fanout.Permissions{
		Subscribe: event.MustPatterns("news", "inbox:$user"),
		Publish:   event.MustPatterns("say:*"),
	}}})
	client.Subscribe("news", "inbox:ada")
	client.Send(tick)
	if got := client.NextReject(); got != (event.Reject{Topic: "tick:1", Reason: event.Forbidden}) {
		t.Errorf("got %+v, want tick:1 forbidden", got)
	}
	if err := client.Spoke().SetIdentity(fanout.Identity{User: "ada", Permissions: &fanout.Permissions{
		Subscribe: event.MustPatterns("inbox:$user"),
	}}); err != nil {
		t.Fatal(err)
	}
	if got := client.NextReject(); got != (event.Reject{Topic: "news", Reason: event.Forbidden}) {
		t.Errorf("got %+v, want news forbidden", got)
	}
}
