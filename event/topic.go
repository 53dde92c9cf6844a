package event

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// ValidTopic reports whether topic is a topic of ordinary events: type, or type, a colon and a non-empty id, split at the
// first colon, each part under the rules of an envelope, so 513 bytes at most and no type that begins with two underscores.
// It doesn't block, allocate or keep topic.
func ValidTopic(topic []byte) bool {
	if !utf8.Valid(topic) {
		return false
	}
	typ, id, hasID := bytes.Cut(topic, []byte{':'})
	return topicFault(typ, id, hasID) == 0
}

// SplitTopic returns the two parts of topic; id is empty for a topic that matches every event of its type. The rules are
// those of ValidTopic; the error is the Fault.
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
