package event

import "unicode/utf8"

// Kind is what a spoke's event asks of the hub.
type Kind uint8

const (
	// None: an ordinary event.
	None Kind = iota
	// Subscribe: add the spoke to the topics of the payload.
	Subscribe
	// Unsubscribe: remove the spoke from the topics of the payload.
	Unsubscribe
	// UnknownControl: any other type of two underscores; it is ignored.
	UnknownControl
)

// Reason is why a control event was refused, as the reject says it.
type Reason string

const (
	// InvalidTopic: the topic breaks the rules of ValidTopic.
	InvalidTopic Reason = "invalid_topic"
	// Forbidden: the spoke may not have the topic.
	Forbidden Reason = "forbidden"
	// Limit: the spoke holds as many topics as it may.
	Limit Reason = "limit"
)

// Control says what kind of event a successful Parse read.
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
// the strings of the array topics, in its order and with its doubles. Other members are ignored. A payload that is no
// object, has neither or both, or one of a wrong type, is FaultTopics, and dst comes back as it was. What is appended is
// good for as long as the view, and until the next Topics. It allocates nothing while dst and the
// scratch have room and no name in the payload has an escape.
func (v *View) Topics(dst [][]byte) ([][]byte, error) {
	one, many, fault := topicMembers(v.Payload)
	if fault != 0 {
		return dst, fault
	}
	v.scratch = v.scratch[:v.names]
	if one != nil {
		return append(dst, v.decode(one)), nil
	}
	kept := len(dst)
	for at := space(many, 1); many[at] != ']'; {
		if many[at] != '"' {
			return dst[:kept], FaultTopics
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

// AppendAck appends to dst the answer that topics are in force, or no longer, for the control event id.
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

// AppendReject appends to dst the answer that topic, any UTF-8, was refused for the control event id. Of a topic that is longer
// than any topic may be it repeats the beginning, so that no answer is too long for the queue of who asked.
func AppendReject(dst []byte, id []byte, topic []byte, reason Reason) []byte {
	dst = append(dst, `{"type":"__reject","id":`...)
	dst = appendText(dst, id)
	dst = append(dst, `,"payload":{"topic":`...)
	dst = appendText(dst, beginning(topic))
	dst = append(dst, `,"reason":`...)
	dst = appendText(dst, reason)
	return append(dst, `}}`...)
}

// maxTopic is the length in bytes of the longest topic.
const maxTopic = 2*maxPart + 1

// beginning cuts what is longer than any topic, between two characters.
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

// topicMembers returns the raw string topic or the raw array topics of a valid JSON value; one of the two is nil.
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
