package fanout_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

func TestCloseCodesOfTheEmbedderArriveBehindWhatIsQueued(t *testing.T) {
	for name, c := range map[string]struct {
		code   uint16
		reason string
		want   uint16
	}{
		"normal":                         {1000, "", 1000},
		"going away":                     {1001, "bye", 1001},
		"policy":                         {1008, `{"why":"expired"}`, 1008},
		"internal":                       {1011, "", 1011},
		"restart":                        {1012, "", 1012},
		"try again later":                {1013, "", 1013},
		"not authenticated":              {fanout.CodeUnauthorized, "", 4401},
		"forbidden":                      {fanout.CodeForbidden, "", 4403},
		"too many":                       {fanout.CodeTooMany, `{"retry_after_ms":1500}`, 4429},
		"no code at all":                 {0, "", 1011},
		"one that is never on the wire":  {1006, "", 1011},
		"one that nobody has registered": {2000, "", 1011},
		"a long reason in mid-character": {1000, strings.Repeat("é", 100), 1000},
	} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(t *testing.T, engine fanout.Engine) {
				h := newTestHub(t, fanout.Config{Engine: engine})
				peer, spoke := h.join()
				peer.subscribe("t")
				const events = 100
				for range events {
					h.hub.DispatchEvent(event.Event{Type: "t"})
				}
				spoke.Close(c.code, c.reason)
				spoke.Close(4000, "the first close wins")
				h.hub.DispatchEvent(event.Event{Type: "t"})
				messages, reason := peer.closedWith(c.want)
				expect(t, "events before the close", len(messages), events)
				if !utf8.ValidString(reason) || !strings.HasPrefix(c.reason, reason) || len(reason) < min(len(c.reason), 122) {
					t.Errorf("got the reason %q, want %q or what 123 bytes hold of it", reason, c.reason)
				}
				peer.write(clientFrame(fin|opClose, closePayload(c.want, "")))
				peer.conn.Close()
				expect(t, "cause", receive(t, h.gone, "OnDisconnection").cause.Kind, fanout.CauseClosed)
				until(t, "the socket is closed", func() bool { return h.hub.Stats().Connections == 0 })
			})
		})
	}
}

func TestCloseHandshakeUnansweredEnds(t *testing.T) {
	t.Parallel()
	eachEntryAtOnce(t, func(fanout.Engine) fanout.Config { return fanout.Config{CloseTimeout: 5 * time.Second} }, func(t *testing.T, h *testHub, c *client) {
		c.sync()
		for s := range h.hub.Spokes() {
			s.Close(1000, "")
		}
		if _, code, _ := c.closing(); code != 1000 {
			t.Errorf("got the close code %d, want 1000", code)
		}
		receive(t, h.gone, "OnDisconnection")
		until(t, "the socket is closed", func() bool { return h.hub.Stats().Connections == 0 })
	})
}

// retryHint is how long the reason of a close frame tells a client to wait.
func retryHint(t *testing.T, reason string) time.Duration {
	t.Helper()
	var hint struct {
		RetryAfter *int64 `json:"retry_after_ms"`
	}
	if err := json.Unmarshal([]byte(reason), &hint); err != nil || hint.RetryAfter == nil || *hint.RetryAfter <= 0 {
		t.Errorf("got the reason %q, want a hint when to retry", reason)
		return 0
	}
	return time.Duration(*hint.RetryAfter) * time.Millisecond
}
