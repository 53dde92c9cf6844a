package event

import "unicode/utf8"

// Kind is what a spoke's event asks of the hub.
type Kind uint8

const (
	// None is an ordinary event.
	None Kind = iota
	// Subscribe adds the spoke to the topics of the payload.
	Subscribe
	// Unsubscribe removes the spoke from the topics of the payload.
	Unsubscribe
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
)

// Control returns the kind of the event in view, after a successful Parse.
func (v *View) Control() Kind {
	if !isReserved(v.Type) {
		return None
	}
	switch string(v.Type) {
	case "__subscribe":
		return Subscribe
	case "__unsubscribe":
		return Unsubscribe
	}
	return UnknownControl
}

// Topics appends to dst the topics that the payload names, decoded but not checked (see ValidTopic): the string topic, or
// the strings of the array topics, in order and with duplicates. Other members are ignored. A payload that isn't an object,
// has neither or both, or one of a wrong type, is FaultTopics; dst comes back unchanged then. The topics are valid as long
// as the view is, and until the next call of Topics. It allocates nothing if dst and the scratch have room and no member
// name in the payload has an escape.
func (v *View) Topics(dst [][]byte) ([][]byte, error) {
	one, many, fault := topicMembers(v.Payload)
	if fault != 0 {
		return dst, fault
	}
	v.scratch = v.scratch[:v.names]
	if one != nil {
		return append(dst, v.decode(one)), nil
	}
	before := len(dst)
	for at := space(many, 1); many[at] != ']'; {
		if many[at] != '"' {
			return dst[:before], FaultTopics
		}
		end := skipText(many, at)
		dst = append(dst, v.decode(many[at:end]))
		at = space(many, end)
		if many[at] == ',' {
			at = space(many, at+1)
		}
	}
	return dst, nil
}

// AppendAck appends to dst the answer to the control event id that the spoke is now subscribed to topics, or no longer is.
func AppendAck(dst []byte, id []byte, topics [][]byte) []byte {
	dst = append(dst, `{"type":"__ack","id":`...)
	dst = appendText(dst, id)
	dst = append(dst, `,"payload":{"topics":[`...)
	for i, topic := range topics {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendText(dst, topic)
	}
	return append(dst, `]}}`...)
}

// AppendReject appends to dst the answer to the control event id that topic was rejected. topic may be any UTF-8. If it is
// longer than any topic may be, the answer has only its beginning, so that no answer is too long for the spoke's queue.
func AppendReject(dst []byte, id []byte, topic []byte, reason Reason) []byte {
	dst = append(dst, `{"type":"__reject","id":`...)
	dst = appendText(dst, id)
	dst = append(dst, `,"payload":{"topic":`...)
	dst = appendText(dst, beginning(topic))
	dst = append(dst, `,"reason":`...)
	dst = appendText(dst, reason)
	return append(dst, `}}`...)
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

// topicMembers returns the raw string topic or the raw array topics of a valid JSON value. The other one is nil.
func topicMembers(payload []byte) (one, many []byte, fault Fault) {
	if len(payload) == 0 || payload[0] != '{' {
		return nil, nil, FaultTopics
	}
	for at := firstMember(payload); at >= 0; {
		var name, value []byte
		name, value, at = member(payload, at)
		switch string(decoded(name)) {
		case "topic":
			one = value
		case "topics":
			many = value
		}
	}
	if (one == nil) == (many == nil) || one != nil && one[0] != '"' || many != nil && many[0] != '[' {
		return nil, nil, FaultTopics
	}
	return one, many, 0
}
