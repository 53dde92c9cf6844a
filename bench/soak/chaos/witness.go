//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/spokehub/spokehub/event"
)

// message is what the proxy and the clients read of an envelope.
type message struct {
	Type    string `json:"type"`
	ID      string `json:"id"`
	Payload body   `json:"payload"`
	Offset  uint64 `json:"offset"`
}

// body is the payload of events, whose numbers it has, and of control events.
type body struct {
	Number int    `json:"n"`
	All    uint64 `json:"all"`
	// By is the client that publishes it to a stream; 0 is for all other events.
	By     int      `json:"by"`
	Topic  string   `json:"topic"`
	Topics []string `json:"topics"`
	// Since and Positions are by topic.
	Since     map[string]event.Position `json:"since"`
	Positions map[string]answer         `json:"positions"`
}

var controlPrefix = []byte(`{"type":"__`)

// name is the topic type:id of an event.
func (m message) name() string {
	if m.ID == "" {
		return m.Type
	}
	return m.Type + ":" + m.ID
}

// numbers reads those of an event.
func (m message) numbers() (number, error) {
	return numberOf(m.name(), m.Payload.Number, m.Payload.All, m.Payload.By)
}

// witnessDown looks at what the hub sends. Once it closes, it is not the client that gives the line up.
func (l *line) witnessDown(f frame) {
	if f.op == opClose {
		l.proxy.ledger.afflict(l.passage)
	}
	if f.op != opText {
		return
	}
	if !f.fin {
		l.proxy.ledger.problem(l.passage.owner.client, "line %d: the hub sent a message in fragments", l.number)
		return
	}
	var m message
	if err := json.Unmarshal(f.payload, &m); err != nil {
		l.proxy.ledger.problem(l.passage.owner.client, "line %d: the hub sent %q: %v", l.number, f.payload, err)
		return
	}
	switch m.Type {
	case event.TypeAck:
		topics := append(m.Payload.Topics, m.Payload.Topic)
		l.proxy.ledger.answered(l.passage, topics, m.Payload.Positions)
		l.proxy.ledger.acked(l.passage, topics)
	case event.TypeReject:
		l.proxy.ledger.problem(l.passage.owner.client, "line %d: the hub refused something: %s", l.number, f.payload)
	case event.TypeGap:
		l.proxy.ledger.toldGap()
	default:
		if bytes.HasPrefix(f.payload, controlPrefix) {
			return
		}
		e, err := m.numbers()
		if err != nil {
			l.proxy.ledger.problem(l.passage.owner.client, "line %d: %v", l.number, err)
			return
		}
		switch {
		case isKept(m.Type) != (m.Offset > 0):
			l.proxy.ledger.problem(l.passage.owner.client, "line %d: the hub sent %q: an event has an offset if it is of a stream, and else not", l.number, f.payload)
		case m.Offset > 0:
			l.proxy.ledger.streamPassed(l.passage, m.Type, m.Offset, e)
		default:
			l.proxy.ledger.passed(l.passage, e)
		}
	}
}

// witnessUp looks at what the client sends. A control event without topics only asks for a sign of life.
func (l *line) witnessUp(f frame) {
	if f.op == opClose {
		l.proxy.ledger.left(l.passage)
	}
	if f.op != opText {
		return
	}
	var m message
	if err := json.Unmarshal(f.payload, &m); err != nil {
		l.proxy.ledger.problem(l.passage.owner.client, "line %d: the client sent %q: %v", l.number, f.payload, err)
		return
	}
	switch m.Type {
	case event.TypeSubscribe:
		topics := append(m.Payload.Topics, m.Payload.Topic)
		l.proxy.ledger.asked(l.passage, topics)
		l.proxy.ledger.askedFrom(l.passage, topics, m.Payload.Since)
	case event.TypeUnsubscribe:
		if len(m.Payload.Topics) == 0 && m.Payload.Topic == "" {
			return
		}
		l.proxy.ledger.problem(l.passage.owner.client, "line %d: the client unsubscribed: %s", l.number, f.payload)
	default:
		if bytes.HasPrefix(f.payload, controlPrefix) {
			return
		}
		e, err := m.numbers()
		if err == nil && e.strand != len(strands)+l.passage.owner.client {
			err = fmt.Errorf("the client sent %s, which is not its own", f.payload)
		}
		if err != nil {
			l.proxy.ledger.problem(l.passage.owner.client, "line %d: %v", l.number, err)
			return
		}
		l.proxy.ledger.said(l.passage, e)
	}
}
