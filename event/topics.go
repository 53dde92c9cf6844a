package event

import "math"

// maxRawTopic is how many bytes of a JSON string are enough for one byte more than any topic has: an escape is six bytes.
const maxRawTopic = 6*(maxTopic+1) + 2

// CountTopics returns how many topics the payload names, or limit+1 as soon as there are more than limit. It decodes no topic,
// allocates nothing and leaves the topics of an earlier call valid. A payload that Topics refuses is FaultTopics, unless what is wrong lies behind limit+1 topics. So a
// caller that counts first knows, if the count is within its limit, that TopicsFrom will succeed for the same payload.
func (v *View) CountTopics(limit int) (int, error) {
	at, single, fault := v.firstTopic()
	if fault != 0 {
		return 0, fault
	}
	count := 0
	for at >= 0 && count <= limit {
		if v.Payload[at] != '"' {
			return 0, FaultTopics
		}
		count++
		at = nextTopic(v.Payload, skipText(v.Payload, at), single)
	}
	return count, nil
}

// Topics appends to dst the topics that the payload names, decoded but not checked (see ValidTopic): the string topic, or
// the strings of the array topics, in order and with duplicates. Other members are ignored. A payload that isn't an object,
// has neither or both, or one of a wrong type, is FaultTopics; dst comes back unchanged then. The topics are valid as long
// as the view is, and until the next call of Topics or TopicsFrom. Topics allocates nothing if dst and the scratch have room.
//
// Half of a surrogate pair becomes the three bytes that UTF-8 would have for it if it allowed it, so ValidTopic refuses the
// topic, and AppendReject writes the escape again. Of a topic that is much longer than any valid one, only the beginning is
// there; it is still too long for ValidTopic.
func (v *View) Topics(dst [][]byte) ([][]byte, error) {
	topics, _, err := v.TopicsFrom(dst, 0, math.MaxInt)
	return topics, err
}

// TopicsFrom appends to dst the topics that the payload names, from place on and limit at most, as Topics does. Place 0 is the
// beginning. next is the place of the first topic that is left, or -1 if there is none. A place is an index in the payload:
// it stays good for an equal payload, and what lies before it is not read again. Any other place than 0 or a next is
// FaultTopics or gives topics that aren't there.
//
// CountTopics, Topics and TopicsFrom read the field Payload alone. A caller that keeps a copy of the payload of a control
// event may set the field to it later and go on, without parsing the message again.
func (v *View) TopicsFrom(dst [][]byte, place, limit int) (topics [][]byte, next int, err error) {
	if limit <= 0 {
		return dst, place, nil
	}
	at, single := place, false
	if place == 0 {
		var fault Fault
		if at, single, fault = v.firstTopic(); fault != 0 {
			return dst, -1, fault
		}
	} else if end := len(v.Payload) - 1; place < 0 || place >= end || v.Payload[end] != '}' {
		return dst, -1, FaultTopics
	}
	v.scratch = v.scratch[:v.names]
	before := len(dst)
	for at >= 0 && len(dst)-before < limit {
		if v.Payload[at] != '"' {
			return dst[:before], -1, FaultTopics
		}
		end := skipText(v.Payload, at)
		dst = append(dst, v.decodeTopic(v.Payload[at:end]))
		at = nextTopic(v.Payload, end, single)
	}
	return dst, at, nil
}

// firstTopic returns the index in the payload of the string topic, which is single, or of the first element of the array
// topics, which may be anything, -1 if the array is empty.
func (v *View) firstTopic() (at int, single bool, fault Fault) {
	payload := v.Payload
	if len(payload) == 0 || payload[0] != '{' {
		return 0, false, FaultTopics
	}
	var room protocolName
	one, many := -1, -1
	for at := firstMember(payload); at >= 0; {
		name, value := member(payload, at)
		switch string(room.decode(name)) {
		case "topic":
			one = value
		case "topics":
			many = value
		}
		at = nextMember(payload, skipValue(payload, value))
	}
	switch {
	case one >= 0 && many < 0 && payload[one] == '"':
		return one, true, 0
	case many >= 0 && one < 0 && payload[many] == '[':
		if at = space(payload, many+1); payload[at] == ']' {
			return -1, false, 0
		}
		return at, false, 0
	}
	return 0, false, FaultTopics
}

// nextTopic returns the index of the element after the one that ends at end, -1 if there is none.
func nextTopic(payload []byte, end int, single bool) int {
	if single {
		return -1
	}
	end = space(payload, end)
	if end < len(payload) && payload[end] == ',' {
		return space(payload, end+1)
	}
	return -1
}

// decodeTopic returns the text of the valid JSON string raw, or its beginning, in the payload or in scratch.
func (v *View) decodeTopic(raw []byte) []byte {
	return v.decode(raw[:min(len(raw), maxRawTopic)])
}
