package spoke

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/spokehub/spokehub/event"
)

// tokenState is the token of a connection. Client.mu guards it.
type tokenState struct {
	// toShow is the token that the hub is to be shown by an event, empty for none.
	toShow string
	// renewal is the timer of the next one, nil for none.
	renewal *time.Timer
}

// begin is for a new connection: its token is shown by an event, or has been in the handshake.
func (t *tokenState) begin(c *Client, l *link) {
	t.end()
	if c.cfg.TokenAsEvent {
		t.toShow = l.token
		return
	}
	t.renewAhead(c, l, expiryOf(l.token))
}

// end is for a connection that is no more.
func (t *tokenState) end() {
	t.toShow = ""
	if t.renewal != nil {
		t.renewal.Stop()
		t.renewal = nil
	}
}

// acknowledged is for the ack of a token.
func (t *tokenState) acknowledged(c *Client, ack event.Ack) { t.renewAhead(c, c.link, ack.Expires) }

// renewAhead has a new token fetched and shown once four fifths of the time until expiry are over.
func (t *tokenState) renewAhead(c *Client, l *link, expiry time.Time) {
	if expiry.IsZero() || c.cfg.GetToken == nil {
		return
	}
	if t.renewal != nil {
		t.renewal.Stop()
	}
	t.renewal = time.AfterFunc(max(time.Until(expiry)*4/5, minRenewal), func() { c.renew(l, expiry) })
}

// minRenewal keeps a provider whose tokens expire at once from being asked without a pause.
const minRenewal = time.Second

// renew fetches a token and has it shown. It runs on a goroutine of its own. If it fails it tries again, until the connection
// has expired: the hub ends it then.
func (c *Client) renew(l *link, expiry time.Time) {
	c.mu.Lock()
	if c.link != l {
		c.mu.Unlock()
		return
	}
	c.signals.renewals.Add(1)
	c.mu.Unlock()
	defer c.signals.renewals.Done()
	ctx, cancel := context.WithTimeout(c.signals.ctx, c.cfg.ConnectTimeout)
	defer cancel()
	token, err := c.getToken(ctx)
	if err != nil && ctx.Err() != context.Canceled {
		c.cfg.Logger.Warn("no new token for the connection to the hub", slog.String("url", c.endpoint.name), slog.String("cause", err.Error()), slog.Time("expires", expiry))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.link != l {
		return
	}
	if err != nil {
		if time.Until(expiry) > 0 {
			c.token.renewAhead(c, l, expiry)
		}
		return
	}
	c.token.toShow = token
	c.wakeWriter()
}

// message returns the event that shows the token, if it is to be shown.
func (t *tokenState) message(c *Client) []byte {
	if t.toShow == "" {
		return nil
	}
	payload := struct {
		Token string `json:"token"`
	}{t.toShow}
	t.toShow = ""
	return appendControl(nil, event.TypeAuth, c.requests.add(&request{kind: event.TypeAuth, open: 1}), payload)
}

// expiryOf reads when a JSON Web Token expires, zero if it is none or does not say. It verifies nothing: that is for the hub,
// and the client only wants to know when to fetch the next one.
func expiryOf(token string) time.Time {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return time.Time{}
	}
	claims, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return time.Time{}
	}
	var expiry struct {
		Seconds float64 `json:"exp"`
	}
	if json.Unmarshal(claims, &expiry) != nil || expiry.Seconds <= 0 || expiry.Seconds > 1<<40 {
		return time.Time{}
	}
	return time.Unix(int64(expiry.Seconds), 0)
}

// getToken calls Config.GetToken and turns a panic into an error.
func (c *Client) getToken(ctx context.Context) (token string, err error) {
	defer func() {
		if value := recover(); value != nil {
			c.count(func(s *Stats) { s.Panics++ })
			err = fmt.Errorf("Config.GetToken panicked: %v", value)
		}
	}()
	return c.cfg.GetToken(ctx)
}
