package event

import (
	"bytes"
	"strings"
	"testing"
)

type envelopeCase struct {
	name    string
	message string
	fault   Fault
	typ     string
	id      string
	payload string
}

var envelopeCases = []envelopeCase{
	{"takes all three members", `{"type":"order.created","id":"42","payload":{"total":12.5}}`, 0, "order.created", "42", `{"total":12.5}`},
	{"takes a missing id as empty", `{"type":"t","payload":1}`, 0, "t", "", "1"},
	{"takes a missing payload as null", `{"type":"t","id":"i"}`, 0, "t", "i", "null"},
	{"takes type alone", `{"type":"t"}`, 0, "t", "", "null"},
	{"takes members in any order", `{"payload":[1],"id":"i","type":"t"}`, 0, "t", "i", "[1]"},
	{"ignores unknown members", `{"v":1,"type":"t","meta":{"type":1,"id":null},"Type":2,"id":"i"}`, 0, "t", "i", "null"},
	{"ignores an unknown member with an empty name", `{"":1,"type":"t"}`, 0, "t", "", "null"},
	{"takes white space around everything", " \t\r\n{ \"type\" : \"t\" , \"id\" : \"i\" , \"payload\" : [ 1 , 2 ] } \n", 0, "t", "i", "[ 1 , 2 ]"},
	{"carries the payload's inner white space", "{\"type\":\"t\",\"payload\": { \"a\" :\t[ ] ,\n\"b\":{ } } }", 0, "t", "", "{ \"a\" :\t[ ] ,\n\"b\":{ } }"},
	{"carries the payload's escapes", `{"type":"t","payload":"\u0041\/\ud83d\ude00\"\\\b\f\n\r\t"}`, 0, "t", "", `"\u0041\/\ud83d\ude00\"\\\b\f\n\r\t"`},
	{"carries the payload's numbers", `{"type":"t","payload":[-0,0.10,1E+2,1e-2,-12.5e3,123456789012345678901234567890]}`, 0, "t", "", `[-0,0.10,1E+2,1e-2,-12.5e3,123456789012345678901234567890]`},
	{"carries literals", `{"type":"t","payload":[true,false,null]}`, 0, "t", "", "[true,false,null]"},
	{"carries names that differ in case", `{"type":"t","payload":{"a":1,"A":2}}`, 0, "t", "", `{"a":1,"A":2}`},
	{"carries equal names on different levels", `{"type":"t","payload":{"a":{"a":{"a":1}},"b":[{"a":1},{"a":2}]}}`, 0, "t", "", `{"a":{"a":{"a":1}},"b":[{"a":1},{"a":2}]}`},
	{"carries an outer name beside one of the same length, first and last byte", `{"type":"t","payload":{"a1z":{"a2z":1,"a1z":2}}}`, 0, "t", "", `{"a1z":{"a2z":1,"a1z":2}}`},
	{"carries names of one length, first and last byte", `{"type":"t","payload":{"a1z":1,"a2z":2,"a3z":3}}`, 0, "t", "", `{"a1z":1,"a2z":2,"a3z":3}`},
	{"carries names with escapes", `{"type":"t","payload":{"\u0061":1,"b":2,"\n":3}}`, 0, "t", "", `{"\u0061":1,"b":2,"\n":3}`},
	{"carries text beyond ASCII", `{"type":"заказ","id":"漢字","payload":{"имя":"𝄞 é"}}`, 0, "заказ", "漢字", `{"имя":"𝄞 é"}`},
	{"carries NUL as an escape and DEL as it is", "{\"type\":\"t\",\"payload\":\"\\u0000\x7f\"}", 0, "t", "", "\"\\u0000\x7f\""},
	{"decodes an escaped type", `{"type":"\u006frder\/\"\\","id":"x"}`, 0, `order/"\`, "x", "null"},
	{"decodes an escaped id", `{"type":"t","id":"\ud83d\ude00\u002f"}`, 0, "t", "😀/", "null"},
	{"decodes escaped type and id", `{"type":"\u0074","id":"\u0069","payload":0}`, 0, "t", "i", "0"},
	{"decodes member names", `{"t\u0079pe":"t","\u0069d":"i","payloa\u0064":1}`, 0, "t", "i", "1"},
	{"takes an empty id", `{"type":"t","id":""}`, 0, "t", "", "null"},
	{"takes a colon in the id", `{"type":"t","id":"a:b"}`, 0, "t", "a:b", "null"},
	{"takes a type of 1 byte", `{"type":"_"}`, 0, "_", "", "null"},
	{"takes one underscore before the type", `{"type":"_x"}`, 0, "_x", "", "null"},
	{"takes underscores inside the type", `{"type":"a__"}`, 0, "a__", "", "null"},
	{"takes spaces in type and id", `{"type":"a b","id":" "}`, 0, "a b", " ", "null"},
	{"takes a no-break space, which is no control character", "{\"type\":\"a\u00a0\",\"id\":\"\u00a0\"}", 0, "a\u00a0", "\u00a0", "null"},
	{"takes U+FFFD", "{\"type\":\"\ufffd\"}", 0, "\ufffd", "", "null"},
	{"takes a type of 256 bytes", `{"type":"` + strings.Repeat("t", 256) + `"}`, 0, strings.Repeat("t", 256), "", "null"},
	{"takes a type of 256 bytes, all escaped", `{"type":"` + strings.Repeat(`\u0074`, 256) + `"}`, 0, strings.Repeat("t", 256), "", "null"},
	{"takes an id of 256 bytes", `{"type":"t","id":"` + strings.Repeat("é", 128) + `"}`, 0, "t", strings.Repeat("é", 128), "null"},
	{"takes a control event", `{"type":"__subscribe","id":"","payload":{"topic":"T"}}`, 0, "__subscribe", "", `{"topic":"T"}`},
	{"takes a depth of 512", deep(512), 0, "t", "", strings.Repeat("[", 511) + strings.Repeat("]", 511)},
	{"takes a depth of 512 in objects", deepObjects(512), 0, "t", "", strings.Repeat(`{"a":`, 510) + "{}" + strings.Repeat("}", 510)},
	{"takes brackets in text", `{"type":"t","payload":"` + strings.Repeat("[{", 600) + `"}`, 0, "t", "", `"` + strings.Repeat("[{", 600) + `"`},
	{"takes a thousand names", `{"type":"t","payload":` + manyNames(1000) + `}`, 0, "t", "", manyNames(1000)},
	{"carries an emoji cut by JSON.stringify", `{"type":"chat","id":"1","payload":"cut \ud83d"}`, 0, "chat", "1", `"cut \ud83d"`},
	{"carries the other half of one", `{"type":"t","payload":"\ude00 cut"}`, 0, "t", "", `"\ude00 cut"`},
	{"carries half a surrogate pair before text", `{"type":"t","payload":"\ud83dabcdef"}`, 0, "t", "", `"\ud83dabcdef"`},
	{"carries half a surrogate pair before another", `{"type":"t","payload":"\ud83d\ud83d"}`, 0, "t", "", `"\ud83d\ud83d"`},
	{"carries a surrogate pair in the wrong order", `{"type":"t","payload":"\ude00\ud83d"}`, 0, "t", "", `"\ude00\ud83d"`},
	{"carries half a surrogate pair before another escape", `{"type":"t","payload":"\ud83d\n"}`, 0, "t", "", `"\ud83d\n"`},
	{"carries half a surrogate pair in a name", `{"type":"t","payload":{"\ud83d":1}}`, 0, "t", "", `{"\ud83d":1}`},
	{"carries different halves as two names", `{"type":"t","payload":{"\ud83d":1,"\ud83e":2,"\ude00":3,"\ufffd":4,"\ud83d\ude00":5}}`, 0, "t", "", `{"\ud83d":1,"\ud83e":2,"\ude00":3,"\ufffd":4,"\ud83d\ude00":5}`},
	{"ignores half a surrogate pair in an unknown member", `{"\ud83d":"\ude00","type":"t","x":{"\ude00":"\ud83d"}}`, 0, "t", "", "null"},
	{"carries numbers that no float holds", `{"type":"t","payload":[1e999999,-1E-999999,-0.0,0e0,1e00000000000000000001,` + strings.Repeat("9", 400) + `]}`, 0, "t", "", `[1e999999,-1E-999999,-0.0,0e0,1e00000000000000000001,` + strings.Repeat("9", 400) + `]`},
	{"carries line separators, noncharacters and byte order marks in text", "{\"type\":\"t\",\"payload\":\"\u2028\u2029\ufeff\ufffe\uffff\U0010ffff\\uffff\"}", 0, "t", "", "\"\u2028\u2029\ufeff\ufffe\uffff\U0010ffff\\uffff\""},
	{"carries empty names on different levels", `{"type":"t","payload":{"":{"":[{"":""}]}}}`, 0, "t", "", `{"":{"":[{"":""}]}}`},
	{"carries escapes in either case", `{"type":"t","payload":"\u00aB\u00Ab\uD83D\uDE00"}`, 0, "t", "", `"\u00aB\u00Ab\uD83D\uDE00"`},
	{"carries escaped names that look like members of the envelope", `{"type":"t","payload":{"\u0074ype":1,"\u0069d":2,"p\u0061yload":3}}`, 0, "t", "", `{"\u0074ype":1,"\u0069d":2,"p\u0061yload":3}`},
	{"ignores an escaped name that is longer than any of the envelope", `{"` + strings.Repeat(`\u0074`, 9) + `":1,"type":"t"}`, 0, "t", "", "null"},
	{"takes names that fit no filter on 512 levels", `{"type":"t","payload":` + strings.Repeat(`{"a1z":1,"a2z":2,"a3z":`, 511) + "3" + strings.Repeat("}", 511) + "}", 0, "t", "", strings.Repeat(`{"a1z":1,"a2z":2,"a3z":`, 511) + "3" + strings.Repeat("}", 511)},

	{"refuses nothing at all", ``, FaultNotObject, "", "", ""},
	{"refuses white space", " \n", FaultNotObject, "", "", ""},
	{"refuses an array", `[{"type":"t"}]`, FaultNotObject, "", "", ""},
	{"refuses null", `null`, FaultNotObject, "", "", ""},
	{"refuses text", `"type"`, FaultNotObject, "", "", ""},
	{"refuses a byte order mark", "\ufeff{\"type\":\"t\"}", FaultNotObject, "", "", ""},
	{"refuses trailing text", `{"type":"t"}x`, FaultSyntax, "", "", ""},
	{"refuses a second object", `{"type":"t"}{"type":"t"}`, FaultSyntax, "", "", ""},
	{"refuses a trailing brace", `{"type":"t"}}`, FaultSyntax, "", "", ""},
	{"refuses a trailing NUL", "{\"type\":\"t\"}\x00", FaultSyntax, "", "", ""},
	{"refuses an open object", `{`, FaultSyntax, "", "", ""},
	{"refuses an object cut behind a name", `{"type"`, FaultSyntax, "", "", ""},
	{"refuses an object cut behind a colon", `{"type":`, FaultSyntax, "", "", ""},
	{"refuses an object cut behind a value", `{"type":"t"`, FaultSyntax, "", "", ""},
	{"refuses an object cut behind a comma", `{"type":"t",`, FaultSyntax, "", "", ""},
	{"refuses an object cut in a string", `{"type":"t`, FaultSyntax, "", "", ""},
	{"refuses an object cut in an escape", `{"type":"\`, FaultSyntax, "", "", ""},
	{"refuses a comma at the end of an object", `{"type":"t",}`, FaultSyntax, "", "", ""},
	{"refuses a comma at the end of an array", `{"type":"t","payload":[1,]}`, FaultSyntax, "", "", ""},
	{"refuses two commas", `{"type":"t",,"id":"i"}`, FaultSyntax, "", "", ""},
	{"refuses a missing comma", `{"type":"t" "id":"i"}`, FaultSyntax, "", "", ""},
	{"refuses a missing comma in an array", `{"type":"t","payload":[1 2]}`, FaultSyntax, "", "", ""},
	{"refuses a missing colon", `{"type" "t"}`, FaultSyntax, "", "", ""},
	{"refuses a missing value", `{"type":}`, FaultSyntax, "", "", ""},
	{"refuses a name that is no string", `{1:2,"type":"t"}`, FaultSyntax, "", "", ""},
	{"refuses single quotes", `{'type':'t'}`, FaultSyntax, "", "", ""},
	{"refuses a comment", `{/**/"type":"t"}`, FaultSyntax, "", "", ""},
	{"refuses brackets that don't match", `{"type":"t","payload":[1}}`, FaultSyntax, "", "", ""},
	{"refuses braces that don't match", `{"type":"t","payload":{"a":1]}`, FaultSyntax, "", "", ""},
	{"refuses a wrong literal", `{"type":"t","payload":nul}`, FaultSyntax, "", "", ""},
	{"refuses a literal with more behind it", `{"type":"t","payload":nulll}`, FaultSyntax, "", "", ""},
	{"refuses an upper case literal", `{"type":"t","payload":True}`, FaultSyntax, "", "", ""},
	{"refuses NaN", `{"type":"t","payload":NaN}`, FaultSyntax, "", "", ""},
	{"refuses a leading zero", `{"type":"t","payload":01}`, FaultSyntax, "", "", ""},
	{"refuses a leading plus", `{"type":"t","payload":+1}`, FaultSyntax, "", "", ""},
	{"refuses two signs", `{"type":"t","payload":[--1]}`, FaultSyntax, "", "", ""},
	{"refuses a sign at the end", `{"type":"t","payload":[-`, FaultSyntax, "", "", ""},
	{"refuses a sign before a fraction", `{"type":"t","payload":[-.5]}`, FaultSyntax, "", "", ""},
	{"refuses a sign before a leading zero", `{"type":"t","payload":[-01]}`, FaultSyntax, "", "", ""},
	{"refuses an E without digits in an array", `{"type":"t","payload":[1E]}`, FaultSyntax, "", "", ""},
	{"refuses a lone minus", `{"type":"t","payload":-}`, FaultSyntax, "", "", ""},
	{"refuses a fraction without digits", `{"type":"t","payload":1.}`, FaultSyntax, "", "", ""},
	{"refuses a fraction without a whole", `{"type":"t","payload":.5}`, FaultSyntax, "", "", ""},
	{"refuses an exponent without digits", `{"type":"t","payload":1e+}`, FaultSyntax, "", "", ""},
	{"refuses a hexadecimal number", `{"type":"t","payload":0x1}`, FaultSyntax, "", "", ""},
	{"refuses a raw line feed in text", "{\"type\":\"t\",\"payload\":\"a\nb\"}", FaultSyntax, "", "", ""},
	{"refuses a raw NUL in a name", "{\"type\":\"t\",\"a\x00\":1}", FaultSyntax, "", "", ""},
	{"refuses a form feed between members", "{\"type\":\"t\",\f\"id\":\"i\"}", FaultSyntax, "", "", ""},
	{"refuses an unknown escape", `{"type":"t","payload":"\x41"}`, FaultSyntax, "", "", ""},
	{"refuses a short escape", `{"type":"t","payload":"\u004"}`, FaultSyntax, "", "", ""},
	{"refuses an escape that isn't hexadecimal", `{"type":"t","payload":"\u00g0"}`, FaultSyntax, "", "", ""},
	{"refuses half a surrogate pair in the type", `{"type":"cut \ud83d"}`, FaultUTF8, "", "", ""},
	{"refuses half a surrogate pair in the id", `{"type":"t","id":"\ude00"}`, FaultUTF8, "", "", ""},
	{"refuses half a surrogate pair before another in the id", `{"type":"t","id":"\ud83d\ud83d\ude00"}`, FaultUTF8, "", "", ""},
	{"refuses half a surrogate pair as a name twice", `{"type":"t","payload":{"\ud83d":1,"\uD83D":1}}`, FaultDuplicateName, "", "", ""},
	{"refuses a surrogate pair as a name twice, once escaped", `{"type":"t","payload":{"😀":1,"\ud83d\ude00":1}}`, FaultDuplicateName, "", "", ""},
	{"refuses a short name twice, once all escaped", `{"type":"t","payload":{"\u0061b":1,"x":2,"a\u0062":1}}`, FaultDuplicateName, "", "", ""},
	{"refuses an unknown member twice, once escaped", `{"type":"t","x":1,"\u0078":1}`, FaultDuplicateName, "", "", ""},
	{"refuses payload twice, both escaped", `{"type":"t","\u0070ayload":1,"p\u0061yload":1}`, FaultDuplicateName, "", "", ""},
	{"refuses Infinity", `{"type":"t","payload":-Infinity}`, FaultSyntax, "", "", ""},
	{"refuses undefined", `{"type":"t","payload":undefined}`, FaultSyntax, "", "", ""},
	{"refuses a byte order mark before the payload", "{\"type\":\"t\",\"payload\":\ufeff1}", FaultSyntax, "", "", ""},
	{"refuses a bad byte in the type", "{\"type\":\"a\xff\"}", FaultUTF8, "", "", ""},
	{"refuses a bad byte in the payload", "{\"type\":\"t\",\"payload\":\"aaaaaaaaaaaa\xc3(\"}", FaultUTF8, "", "", ""},
	{"refuses a bad byte in a name", "{\"type\":\"t\",\"payload\":{\"\xe2\x82\":1}}", FaultUTF8, "", "", ""},
	{"refuses a bad byte beside an escaped name", "{\"type\":\"t\",\"\\n\":1,\"payload\":\"\xff\"}", FaultUTF8, "", "", ""},
	{"refuses an overlong form", "{\"type\":\"t\",\"payload\":\"\xc0\x80\"}", FaultUTF8, "", "", ""},
	{"refuses a surrogate in UTF-8", "{\"type\":\"t\",\"payload\":\"\xed\xa0\x80\"}", FaultUTF8, "", "", ""},
	{"refuses a code point beyond the last", "{\"type\":\"t\",\"payload\":\"\xf4\x90\x80\x80\"}", FaultUTF8, "", "", ""},
	{"refuses type twice", `{"type":"t","type":"t"}`, FaultDuplicateName, "", "", ""},
	{"refuses id twice", `{"type":"t","id":"i","id":"j"}`, FaultDuplicateName, "", "", ""},
	{"refuses payload twice", `{"type":"t","payload":1,"payload":1}`, FaultDuplicateName, "", "", ""},
	{"refuses an unknown member twice", `{"type":"t","x":1,"x":1}`, FaultDuplicateName, "", "", ""},
	{"refuses an empty name twice", `{"type":"t","":1,"":1}`, FaultDuplicateName, "", "", ""},
	{"refuses a name twice in the payload", `{"type":"t","payload":{"a":1,"b":2,"a":3}}`, FaultDuplicateName, "", "", ""},
	{"refuses a name twice behind a nested object", `{"type":"t","payload":{"a":{"b":1},"a":3}}`, FaultDuplicateName, "", "", ""},
	{"refuses a name twice deep in the payload", `{"type":"t","payload":[[{"x":{"a":1,"a":1}}]]}`, FaultDuplicateName, "", "", ""},
	{"refuses a name twice, once escaped", `{"type":"t","payload":{"a":1,"\u0061":2}}`, FaultDuplicateName, "", "", ""},
	{"refuses type twice, once escaped", `{"type":"t","t\u0079pe":"t"}`, FaultDuplicateName, "", "", ""},
	{"refuses the last of a hundred names again", `{"type":"t","payload":` + strings.TrimSuffix(manyNames(100), "}") + `,"n99":1}}`, FaultDuplicateName, "", "", ""},
	{"refuses a depth of 513", deep(513), FaultDepth, "", "", ""},
	{"refuses a depth of 513 in objects", deepObjects(513), FaultDepth, "", "", ""},
	{"refuses a depth of 513 in an unknown member", strings.Replace(deep(513), "payload", "other", 1), FaultDepth, "", "", ""},
	{"refuses a depth of 100000", deep(100000), FaultDepth, "", "", ""},
	{"refuses a hundred thousand open brackets", `{"type":"t","payload":` + strings.Repeat("[", 100000), FaultDepth, "", "", ""},

	{"wants a type", `{"id":"i","payload":1}`, FaultTypeMissing, "", "", ""},
	{"wants a type in an empty object", `{}`, FaultTypeMissing, "", "", ""},
	{"wants type in lower case", `{"Type":"t"}`, FaultTypeMissing, "", "", ""},
	{"wants a type that is a string, not a number", `{"type":1}`, FaultTypeKind, "", "", ""},
	{"wants a type that is a string, not null", `{"type":null}`, FaultTypeKind, "", "", ""},
	{"wants a type that is a string, not an array", `{"type":["t"]}`, FaultTypeKind, "", "", ""},
	{"wants a type that isn't empty", `{"type":""}`, FaultTypeLength, "", "", ""},
	{"wants a type of 256 bytes at most", `{"type":"` + strings.Repeat("t", 257) + `"}`, FaultTypeLength, "", "", ""},
	{"wants a type of 256 bytes at most, not characters", `{"type":"` + strings.Repeat("é", 129) + `"}`, FaultTypeLength, "", "", ""},
	{"wants a type of 256 bytes at most, decoded", `{"type":"` + strings.Repeat(`\u0074`, 257) + `"}`, FaultTypeLength, "", "", ""},
	{"wants a type that isn't endless", `{"type":"` + strings.Repeat(`\n`, 4000) + `"}`, FaultTypeLength, "", "", ""},
	{"wants no escaped control character in the type", `{"type":"a\u0000"}`, FaultTypeControl, "", "", ""},
	{"wants no escaped line feed in the type", `{"type":"a\nb"}`, FaultTypeControl, "", "", ""},
	{"wants no DEL in the type", "{\"type\":\"a\x7f\"}", FaultTypeControl, "", "", ""},
	{"wants no C1 control character in the type", "{\"type\":\"a\u0085b\"}", FaultTypeControl, "", "", ""},
	{"wants no escaped C1 control character in the type", `{"type":"\u009f"}`, FaultTypeControl, "", "", ""},
	{"wants no colon in the type", `{"type":"a:b"}`, FaultTypeColon, "", "", ""},
	{"wants no escaped colon in the type", `{"type":"a\u003ab"}`, FaultTypeColon, "", "", ""},
	{"wants no colon in the type of a control event", `{"type":"__subscribe:x"}`, FaultTypeColon, "", "", ""},
	{"wants an id that is a string, not null", `{"type":"t","id":null}`, FaultIDKind, "", "", ""},
	{"wants an id that is a string, not a number", `{"type":"t","id":42}`, FaultIDKind, "", "", ""},
	{"wants an id of 256 bytes at most", `{"type":"t","id":"` + strings.Repeat("i", 257) + `"}`, FaultIDLength, "", "", ""},
	{"wants an id that isn't endless", `{"type":"t","id":"` + strings.Repeat(`\u0069`, 257) + `"}`, FaultIDLength, "", "", ""},
	{"wants no control character in the id", `{"type":"t","id":"a\tb"}`, FaultIDControl, "", "", ""},
	{"wants no DEL in the id", "{\"type\":\"t\",\"id\":\"\x7f\"}", FaultIDControl, "", "", ""},
	{"wants no C1 control character in the id", "{\"type\":\"t\",\"id\":\"\u0080\"}", FaultIDControl, "", "", ""},
}

func deep(depth int) string {
	return `{"type":"t","payload":` + strings.Repeat("[", depth-1) + strings.Repeat("]", depth-1) + `}`
}

func deepObjects(depth int) string {
	return `{"type":"t","payload":` + strings.Repeat(`{"a":`, depth-2) + "{}" + strings.Repeat("}", depth-2) + `}`
}

func manyNames(count int) string {
	var b strings.Builder
	for i := range count {
		b.WriteString(`,"n`)
		b.WriteString(strings.TrimLeft(string([]byte{'0' + byte(i/1000), '0' + byte(i/100%10), '0' + byte(i/10%10), '0' + byte(i%10)}), "0"))
		b.WriteString(`":1`)
	}
	return "{" + b.String()[1:] + "}"
}

func TestEnvelope(t *testing.T) {
	for _, c := range envelopeCases {
		t.Run(c.name, func(t *testing.T) {
			var view View
			err := view.Parse([]byte(c.message))
			if c.fault != 0 {
				if err != c.fault {
					t.Fatalf("Parse: got %v, want %v", err, c.fault)
				}
				return
			}
			if err != nil {
				t.Fatalf("Parse: got %v, want none", err)
			}
			if string(view.Type) != c.typ || string(view.ID) != c.id || string(view.Payload) != c.payload {
				t.Fatalf("got %q %q %q, want %q %q %q", view.Type, view.ID, view.Payload, c.typ, c.id, c.payload)
			}
		})
	}
}

func TestEnvelopeAgreesWithTheLibrary(t *testing.T) {
	for _, c := range envelopeCases {
		t.Run(c.name, func(t *testing.T) { checkEnvelope(t, []byte(c.message)) })
	}
}

func TestEveryPrefixOfAnEnvelopeIsMalformed(t *testing.T) {
	message := []byte(`{"type":"order.created","id":"4\u0032","x":[{"a":-1.5e+3},true,null],"payload":{"é":"\ud83d\ude00"}}`)
	var view View
	for cut := range message {
		if err := view.Parse(message[:cut:cut]); err == nil {
			t.Errorf("%q: got no error, want one", message[:cut])
		}
		checkEnvelope(t, message[:cut:cut])
	}
	if err := view.Parse(message); err != nil {
		t.Errorf("whole message: got %v, want none", err)
	}
}

func TestViewI2PayloadBytesAreThoseOfTheMessage(t *testing.T) {
	message := []byte("{\"payload\" : {\"b\":1.50,\t\"a\":\"\\u0041\\/\"} ,\"type\":\"t\"}")
	var view View
	if err := view.Parse(message); err != nil {
		t.Fatalf("Parse: %v", err)
	}
	at := bytes.IndexByte(message[1:], '{') + 1
	if &view.Payload[0] != &message[at] {
		t.Errorf("payload doesn't point into the message")
	}
	relayed := view.Append(nil)
	want := "{\"type\":\"t\",\"id\":\"\",\"payload\":{\"b\":1.50,\t\"a\":\"\\u0041\\/\"}}"
	if string(relayed) != want {
		t.Errorf("relayed: got %s, want %s", relayed, want)
	}
}
