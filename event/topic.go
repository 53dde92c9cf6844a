package event

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// ValidTopic reports whether topic is a topic of ordinary events: a type, or a type, a colon and a non-empty id. The first
// colon splits them. Both follow the rules of an envelope, and the type must not begin with two underscores; so a topic has
// at most 513 bytes. ValidTopic doesn't block, allocate or keep topic.
func ValidTopic(topic []byte) bool {
	if !utf8.Valid(topic) {
		return false
	}
	typ, id, hasID := bytes.Cut(topic, []byte{':'})
	return topicFault(typ, id, hasID) == 0
}

// SplitTopic returns the two parts of topic. id is empty for a topic that matches every event of its type. The rules are
// those of ValidTopic. The error is the Fault.
func SplitTopic(topic string) (typ, id string, err error) {
	if !utf8.ValidString(topic) {
		return "", "", FaultUTF8
	}
	typ, id, hasID := strings.Cut(topic, ":")
	if fault := topicFault(typ, id, hasID); fault != 0 {
		return "", "", fault
	}
	return typ, id, nil
}

// topicFault checks the two parts of a topic but for being UTF-8.
func topicFault[T text](typ, id T, hasID bool) Fault {
	if fault := typeFault(typ); fault != 0 {
		return fault
	}
	if isReserved(typ) {
		return FaultTypeReserved
	}
	if hasID && len(id) == 0 {
		return FaultIDEmpty
	}
	return idFault(id)
}
