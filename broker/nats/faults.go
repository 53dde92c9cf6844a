package nats

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/spokehub/spokehub/broker"
)

// unavailable is broker.ErrUnavailable with a reason.
func unavailable(format string, values ...any) error {
	return fmt.Errorf("%w: %w", broker.ErrUnavailable, fmt.Errorf(format, values...))
}

// errAway is what calls get while there is no connection.
var errAway = unavailable("there is no connection to NATS now")

// redact is an error without credentials. Those of the client library may quote a URL.
func (e *Engine) redact(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	for _, server := range e.servers.urls {
		parsed, parseErr := url.Parse(server)
		if parseErr != nil || parsed.User == nil {
			continue
		}
		secrets := []string{parsed.User.String(), parsed.User.Username()}
		if password, has := parsed.User.Password(); has {
			secrets = []string{parsed.User.String(), password, url.QueryEscape(password)}
		}
		for _, secret := range secrets {
			if secret != "" && strings.Contains(text, secret) {
				text = strings.ReplaceAll(text, secret, "xxxxx")
			}
		}
	}
	if text == err.Error() {
		return err
	}
	return errors.New(text)
}

// explain says in words what an error of connecting means, and what to do.
func (e *Engine) explain(err error) error {
	var refused *net.OpError
	switch {
	case err == nil:
		return unavailable("the connection to NATS at %s ended", e.servers)
	case errors.Is(err, broker.ErrUnavailable):
		return err
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired), errors.Is(err, nats.ErrAuthRevoked), isAuthText(err):
		return unavailable("NATS at %s refuses the user, password or token of the URL (%w): correct the URL or the server's authorization", e.servers, e.redact(err))
	case errors.Is(err, nats.ErrSecureConnRequired):
		return unavailable("NATS at %s wants TLS: write tls:// in the URL", e.servers)
	case errors.Is(err, nats.ErrSecureConnWanted):
		return unavailable("NATS at %s has no TLS: write nats:// in the URL, or turn TLS on there", e.servers)
	case errors.Is(err, nats.ErrStaleConnection):
		return unavailable("NATS at %s does not answer (%w)", e.servers, err)
	case errors.As(err, &refused) && refused.Op == "dial":
		return unavailable("can't connect to NATS: %w: is a server running there?", e.redact(err))
	}
	return unavailable("NATS at %s: %w", e.servers, e.redact(err))
}

func isAuthText(err error) bool {
	text := strings.ToLower(err.Error())
	return strings.Contains(text, "authorization violation") || strings.Contains(text, "authentication")
}

// explainCall says what an error of a call of the client library, or of waiting for an answer, means.
func (e *Engine) explainCall(ctx context.Context, err error) error {
	switch {
	case err == nil, errors.Is(err, broker.ErrUnavailable), errors.Is(err, broker.ErrTooLong), errors.Is(err, broker.ErrClosed):
		return err
	case e.life.closed.Load(), errors.Is(err, nats.ErrConnectionClosed) && e.life.ctx.Err() != nil:
		return broker.ErrClosed
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled), errors.Is(err, nats.ErrTimeout):
		return unavailable("NATS did not answer within %v", callTimeout)
	case errors.Is(err, nats.ErrMaxPayload):
		return fmt.Errorf("%w: a message may have %d bytes: raise max_payload in the configuration of nats-server", broker.ErrTooLong, e.link.conn.MaxPayload())
	case errors.Is(err, nats.ErrReconnectBufExceeded), errors.Is(err, nats.ErrConnectionClosed), errors.Is(err, nats.ErrConnectionReconnecting):
		return errAway
	}
	return unavailable("%w", e.redact(err))
}
