//go:build linux

package servers

import (
	"bytes"
	"encoding/json"
)

type wordKind int

const (
	wordEvent wordKind = iota
	wordSubscribe
	wordUnsubscribe
)

var (
	tickPrefix        = []byte(`{"type":"tick"`)
	roomPrefix        = []byte(`{"type":"room","id":"`)
	subscribePrefix   = []byte(`{"type":"__subscribe"`)
	unsubscribePrefix = []byte(`{"type":"__unsubscribe"`)
)

const roomDigits = 8

// word is what a client said: an event for a topic, or a control event with the answer that it asks for.
type word struct {
	kind  wordKind
	topic string
	ack   []byte
}

// listen understands a message by its first bytes; ok is false for what is none of ours.
func listen(message []byte) (w word, ok bool) {
	switch {
	case bytes.HasPrefix(message, tickPrefix):
		return word{topic: "tick"}, true
	case bytes.HasPrefix(message, roomPrefix) && len(message) >= len(roomPrefix)+roomDigits:
		return word{topic: "room:" + string(message[len(roomPrefix):len(roomPrefix)+roomDigits])}, true
	case bytes.HasPrefix(message, subscribePrefix):
		return control(wordSubscribe, message)
	case bytes.HasPrefix(message, unsubscribePrefix):
		return control(wordUnsubscribe, message)
	}
	return word{}, false
}

func control(kind wordKind, message []byte) (word, bool) {
	var envelope struct {
		ID      string
		Payload struct{ Topic string }
	}
	if json.Unmarshal(message, &envelope) != nil {
		return word{}, false
	}
	w := word{kind: kind, topic: envelope.Payload.Topic}
	if envelope.ID != "" {
		w.ack = []byte(`{"type":"__ack","id":"` + envelope.ID + `","payload":{"topics":["` + envelope.Payload.Topic + `"]}}`)
	}
	return w, true
}
