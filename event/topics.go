package event

import "math"

// CountTopics returns how many topics the payload names, or limit+1 as soon as there are more than limit. It decodes nothing
// and allocates nothing. A payload that Topics refuses is FaultTopics, unless what is wrong lies behind limit+1 topics.
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
// as the view is, and until the next call of Topics or TopicsFrom. It allocates nothing if dst and the scratch have room and
// no member name in the payload has an escape.
func (v *View) Topics(dst [][]byte) ([][]byte, error) {
	topics, _, err := v.TopicsFrom(dst, 0, math.MaxInt)
	return topics, err
}

// TopicsFrom appends to dst the topics that the payload names, from place on and limit at most, as Topics does. Place 0 is the
// beginning. next is the place of the first topic that is left, or -1 if there is none. A place is an index in the payload:
// it stays good for an equal payload, and what lies before it is not read again.
//
// CountTopics, Topics and TopicsFrom read the field Payload alone.
func (v *View) TopicsFrom(dst [][]byte, place, limit int) (topics [][]byte, next int, err error) {
	at, single := place, false
	if place == 0 {
		var fault Fault
		if at, single, fault = v.firstTopic(); fault != 0 {
			return dst, -1, fault
		}
	}
	v.scratch = v.scratch[:v.names]
	before := len(dst)
	for at >= 0 && len(dst)-before < limit {
		if v.Payload[at] != '"' {
			return dst[:before], -1, FaultTopics
		}
		end := skipText(v.Payload, at)
		dst = append(dst, v.decode(v.Payload[at:end]))
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
	one, many := -1, -1
	for at := firstMember(payload); at >= 0; {
		name, value, next := member(payload, at)
		switch string(decoded(name)) {
		case "topic":
			one = cap(payload) - cap(value)
		case "topics":
			many = cap(payload) - cap(value)
		}
		at = next
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
	if end = space(payload, end); end < len(payload) && payload[end] == ',' {
		return space(payload, end+1)
	}
	return -1
}
