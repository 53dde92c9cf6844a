package swarm

import (
	"bytes"
	"fmt"
)

// Dialect is how a server wants its subscriptions and events worded. The events are the same bytes everywhere.
type Dialect int

const (
	// DialectHub is Spokehub's protocol: control events and bare envelopes.
	DialectHub Dialect = iota
	// DialectNats is the NATS client protocol in binary frames: SUB, PUB and MSG lines.
	DialectNats
	// DialectCentrifuge is centrifuge's JSON protocol: commands with ids, and pushes.
	DialectCentrifuge
)

var dialectNames = [...]string{"hub", "nats", "centrifuge"}

// ParseDialect reads the name of a dialect.
func ParseDialect(name string) (Dialect, error) {
	for i, known := range dialectNames {
		if name == known {
			return Dialect(i), nil
		}
	}
	return 0, fmt.Errorf("unknown dialect %q", name)
}

// String gives the name that ParseDialect reads.
func (d Dialect) String() string { return dialectNames[d] }

var (
	hubAck         = []byte(`{"type":"__ack"`)
	hubReject      = []byte(`{"type":"__reject"`)
	hubID          = []byte(`"id":"`)
	natsPong       = []byte("PONG\r\n")
	natsPing       = []byte("PING\r\n")
	natsError      = []byte("-ERR")
	centrifugeDone = []byte(`{"id":2,`)
	centrifugePing = []byte(`{}`)
	centrifugeErr  = []byte(`"error":`)
)

// appendGreeting appends what a fresh connection says before all else; nothing for most.
func (d Dialect) appendGreeting(dst []byte) []byte {
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
			line = append(line, natsPing...)
		}
		return appendFrame(dst, opBinary, line)
	case DialectCentrifuge:
		line := appendTopic([]byte(`{"id":2,"subscribe":{"channel":"`), topic)
		return appendFrame(dst, opText, append(line, `"}}`...))
	}
	return appendControl(dst, "__subscribe", topic, ack)
}

// appendControl appends one of the hub's control events without allocating.
func appendControl(dst []byte, name string, topic uint32, ack []byte) []byte {
	size := len(`{"type":"","id":"","payload":{"topic":""}}`) + len(name) + len(ack) + topicLength(topic)
	dst = openFrame(dst, opText, size)
	dst = append(append(dst, `{"type":"`...), name...)
	dst = append(append(dst, `","id":"`...), ack...)
	dst = appendTopic(append(dst, `","payload":{"topic":"`...), topic)
	return sealFrame(append(dst, `"}}`...), size)
}

func topicLength(topic uint32) int {
	if topic == 0 {
		return len("tick")
	}
	return len("room:00000000")
}

// appendPublish appends one event whose envelope has exactly size bytes, without allocating.
func (d Dialect) appendPublish(dst []byte, t tick, size int) []byte {
	switch d {
	case DialectNats:
		return appendNatsPublish(dst, t, size)
	case DialectCentrifuge:
		return appendCentrifugePublish(dst, t, size)
	}
	dst = openFrame(dst, opText, size)
	return sealFrame(appendEnvelope(dst, t, size), size)
}

func appendNatsPublish(dst []byte, t tick, size int) []byte {
	whole := len("PUB ") + topicLength(t.topic) + 1 + decimalLength(size) + 2 + size + 2
	dst = openFrame(dst, opBinary, whole)
	dst = appendTopic(append(dst, "PUB "...), t.topic)
	dst = appendDecimal(append(dst, ' '), size)
	dst = appendEnvelope(append(dst, "\r\n"...), t, size)
	return sealFrame(append(dst, "\r\n"...), whole)
}

func appendCentrifugePublish(dst []byte, t tick, size int) []byte {
	const before, between, after = `{"id":3,"publish":{"channel":"`, `","data":`, `}}`
	whole := len(before) + topicLength(t.topic) + len(between) + size + len(after)
	dst = openFrame(dst, opText, whole)
	dst = appendTopic(append(dst, before...), t.topic)
	dst = appendEnvelope(append(dst, between...), t, size)
	return sealFrame(append(dst, after...), whole)
}

func decimalLength(v int) int {
	digits := 1
	for ; v >= 10; v /= 10 {
		digits++
	}
	return digits
}

func appendDecimal(dst []byte, v int) []byte {
	if v >= 10 {
		dst = appendDecimal(dst, v/10)
	}
	return append(dst, byte('0'+v%10))
}

// subscribed reports whether a message that carries no event is the answer to a subscription, and whether that is a refusal.
func (d Dialect) subscribed(view []byte) (answered, refused bool) {
	switch d {
	case DialectNats:
		return bytes.Contains(view, natsPong), bytes.Contains(view, natsError)
	case DialectCentrifuge:
		return bytes.Contains(view, centrifugeDone), bytes.Contains(view, centrifugeErr)
	}
	return bytes.HasPrefix(view, hubAck), bytes.HasPrefix(view, hubReject)
}

// appendKeepAlive appends the answer to a question whether this side is alive, if the message is one.
func (d Dialect) appendKeepAlive(dst, view []byte) []byte {
	switch {
	case d == DialectNats && bytes.Contains(view, natsPing):
		return appendFrame(dst, opBinary, natsPong)
	case d == DialectCentrifuge && bytes.Equal(view, centrifugePing):
		return appendFrame(dst, opText, centrifugePing)
	}
	return dst
}

// ackStamp reads the sixteen hexadecimal digits that an acknowledgement carries as its id.
func ackStamp(view []byte) (stamp int64, ok bool) {
	at := bytes.Index(view, hubID)
	if at < 0 || len(view) < at+len(hubID)+17 || view[at+len(hubID)+16] != '"' {
		return 0, false
	}
	return int64(hex64(view[at+len(hubID):])), true
}
