package main

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

// maxReason is how long the reason in a close frame may be.
const maxReason = 123

// whom names connections in the body of a request. What is left out is nil.
type whom struct {
	ID      *uint64 `json:"id"`
	User    *string `json:"user"`
	Topic   *string `json:"topic"`
	Address *string `json:"address"`
}

// filter says what is wrong with who is meant: what is given must say something.
func (w *whom) filter() (f fanout.ConnectionFilter, err error) {
	if w.ID != nil {
		if f.ID = *w.ID; f.ID == 0 {
			return f, errors.New("id is 0: want the number of a connection")
		}
	}
	for _, field := range []struct {
		name  string
		given *string
		into  *string
	}{{"user", w.User, &f.User}, {"topic", w.Topic, &f.Topic}, {"address", w.Address, &f.Address}} {
		if field.given == nil {
			continue
		}
		if *field.into = *field.given; *field.into == "" {
			return f, fmt.Errorf("%s is empty: give it a value, or leave it out", field.name)
		}
	}
	return f, nil
}

// disconnectOrder is the body of POST /disconnect.
type disconnectOrder struct {
	whom
	Code   *uint16 `json:"code"`
	Reason string  `json:"reason"`
}

// disconnect answers POST /disconnect.
func (i *inspector) disconnect(r *http.Request) (any, error) {
	var order disconnectOrder
	if err := readOrder(r, &order, "id", "user", "topic", "address", "code", "reason"); err != nil {
		return nil, err
	}
	filter, err := order.filter()
	if err != nil {
		return nil, err
	}
	if len(order.Reason) > maxReason {
		return nil, fmt.Errorf("reason has %d bytes: a close frame takes %d", len(order.Reason), maxReason)
	}
	code := uint16(fanout.CodePolicy)
	if order.Code != nil {
		code = *order.Code
	}
	closed, err := i.hub.Disconnect(filter, code, order.Reason)
	if err != nil {
		return nil, err
	}
	i.logger.Info("connections closed by an operator", "closed", closed, "code", code, "reason", order.Reason,
		"id", filter.ID, "user", filter.User, "topic", filter.Topic, "address", filter.Address, "by", r.RemoteAddr)
	return map[string]any{"node": i.node, "disconnected": closed}, nil
}

// unsubscribeOrder is the body of POST /unsubscribe.
type unsubscribeOrder struct {
	ID     *uint64  `json:"id"`
	User   *string  `json:"user"`
	Topics []string `json:"topics"`
}

// unsubscribe answers POST /unsubscribe.
func (i *inspector) unsubscribe(r *http.Request) (any, error) {
	var order unsubscribeOrder
	if err := readOrder(r, &order, "id", "user", "topics"); err != nil {
		return nil, err
	}
	filter, err := (&whom{ID: order.ID, User: order.User}).filter()
	switch {
	case err != nil:
		return nil, err
	case filter == fanout.ConnectionFilter{}:
		return nil, errors.New("nobody is named: give an id or a user")
	case len(order.Topics) == 0:
		return nil, errors.New("topics is empty: name what is to be taken away")
	}
	for _, topic := range order.Topics {
		if _, _, err := event.SplitTopic(topic); err != nil {
			return nil, fmt.Errorf("topic %q: %w", topic, err)
		}
	}
	spokes := i.hub.UserSpokes(filter.User)
	if filter.ID != 0 {
		spokes = nil
		if s := i.hub.Spoke(filter.ID); s != nil && (filter.User == "" || s.Identity().User == filter.User) {
			spokes = append(spokes, s)
		}
	}
	reached := 0
	for _, s := range spokes {
		if s.Unsubscribe(order.Topics...) == nil {
			reached++
		}
	}
	i.logger.Info("topics taken away by an operator", "connections", reached, "topics", len(order.Topics), "id", filter.ID, "user", filter.User, "by", r.RemoteAddr)
	return map[string]any{"node": i.node, "connections": reached}, nil
}
