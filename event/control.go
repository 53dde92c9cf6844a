package event

import (
	"fmt"
	"unicode/utf8"
)

// Kind is what a spoke's event asks of the hub.
type Kind uint8

const (
	// None is an ordinary event.
	None Kind = iota
	// Subscribe adds the spoke to the topics of the payload.
	Subscribe
	// Unsubscribe removes the spoke from the topics of the payload.
	Unsubscribe
	// Auth says who the spoke is, by the token of the payload.
	Auth
	// Presence asks who is subscribed to the topics of the payload, and to be told of changes.
	Presence
	// UnknownControl is any other type that begins with two underscores. The hub ignores it.
	UnknownControl
)

// Reason is why a control event was rejected. A reject carries it to the spoke.
type Reason string

const (
	// InvalidTopic says that the topic breaks the rules of ValidTopic.
	InvalidTopic Reason = "invalid_topic"
	// Forbidden says that the spoke may not have the topic.
	Forbidden Reason = "forbidden"
	// Limit says that the spoke has as many topics as it may.
	Limit Reason = "limit"
	// Unauthenticated says that the spoke has no identity yet, or that its token gives it none.
	Unauthenticated Reason = "unauthenticated"
	// Unavailable says that the hub can't do now what the spoke asks for. While its broker is away, it rejects subscriptions to types whose stream
	// it does not know yet: ask for the topic again later. It rejects events that their stream does not take, since the broker is away or there
	// is no room: they may be published again, and come twice if the hub could not know that the stream had them. Where a spoke asks for the
	// presence of a topic that has none, it is for good.
	Unavailable Reason = "unavailable"
)

// Control returns the kind of the event in view, after a successful Parse.
func (v *View) Control() Kind {
	if !isReserved(v.Type) {
		return None
	}
	switch string(v.Type) {
	case TypeSubscribe:
		return Subscribe
	case TypeUnsubscribe:
		return Unsubscribe
	case TypeAuth:
		return Auth
	case TypePresence:
		return Presence
	}
	return UnknownControl
}

// AppendAck appends to dst the answer to the control event id that the spoke is now subscribed to topics, or no longer is.
func AppendAck(dst []byte, id []byte, topics [][]byte) []byte {
	dst = append(dst, `{"type":"`+TypeAck+`","id":`...)
	dst = appendText(dst, id)
	dst = append(dst, `,"payload":{"topics":[`...)
	return AppendAckTopics(append(dst, ackEnd...), topics)
}

// AppendAckTopics adds topics to the ack at the end of dst, which AppendAck or AppendAckTopics has made.
func AppendAckTopics(dst []byte, topics [][]byte) []byte {
	dst = dst[:len(dst)-len(ackEnd)]
	for _, topic := range topics {
		if dst[len(dst)-1] != '[' {
			dst = append(dst, ',')
		}
		dst = appendText(dst, topic)
	}
	return append(dst, ackEnd...)
}

// ackEnd is how an ack ends, behind its topics.
const ackEnd = `]}}`

// AppendReject appends to dst the answer to the control event id that topic was rejected. topic may be any UTF-8, and any
// text of Topics: half of a surrogate pair is written as the escape that it was, so that the spoke finds the string that it
// sent. If topic is longer than any topic may be, the answer has only its beginning, so that no answer is too long for the
// spoke's queue.
func AppendReject(dst []byte, id []byte, topic []byte, reason Reason) []byte {
	dst = append(dst, `{"type":"`+TypeReject+`","id":`...)
	dst = appendText(dst, id)
	dst = append(dst, `,"payload":{"topic":`...)
	dst = appendHalves(dst, beginning(topic))
	dst = append(dst, `,"reason":`...)
	dst = appendText(dst, reason)
	return append(dst, `}}`...)
}

// appendHalves writes topic as a JSON string, with halves of surrogate pairs as escapes.
func appendHalves(dst []byte, topic []byte) []byte {
	if utf8.Valid(topic) {
		return appendText(dst, topic)
	}
	dst = append(dst, '"')
	for len(topic) > 0 {
		end := 0
		for end < len(topic) && halfAt(topic, end) == 0 {
			end++
		}
		before := len(dst)
		dst = appendText(dst, topic[:end])
		dst = append(dst[:before], unquoted(dst[before:])...)
		if end < len(topic) {
			dst = fmt.Appendf(dst, `\u%04x`, halfAt(topic, end))
			end += 3
		}
		topic = topic[end:]
	}
	return append(dst, '"')
}

// maxTopic is the length of the longest topic, in bytes.
const maxTopic = 2*maxPart + 1

// beginning returns topic, cut between two characters if it is longer than any topic.
func beginning(topic []byte) []byte {
	if len(topic) <= maxTopic {
		return topic
	}
	end := maxTopic
	for !utf8.RuneStart(topic[end]) {
		end--
	}
	return topic[:end]
}
