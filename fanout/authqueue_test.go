package fanout_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

// hungHub is a hub whose OnAuth begins with a token, says so, and then waits, whatever becomes of its context. One token is asked
// about at a time.
func hungHub(t *testing.T, cfg fanout.Config) (h *testHub, begun chan string, release chan struct{}) {
	t.Helper()
	begun, release = make(chan string, 100), make(chan struct{})
	cfg.Workers = 2
	cfg.OnAuth = func(ctx context.Context, s *fanout.Spoke, token string) (fanout.Identity, error) {
		begun <- token
		<-release
		return onAuth(ctx, s, token)
	}
	h = authHub(t, cfg)
	t.Cleanup(func() { close(release) })
	return h, begun, release
}

func TestTokensOverWhichNobodyDecidesHoldUpNoCallbacks(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h, begun, _ := hungHub(t, fanout.Config{Engine: engine})
		heard := h.hear("t")
		innocent, _ := h.join()
		for range 4 {
			c, _ := h.joinUnidentified()
			c.text(authOf("1", "stranger"))
			c.sync()
		}
		receive(t, begun, "the first token")
		for range 10 {
			innocent.text(envelope("t", "", "1"))
			receive(t, heard, "an event of an innocent")
		}
		expect(t, "other tokens asked about meanwhile", len(begun), 0)
	})
}

func TestRenewalsAreAskedAboutAheadOfStrangers(t *testing.T) {
	h, begun, release := hungHub(t, fanout.Config{})
	member, _ := h.join()
	for _, token := range []string{"first", "second", "third"} {
		c, _ := h.joinUnidentified()
		c.text(authOf("1", token))
		c.sync()
	}
	expect(t, "asked about", receive(t, begun, "the first token"), "first")
	member.text(authOf("1", "member"))
	member.sync()
	for _, want := range []string{"member", "second", "third"} {
		release <- struct{}{}
		expect(t, "asked about next", receive(t, begun, want), want)
	}
}

func TestATokenThatGetsNoWorkerInTimeIsRejected(t *testing.T) {
	t.Parallel()
	h, begun, _ := hungHub(t, fanout.Config{HandshakeTimeout: 5 * time.Second})
	first, _ := h.join()
	first.text(authOf("1", "first"))
	receive(t, begun, "the first token")
	second, _ := h.join()
	second.text(authOf("2", "second"), envelope("__subscribe", "3", `{"topic":"t"}`))
	second.wants(rejected("2", "", event.Unauthenticated), envelope("__ack", "3", `{"topics":["t"]}`))
}

func TestASpokeEndsThoughItsTokenWaits(t *testing.T) {
	h, begun, _ := hungHub(t, fanout.Config{})
	first, _ := h.join()
	first.text(authOf("1", "first"))
	receive(t, begun, "the first token")
	second, _ := h.join()
	second.text(authOf("2", "second"))
	second.sync()
	second.conn.Close()
	receive(t, h.gone, "OnDisconnection")
}

// badError is an error that nobody can read.
type badError struct{}

func (badError) Error() string { panic("Error") }

func TestAHookMayReturnAnyError(t *testing.T) {
	for name, err := range map[string]error{
		"a nil *Refusal":         (*fanout.Refusal)(nil),
		"one wrapped":            errors.Join(errors.New("no"), (*fanout.Refusal)(nil)),
		"an error that panics":   badError{},
		"an error that is nil":   (*badPointer)(nil),
		"a Refusal of no status": &fanout.Refusal{},
	} {
		t.Run(name, func(t *testing.T) {
			h := authHub(t, fanout.Config{
				OnHandshake: func(context.Context, *fanout.Handshake) (fanout.Identity, error) { return fanout.Identity{}, err },
				OnAuth: func(context.Context, *fanout.Spoke, string) (fanout.Identity, error) {
					return fanout.Identity{}, err
				},
			})
			c, _ := h.joinUnidentified()
			c.text(authOf("1", "x"))
			c.wants(rejected("1", "", event.Unauthenticated))
			c.sync()
			stranger := dial(t, "tcp", h.serve())
			stranger.write([]byte(handshakeRequest))
			expect(t, "status", stranger.response().StatusCode, 500)
		})
	}
}

// badPointer is an error whose nil pointer can't be read.
type badPointer struct{ text string }

func (p *badPointer) Error() string { return p.text }
