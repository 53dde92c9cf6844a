package event

// Fault is the rule that a message, an event, a topic or a control payload breaks. It is an error that costs no allocation.
// Compare it with ==, errors.Is or errors.AsType, or count it by value. Its text names the member and the rule, without a
// prefix, so that a caller can add one.
type Fault uint8

const (
	// FaultSyntax is text that isn't JSON by RFC 8259, or something after the value.
	FaultSyntax Fault = iota + 1
	// FaultUTF8 is a byte sequence that isn't UTF-8, or half of an escaped surrogate pair in the type or the id.
	FaultUTF8
	// FaultDuplicateName is an object, at any level, with two members of the same name once escapes are decoded.
	FaultDuplicateName
	// FaultDepth is objects and arrays nested deeper than 512, counting the envelope.
	FaultDepth
	// FaultNotObject is a message that doesn't begin with an object.
	FaultNotObject
	// FaultTypeMissing is an envelope without a type.
	FaultTypeMissing
	// FaultTypeKind is a type that isn't a string.
	FaultTypeKind
	// FaultTypeLength is a type of 0 bytes or of more than 256.
	FaultTypeLength
	// FaultTypeControl is a control character in the type.
	FaultTypeControl
	// FaultTypeColon is a colon in the type.
	FaultTypeColon
	// FaultTypeReserved is a type that begins with two underscores where an ordinary event is wanted.
	FaultTypeReserved
	// FaultIDKind is an id that isn't a string.
	FaultIDKind
	// FaultIDLength is an id of more than 256 bytes.
	FaultIDLength
	// FaultIDControl is a control character in the id.
	FaultIDControl
	// FaultIDEmpty is a topic with nothing after its colon.
	FaultIDEmpty
	// FaultTopics is a control payload that doesn't have exactly one of topic, a string, and topics, an array of strings.
	FaultTopics
	// FaultLength is a message or a payload of 2 GiB or more.
	FaultLength
	// FaultToken is the payload of an __auth that isn't an object with a token, a string that is neither empty nor too long.
	FaultToken
	// FaultAnswer is a message that isn't what was to be parsed of a hub (an ack, a reject, a gap, a presence), or whose payload isn't.
	FaultAnswer
)

var faultTexts = [...]string{
	FaultSyntax:        "not valid JSON",
	FaultUTF8:          "not valid UTF-8",
	FaultDuplicateName: "two members of one object have the same name",
	FaultDepth:         "nested deeper than 512",
	FaultNotObject:     "not a JSON object",
	FaultTypeMissing:   "type is missing",
	FaultTypeKind:      "type is not a string",
	FaultTypeLength:    "type is not 1 to 256 bytes long",
	FaultTypeControl:   "type holds a control character",
	FaultTypeColon:     "type holds a colon",
	FaultTypeReserved:  "type begins with __, which is reserved for control events",
	FaultIDKind:        "id is not a string",
	FaultIDLength:      "id is longer than 256 bytes",
	FaultIDControl:     "id holds a control character",
	FaultIDEmpty:       "id behind the colon of a topic is empty",
	FaultTopics:        "payload has not exactly one of topic, a string, and topics, an array of strings",
	FaultLength:        "2 GiB long or longer",
	FaultToken:         "payload has no token, or one that is too long",
	FaultAnswer:        "not the answer that is wanted, or its payload is none",
}

// Error returns the rule in words.
func (f Fault) Error() string {
	if int(f) >= len(faultTexts) || f == 0 {
		return "unknown fault"
	}
	return faultTexts[f]
}
