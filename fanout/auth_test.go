package fanout_test

import (
	"context"
	"errors"
	"net"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

// authHub is a hub whose tokens are the names of users, but for those that mean something else to onAuth.
func authHub(t testing.TB, cfg fanout.Config) *testHub {
	t.Helper()
	if cfg.OnAuth == nil {
		cfg.OnAuth = onAuth
	}
	return newTestHub(t, cfg)
}

var goodUntil = time.Unix(4102444800, 0)

func onAuth(_ context.Context, s *fanout.Spoke, token string) (fanout.Identity, error) {
	user, what, _ := strings.Cut(token, " ")
	switch what {
	case "bad":
		return fanout.Identity{User: user}, errors.New("not a token of ours")
	case "panics":
		panic("OnAuth")
	case "goes":
		runtime.Goexit()
	case "expires":
		return fanout.Identity{User: user, Expires: goodUntil}, nil
	case "expired":
		return fanout.Identity{User: user, Expires: time.Now().Add(-time.Second)}, nil
	case "status":
		return fanout.Identity{}, &fanout.Refusal{Status: 403, Reason: "banned"}
	case "later":
		return fanout.Identity{}, &fanout.Refusal{Status: 503, Reason: "no keys", RetryAfter: 5 * time.Second}
	case "forbidden":
		return fanout.Identity{}, &fanout.Refusal{Code: fanout.CodeForbidden, Reason: "banned"}
	}
	return fanout.Identity{User: user, Value: what}, nil
}

// joinUnidentified is join for a client that is to identify itself by __auth.
func (h *testHub) joinUnidentified() (*client, *fanout.Spoke) {
	h.t.Helper()
	here, there := pair(h.t, "tcp")
	spoke, err := h.hub.AddUnidentified(there)
	if err != nil {
		h.t.Fatalf("add connection: %v", err)
	}
	return newClient(h.t, here), spoke
}

func authOf(id, token string) string {
	return envelope("__auth", id, jsonOf(map[string]any{"token": token}))
}

func authAck(id, user string) string {
	return envelope("__ack", id, jsonOf(map[string]any{"user": user}))
}

func rejected(id, topic string, reason event.Reason) string {
	return `{"type":"__reject","id":` + jsonOf(id) + `,"payload":{"topic":` + jsonOf(topic) + `,"reason":` + jsonOf(reason) + `}}`
}

func TestATokenThatCanNotBeJudgedCostsNoIdentity(t *testing.T) {
	h := authHub(t, fanout.Config{})
	c, _ := h.joinUnidentified()
	c.text(authOf("1", "ada later"))
	c.wants(rejected("1", "", event.Unauthenticated))
	_, reason := c.closedWith(fanout.CodeTryLater)
	expect(t, "reason", reason, `{"retry_after_ms":5000}`)
	known, spoke := h.joinUnidentified()
	known.text(authOf("2", "ada"), authOf("3", "ada later"))
	known.wants(authAck("2", "ada"), rejected("3", "", event.Unauthenticated))
	known.sync()
	expect(t, "user", spoke.Identity().User, "ada")
}

func TestALineAboutARejectedTokenSaysWhatTheHookSaid(t *testing.T) {
	for token, want := range map[string]string{
		"ada status":    "error=banned",
		"ada forbidden": `error="refused with 4403: banned"`,
		"ada bad":       `error="not a token of ours"`,
		"ada goes":      `error="OnAuth did not return"`,
	} {
		t.Run(token, func(t *testing.T) {
			h := authHub(t, fanout.Config{})
			c, _ := h.joinUnidentified()
			c.text(authOf("1", token))
			until(t, "the line is there", func() bool { return h.log.count("INFO", "token rejected") == 1 })
			if line := h.log.find("token rejected"); !strings.Contains(line, want) {
				t.Errorf("got the line %s, want %s in it", line, want)
			}
		})
	}
}

func TestASpokeIdentifiesItselfByAFirstEvent(t *testing.T) {
	no := rejected("1", "", event.Unauthenticated)
	for name, test := range map[string]struct {
		message, want string
		user          string
	}{
		"a good token is acknowledged":                    {authOf("1", "alice"), authAck("1", "alice"), "alice"},
		"the ack says when the identity expires":          {authOf("1", "alice expires"), `{"type":"__ack","id":"1","payload":{"user":"alice","expires":4102444800}}`, "alice"},
		"an escaped token is the same":                    {envelope("__auth", "1", `{"tok\u0065n":"\u0061lice"}`), authAck("1", "alice"), "alice"},
		"other members of the payload are ignored":        {envelope("__auth", "1", `{"x":[1],"token":"alice"}`), authAck("1", "alice"), "alice"},
		"without an id a good token is not answered":      {authOf("", "alice"), "", "alice"},
		"a bad token is rejected":                         {authOf("1", "alice bad"), no, ""},
		"without an id a bad token is not answered":       {authOf("", "alice bad"), "", ""},
		"a token of an identity that has expired is no":   {authOf("1", "alice expired"), no, ""},
		"a token whose user has a long name is no":        {authOf("1", strings.Repeat("a", 257)), no, ""},
		"a panic in OnAuth is no":                         {authOf("1", "alice panics"), no, ""},
		"so is the end of its goroutine":                  {authOf("1", "alice goes"), no, ""},
		"an empty token is no":                            {authOf("1", ""), no, ""},
		"a token that is no string is no":                 {envelope("__auth", "1", `{"token":7}`), no, ""},
		"half a surrogate pair is no":                     {envelope("__auth", "1", `{"token":"\ud800"}`), no, ""},
		"a payload without a token is no":                 {envelope("__auth", "1", `{}`), no, ""},
		"a payload that is no object is no":               {envelope("__auth", "1", `"alice"`), no, ""},
		"a token longer than any request head is no":      {authOf("1", strings.Repeat("a", 16<<10+1)), no, ""},
		"a subscription is too early":                     {envelope("__subscribe", "1", `{"topic":"t"}`), no, ""},
		"an invalid subscription is too early, too":       {envelope("__subscribe", "1", `0`), no, ""},
		"an end of a subscription is too early":           {envelope("__unsubscribe", "1", `{"topic":"t"}`), no, ""},
		"without an id a subscription is not answered":    {envelope("__subscribe", "", `{"topic":"t"}`), "", ""},
		"an unknown control event is ignored":             {envelope("__later", "1", `{}`), "", ""},
		"a malformed message is dropped":                  {`{"type":`, "", ""},
		"an event is too early, and told by its type":     {envelope("t", "", "1"), rejected("", "t", event.Unauthenticated), ""},
		"an event with an id is told by its type and id":  {envelope("t", "7", "1"), rejected("", "t:7", event.Unauthenticated), ""},
		"an event without a payload is too early as well": {`{"type":"t"}`, rejected("", "t", event.Unauthenticated), ""},
	} {
		t.Run(name, func(t *testing.T) {
			h := authHub(t, fanout.Config{Relay: true})
			heard := h.hear("t")
			c, spoke := h.joinUnidentified()
			c.text(test.message)
			if test.want != "" {
				c.wants(test.want)
			}
			if test.user != "" {
				expect(t, "OnConnection's user", receive(t, h.connected, "OnConnection").Identity().User, test.user)
			}
			c.sync()
			expect(t, "user", spoke.Identity().User, test.user)
			expectAll(t, "subscriptions", spoke.Subscriptions(), nil)
			expect(t, "calls of OnConnection left", len(h.connected), 0)
			expect(t, "events heard", len(heard), 0)
		})
	}
}

func TestAHubWithoutOnAuthRejectsEveryToken(t *testing.T) {
	h := newTestHub(t, fanout.Config{})
	c, _ := h.join()
	receive(t, h.connected, "OnConnection")
	until(t, "callbacks have returned", func() bool { return h.hub.Stats().CallbacksPending == 0 })
	c.text(authOf("1", "alice"), authOf("", "alice"))
	c.wants(rejected("1", "", event.Unauthenticated))
	c.sync()
	c.subscribe("t")
	expect(t, "rejected tokens", h.hub.Stats().AuthsRejected, 2)
	expect(t, "tenures", h.hub.Tenures(), 0)
}

func TestNothingOfASpokeWithoutAnIdentityHasAnEffect(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := authHub(t, fanout.Config{Engine: engine, Relay: true})
		heard := h.hear("t")
		other, _ := h.join()
		other.subscribe("t")
		receive(t, h.connected, "OnConnection of the other")
		c, spoke := h.joinUnidentified()
		c.text(envelope("__subscribe", "", `{"topics":["t","u"]}`), envelope("t", "", "1"), envelope("__subscribe", "2", `{"topic":"t"}`))
		c.wants(rejected("", "t", event.Unauthenticated), rejected("2", "", event.Unauthenticated))
		h.hub.DispatchEvent(event.Event{Type: "t", Payload: []byte("2")})
		other.wants(envelope("t", "", "2"))
		c.sync()
		st := h.hub.Stats()
		expect(t, "events relayed", st.EventsRelayed, 0)
		expect(t, "deliveries", st.Deliveries, 1)
		expect(t, "early messages", st.EarlyMessages, 3)
		for s := range h.hub.Spokes() {
			if s == spoke {
				t.Error("got a spoke without an identity among the hub's, want it left out")
			}
		}
		c.write(clientFrame(fin|opClose, closePayload(1000, "")))
		c.closedWith(1000)
		expect(t, "events heard", len(heard), 0)
		expect(t, "calls of OnConnection", len(h.connected), 0)
		expect(t, "calls of OnDisconnection", len(h.gone), 0)
	})
}

func TestASpokeIsToldOfEarlyEventsAtALimitedRate(t *testing.T) {
	h := authHub(t, fanout.Config{})
	c, _ := h.joinUnidentified()
	for i := range 500 {
		c.text(envelope("t", strconv.Itoa(i), "1"))
	}
	c.text(envelope("__unsubscribe", "last", "0"))
	told := 0
	for c.message() != rejected("last", "", event.Unauthenticated) {
		told++
	}
	if told < 10 || told > 60 {
		t.Errorf("got told of %d early events of 500, want some, and few", told)
	}
	expect(t, "early messages", h.hub.Stats().EarlyMessages, 501)
}

func TestWhatIsSentBehindATokenWaitsForIt(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		gate, connects := make(chan struct{}), make(chan struct{})
		h := authHub(t, fanout.Config{Engine: engine, Relay: true, OnAuth: func(ctx context.Context, s *fanout.Spoke, token string) (fanout.Identity, error) {
			<-gate
			return onAuth(ctx, s, token)
		}, OnConnection: func(s *fanout.Spoke, _ net.Conn) {
			if s.Identity().User != "" {
				<-connects
			}
		}})
		heard := h.hear("t")
		other, _ := h.join()
		other.subscribe("t")
		receive(t, h.connected, "OnConnection of the other")
		c, spoke := h.joinUnidentified()
		c.text(authOf("1", "alice bad"), envelope("t", "", "0"), envelope("__subscribe", "2", `{"topic":"u"}`), authOf("3", "alice"),
			envelope("__subscribe", "4", `{"topic":"t"}`), envelope("t", "", "1"), envelope("__unsubscribe", "5", `{"topic":"t"}`), envelope("t", "", "2"))
		c.sync()
		c.text(envelope("t", "", "3"))
		c.sync()
		expect(t, "calls of OnConnection", len(h.connected), 0)
		close(gate)
		c.wants(rejected("1", "", event.Unauthenticated), rejected("", "t", event.Unauthenticated), rejected("2", "", event.Unauthenticated), authAck("3", "alice"))
		c.text(envelope("t", "", "4"))
		c.sync()
		expect(t, "events relayed before OnConnection has returned", h.hub.Stats().EventsRelayed, 0)
		expectAll(t, "subscriptions before OnConnection has returned", spoke.Subscriptions(), nil)
		close(connects)
		c.wants(envelope("__ack", "4", `{"topics":["t"]}`), envelope("__ack", "5", `{"topics":["t"]}`))
		for i := range 4 {
			other.wants(envelope("t", "", strconv.Itoa(i+1)))
			expect(t, "heard", receive(t, heard, "an event"), "t  "+strconv.Itoa(i+1))
		}
		c.text(envelope("t", "", "5"))
		other.wants(envelope("t", "", "5"))
	})
}

func TestASpokeWhoseTokensAreRejectedIsClosed(t *testing.T) {
	for name, c := range map[string]struct {
		tokens []string
		code   uint16
		reason string
		kept   int
	}{
		"with 4401 after the third, and no more are asked about": {[]string{"a bad", "b bad", "c bad", "d"}, fanout.CodeUnauthorized, `{"reason":"too many tokens rejected"}`, 3},
		"with the code of a refusal at once":                     {[]string{"a forbidden", "b"}, fanout.CodeForbidden, "banned", 1},
	} {
		t.Run(name, func(t *testing.T) {
			h := authHub(t, fanout.Config{})
			peer, _ := h.joinUnidentified()
			var messages []string
			for i, token := range c.tokens {
				messages = append(messages, authOf(strconv.Itoa(i), token))
			}
			peer.text(messages...)
			answers, reason := peer.closedWith(c.code)
			expect(t, "reason", reason, c.reason)
			expect(t, "answers", len(answers), c.kept)
			expect(t, "calls of OnConnection", len(h.connected), 0)
			expect(t, "tenures", h.hub.Tenures(), 0)
		})
	}
}

func TestOnAuthIsAskedOneTokenAtATimeAndEndsWithTheSpoke(t *testing.T) {
	asked, ended := make(chan string, 10), make(chan error, 10)
	h := authHub(t, fanout.Config{OnAuth: func(ctx context.Context, _ *fanout.Spoke, token string) (fanout.Identity, error) {
		asked <- token
		<-ctx.Done()
		ended <- ctx.Err()
		return fanout.Identity{User: token}, nil
	}})
	c, _ := h.joinUnidentified()
	c.text(authOf("1", "alice"), authOf("2", "bob"))
	expect(t, "asked", receive(t, asked, "a call of OnAuth"), "alice")
	c.sync()
	expect(t, "tokens asked about meanwhile", len(asked), 0)
	c.conn.Close()
	expect(t, "context's error", receive(t, ended, "the end of the context"), context.Canceled)
	until(t, "the spoke ends", func() bool { return h.hub.Stats().CallbacksPending == 0 })
	expect(t, "tokens asked about after the end", len(asked), 0)
	expect(t, "calls of OnConnection", len(h.connected), 0)
	expect(t, "tenures", h.hub.Tenures(), 0)
}
