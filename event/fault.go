package event

// Fault is the rule that a message, an event, a topic or a control payload breaks. It is an error that costs no
// allocation: compare it with ==, errors.Is or errors.AsType, or count it by value. Its text names the member and the rule,
// without a prefix, so that a caller can put its own before it.
type Fault uint8

const (
	// FaultSyntax: not JSON by RFC 8259, or something behind the value, or an escape that is half a surrogate pair.
	FaultSyntax Fault = iota + 1
	// FaultUTF8: a byte sequence that is not UTF-8.
	FaultUTF8
	// FaultDuplicateName: an object, on any level, that has two members of the same name once escapes are decoded.
	FaultDuplicateName
	// FaultDepth: objects and arrays nested deeper than 512, where the envelope itself is 1.
	FaultDepth
	// FaultNotObject: a message that doesn't begin with an object.
	FaultNotObject
	// FaultTypeMissing: an envelope without type.
	FaultTypeMissing
	// FaultTypeKind: a type that is no string.
	FaultTypeKind
	// FaultTypeLength: a type of 0 bytes or of more than 256.
	FaultTypeLength
	// FaultTypeControl: a control character in the type.
	FaultTypeControl
	// FaultTypeColon: a colon in the type.
	FaultTypeColon
	// FaultTypeReserved: a type that begins with two underscores where an ordinary event is wanted.
	FaultTypeReserved
	// FaultIDKind: an id that is there and is no string.
	FaultIDKind
	// FaultIDLength: an id of more than 256 bytes.
	FaultIDLength
	// FaultIDControl: a control character in the id.
	FaultIDControl
	// FaultIDEmpty: a topic with nothing behind its colon.
	FaultIDEmpty
	// FaultTopics: a control payload that hasn't exactly one of topic, a string, and topics, an array of strings.
	FaultTopics
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
}

// Error returns the rule in words.
func (f Fault) Error() string {
	if int(f) >= len(faultTexts) || f == 0 {
		return "unknown fault"
	}
	return faultTexts[f]
}
