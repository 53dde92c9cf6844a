//go:build linux

package servers

import (
	"bytes"
	"encoding/json"
)

type requestKind int

const (
	noRequest requestKind = iota
	eventRequest
	subscribeRequest
	unsubscribeRequest
)

var (
	tickPrefix        = []byte(`{"type":"tick"`)
	roomPrefix        = []byte(`{"type":"room","id":"`)
	subscribePrefix   = []byte(`{"type":"__subscribe"`)
	unsubscribePrefix = []byte(`{"type":"__unsubscribe"`)
)

const roomDigits = 8

// request is a client's message: an event for a topic, or a control event with the answer that it asks for.
type request struct {
	kind  requestKind
	topic string
	ack   []byte
}

// parse understands a message by its first bytes; what is none of ours is noRequest.
func parse(message []byte) request {
	switch {
	case bytes.HasPrefix(message, tickPrefix):
		return request{kind: eventRequest, topic: "tick"}
	case bytes.HasPrefix(message, roomPrefix) && len(message) >= len(roomPrefix)+roomDigits:
		return request{kind: eventRequest, topic: "room:" + string(message[len(roomPrefix):len(roomPrefix)+roomDigits])}
	case bytes.HasPrefix(message, subscribePrefix):
		return control(subscribeRequest, message)
	case bytes.HasPrefix(message, unsubscribePrefix):
		return control(unsubscribeRequest, message)
	}
	return request{}
}

func control(kind requestKind, message []byte) request {
	var envelope struct {
		ID      string
		Payload struct{ Topic string }
	}
	if json.Unmarshal(message, &envelope) != nil {
		return request{}
	}
	asked := request{kind: kind, topic: envelope.Payload.Topic}
	if envelope.ID != "" {
		asked.ack = []byte(`{"type":"__ack","id":"` + envelope.ID + `","payload":{"topics":["` + envelope.Payload.Topic + `"]}}`)
	}
	return asked
}
