//go:build linux

package servers

import (
	"bytes"
	"encoding/json"
)

type requestKind int

const (
	eventRequest requestKind = iota
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

// listen understands a message by its first bytes; ok is false for what is none of ours.
func parse(message []byte) (asked request, ok bool) {
	switch {
	case bytes.HasPrefix(message, tickPrefix):
		return request{topic: "tick"}, true
	case bytes.HasPrefix(message, roomPrefix) && len(message) >= len(roomPrefix)+roomDigits:
		return request{topic: "room:" + string(message[len(roomPrefix):len(roomPrefix)+roomDigits])}, true
	case bytes.HasPrefix(message, subscribePrefix):
		return control(subscribeRequest, message)
	case bytes.HasPrefix(message, unsubscribePrefix):
		return control(unsubscribeRequest, message)
	}
	return request{}, false
}

func control(kind requestKind, message []byte) (request, bool) {
	var envelope struct {
		ID      string
		Payload struct{ Topic string }
	}
	if json.Unmarshal(message, &envelope) != nil {
		return request{}, false
	}
	asked := request{kind: kind, topic: envelope.Payload.Topic}
	if envelope.ID != "" {
		asked.ack = []byte(`{"type":"__ack","id":"` + envelope.ID + `","payload":{"topics":["` + envelope.Payload.Topic + `"]}}`)
	}
	return asked, true
}
