package nats

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"

	"github.com/spokehub/spokehub/broker"
)

// Publish hands messages to the client library, which sends them within microseconds. It waits for the socket if that is full, at most two seconds
// longer than the context allows: then the connection is given up. The error is broker.ErrUnavailable or broker.ErrTooLong, wrapped. What is too long is
// left out, and the rest is sent.
func (e *Engine) Publish(ctx context.Context, messages []broker.Message) error {
	var long error
	for i := range messages {
		if err := e.begin(ctx); err != nil {
			return err
		}
		if !e.link.up.Load() {
			return errAway
		}
		err := e.publishRaw(e.subjects.message(messages[i].Key), "", nil, messages[i].Data)
		if errors.Is(err, nats.ErrMaxPayload) {
			e.link.measure()
			long = fmt.Errorf("%v: %w", messages[i].Key, e.explainCall(ctx, err))
			continue
		}
		if err != nil {
			return e.explainCall(ctx, err)
		}
	}
	return long
}

// Longest is max_payload of the server. What is appended with an idempotency key has to be shorter by the key and some bytes more.
func (e *Engine) Longest() int { return int(e.link.longest.Load()) }

// publishRaw publishes. If the client library fails to write, it may have dropped what was buffered before, so the connection is given up: the
// sink has to hear of a loss.
func (e *Engine) publishRaw(subject, reply string, header nats.Header, data []byte) error {
	err := e.link.conn.PublishMsg(&nats.Msg{Subject: subject, Reply: reply, Header: header, Data: data})
	switch {
	case err == nil, errors.Is(err, nats.ErrMaxPayload), errors.Is(err, nats.ErrReconnectBufExceeded), errors.Is(err, nats.ErrConnectionClosed):
	default:
		e.link.drop()
	}
	return err
}
