package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"sync"

	"github.com/centrifugal/centrifuge"
	"github.com/nats-io/nats.go"
)

// subjectPrefix is what the subjects of all channels begin with.
const subjectPrefix = "centrifuge."

// errNoHistory is what the broker answers where streams are asked for.
var errNoHistory = errors.New("the broker on NATS keeps no history")

// natsBroker implements centrifuge.Broker on NATS without history, joins and leaves. Any goroutine may call it; mu guards held.
type natsBroker struct {
	conn    *nats.Conn
	handler centrifuge.BrokerEventHandler
	mu      sync.Mutex
	held    map[string]*nats.Subscription
}

func newNATSBroker(url string) (*natsBroker, error) {
	conn, err := nats.Connect(url, nats.MaxReconnects(-1), nats.ReconnectBufSize(-1))
	if err != nil {
		return nil, fmt.Errorf("reach NATS: %w", err)
	}
	return &natsBroker{conn: conn, held: map[string]*nats.Subscription{}}, nil
}

// RegisterBrokerEventHandler implements centrifuge.Broker. The node calls it once, ahead of everything else.
func (b *natsBroker) RegisterBrokerEventHandler(handler centrifuge.BrokerEventHandler) error {
	b.handler = handler
	return nil
}

// Subscribe implements centrifuge.Broker. It returns once NATS has the subscriptions.
func (b *natsBroker) Subscribe(channels ...string) error {
	for _, channel := range channels {
		held, err := b.conn.Subscribe(subject(channel), func(m *nats.Msg) {
			_ = b.handler.HandlePublication(channel, &centrifuge.Publication{Data: m.Data}, centrifuge.StreamPosition{}, false, nil)
		})
		if err != nil {
			return fmt.Errorf("subscribe to %q: %w", channel, err)
		}
		b.mu.Lock()
		b.held[channel] = held
		b.mu.Unlock()
	}
	return b.conn.Flush()
}

// Unsubscribe implements centrifuge.Broker.
func (b *natsBroker) Unsubscribe(channels ...string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, channel := range channels {
		if held, isHeld := b.held[channel]; isHeld {
			delete(b.held, channel)
			if err := held.Unsubscribe(); err != nil {
				return fmt.Errorf("unsubscribe from %q: %w", channel, err)
			}
		}
	}
	return nil
}

// Publish implements centrifuge.Broker. It does not wait for NATS.
func (b *natsBroker) Publish(channel string, data []byte, _ centrifuge.PublishOptions) (centrifuge.PublishResult, error) {
	return centrifuge.PublishResult{}, b.conn.Publish(subject(channel), data)
}

// PublishJoin implements centrifuge.Broker: nobody asks for joins here.
func (b *natsBroker) PublishJoin(string, *centrifuge.ClientInfo) error { return nil }

// PublishLeave implements centrifuge.Broker: nobody asks for leaves here.
func (b *natsBroker) PublishLeave(string, *centrifuge.ClientInfo) error { return nil }

// History implements centrifuge.Broker.
func (b *natsBroker) History(string, centrifuge.HistoryOptions) ([]*centrifuge.Publication, centrifuge.StreamPosition, error) {
	return nil, centrifuge.StreamPosition{}, errNoHistory
}

// RemoveHistory implements centrifuge.Broker.
func (b *natsBroker) RemoveHistory(string) error { return errNoHistory }

// subject is one token for a channel, whatever its name has.
func subject(channel string) string {
	return subjectPrefix + base64.RawURLEncoding.EncodeToString([]byte(channel))
}
