package swarm

import (
	"bytes"
	"fmt"
	"strconv"

	"github.com/spokehub/spokehub/event"
)

// Dialect is the protocol of a server's subscriptions and events. The envelopes are the same bytes in all of them.
type Dialect string

const (
	// DialectHub is Spokehub's protocol: control events and bare envelopes.
	DialectHub Dialect = ""
	// DialectNats is the NATS client protocol in binary frames: SUB, PUB and MSG lines.
	DialectNats Dialect = "nats"
	// DialectCentrifuge is centrifuge's JSON protocol: commands with ids, and pushes.
	DialectCentrifuge Dialect = "centrifuge"
)

// appendConnect appends what a fresh connection sends first; nothing for most.
func (d Dialect) appendConnect(dst []byte) []byte {
	switch d {
	case DialectNats:
		return appendFrame(dst, opBinary, []byte("CONNECT {\"verbose\":false,\"pedantic\":false,\"lang\":\"go\",\"protocol\":1}\r\n"))
	case DialectCentrifuge:
		return appendFrame(dst, opText, []byte(`{"id":1,"connect":{}}`))
	}
	return dst
}

// appendSubscribe appends a subscription. A non-empty ack asks for an answer that carries it, where the dialect can.
func (d Dialect) appendSubscribe(dst []byte, topic uint32, ack []byte) []byte {
	switch d {
	case DialectNats:
		line := append(appendTopic([]byte("SUB "), topic), " 1\r\n"...)
		if len(ack) > 0 {
			line = append(line, "PING\r\n"...)
		}
		return appendFrame(dst, opBinary, line)
	case DialectCentrifuge:
		line := appendTopic([]byte(`{"id":2,"subscribe":{"channel":"`), topic)
		return appendFrame(dst, opText, append(line, `"}}`...))
	}
	return appendControl(dst, "__subscribe", topic, ack)
}

// appendSubscribeSince appends a subscription to topic 0 that asks for what came after a position.
func appendSubscribeSince(dst []byte, since event.Position, ack []byte) []byte {
	return appendFrame(dst, opText, fmt.Appendf(nil,
		`{"type":"__subscribe","id":"%s","payload":{"topics":["tick"],"since":{"tick":{"epoch":"%s","offset":%d}}}}`, ack, since.Epoch, since.Offset))
}

// appendSubscribeRooms appends a subscription to the type that all topics but topic 0 have.
func appendSubscribeRooms(dst, ack []byte) []byte {
	return appendFrame(dst, opText, fmt.Appendf(nil, `{"type":"__subscribe","id":"%s","payload":{"topic":"room"}}`, ack))
}

// appendControl appends one of the hub's control events without allocating.
func appendControl(dst []byte, name string, topic uint32, ack []byte) []byte {
	size := len(`{"type":"","id":"","payload":{"topic":""}}`) + len(name) + len(ack) + len("tick")
	if topic != 0 {
		size += len("room:00000000") - len("tick")
	}
	dst = openFrame(dst, opText, size)
	dst = append(append(dst, `{"type":"`...), name...)
	dst = append(append(dst, `","id":"`...), ack...)
	dst = appendTopic(append(dst, `","payload":{"topic":"`...), topic)
	return sealFrame(append(dst, `"}}`...), size)
}

// appendPublish appends one event whose envelope has exactly size bytes, without allocating.
func (d Dialect) appendPublish(dst []byte, t tick, size int) []byte {
	var scratch [64]byte
	switch d {
	case DialectNats:
		before := strconv.AppendInt(append(appendTopic(append(scratch[:0], "PUB "...), t.topic), ' '), int64(size), 10)
		return appendEvent(dst, opBinary, append(before, "\r\n"...), t, size, "\r\n")
	case DialectCentrifuge:
		before := appendTopic(append(scratch[:0], `{"id":3,"publish":{"channel":"`...), t.topic)
		return appendEvent(dst, opText, append(before, `","data":`...), t, size, `}}`)
	}
	return appendEvent(dst, opText, nil, t, size, "")
}

// appendEvent appends a frame with an envelope and what the dialect puts around it.
func appendEvent(dst []byte, op byte, before []byte, t tick, size int, after string) []byte {
	whole := len(before) + size + len(after)
	dst = append(openFrame(dst, op, whole), before...)
	dst = appendEnvelope(dst, t, size)
	return sealFrame(append(dst, after...), whole)
}

// subscribed reports whether a message that carries no event answers a subscription, and whether it rejects one.
func (d Dialect) subscribed(view []byte) (answered, rejected bool) {
	switch d {
	case DialectNats:
		return bytes.Contains(view, []byte("PONG\r\n")), bytes.Contains(view, []byte("-ERR"))
	case DialectCentrifuge:
		return bytes.Contains(view, []byte(`{"id":2,`)), bytes.Contains(view, []byte(`"error":`))
	}
	return bytes.HasPrefix(view, []byte(`{"type":"__ack"`)), bytes.HasPrefix(view, []byte(`{"type":"__reject"`))
}

// appendKeepAlive appends the answer to an application-level ping, if the message is one.
func (d Dialect) appendKeepAlive(dst, view []byte) []byte {
	switch {
	case d == DialectNats && bytes.Contains(view, []byte("PING\r\n")):
		return appendFrame(dst, opBinary, []byte("PONG\r\n"))
	case d == DialectCentrifuge && string(view) == `{}`:
		return appendFrame(dst, opText, []byte(`{}`))
	}
	return dst
}

// ackStamp reads the sixteen hexadecimal digits that an acknowledgement carries as its id.
func ackStamp(view []byte) (stamp int64, ok bool) {
	const id, digits = `"id":"`, 16
	at := bytes.Index(view, []byte(id)) + len(id)
	if at < len(id) || len(view) <= at+digits || view[at+digits] != '"' {
		return 0, false
	}
	return int64(hex64(view[at:])), true
}
