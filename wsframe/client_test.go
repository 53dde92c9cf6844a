package wsframe

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
)

const testMax = 1 << 20

const fin = finBit

var testMask = [4]byte{0x37, 0xFA, 0x21, 0x3D}

// clientFrame builds a masked client frame with the shortest length, byte by byte, without the code under test.
func clientFrame(first byte, payload string) []byte {
	return clientFrameSized(first, payload, shortestLength(len(payload)))
}

func shortestLength(n int) byte {
	switch {
	case n < 126:
		return byte(n)
	case n < 1<<16:
		return 126
	}
	return 127
}

// clientFrameSized encodes the length as sizing says: 126 for 16 bits, 127 for 64, any other for itself.
func clientFrameSized(first byte, payload string, sizing byte) []byte {
	frame := []byte{first, 0x80 | sizing}
	switch sizing {
	case 126:
		frame = binary.BigEndian.AppendUint16(frame, uint16(len(payload)))
	case 127:
		frame = binary.BigEndian.AppendUint64(frame, uint64(len(payload)))
	}
	frame = append(frame, testMask[:]...)
	for i := range len(payload) {
		frame = append(frame, payload[i]^testMask[i%4])
	}
	return frame
}

func closePayload(code uint16, reason string) string {
	return string(binary.BigEndian.AppendUint16(nil, code)) + reason
}

func concat(frames ...[]byte) []byte { return slices.Concat(frames...) }

// outcome is everything that a parser returned for its input.
type outcome struct {
	messages  []string
	violation *Close
}

func (o outcome) equal(other outcome) bool {
	return o.violation == other.violation && slices.Equal(o.messages, other.messages)
}

func (o outcome) String() string {
	return fmt.Sprintf("%q, then %v", o.messages, o.violation)
}

func describe(op Opcode, payload []byte) string {
	names := map[Opcode]string{Text: "text", Binary: "binary", CloseOp: "close", Ping: "ping", Pong: "pong"}
	return names[op] + " " + string(payload)
}

// read feeds the pieces as a reactor does, each in a buffer of its own that is overwritten afterwards.
func (o *outcome) read(p *Parser, limit int, pieces ...[]byte) {
	for _, piece := range pieces {
		buffer := slices.Clone(piece)
		for rest := buffer; o.violation == nil; {
			m, n, ok, violation := p.Next(rest, limit)
			rest = rest[n:]
			o.violation = violation
			if !ok {
				break
			}
			o.messages = append(o.messages, describe(m.Op, m.Payload))
		}
		for i := range buffer {
			buffer[i] = 0xEE
		}
	}
}

func readWhole(input []byte, limit int) (o outcome) {
	var p Parser
	o.read(&p, limit, input)
	p.Release()
	return o
}

func readBytewise(input []byte, limit int) (o outcome) {
	var p Parser
	o.read(&p, limit, slices.Collect(slices.Chunk(input, 1))...)
	p.Release()
	return o
}

func readCut(input []byte, limit int, cuts ...int) (o outcome) {
	var p Parser
	before := 0
	for _, cut := range append(cuts, len(input)) {
		o.read(&p, limit, input[before:cut])
		before = cut
	}
	p.Release()
	return o
}

// frameCase is a row of the table that the parser's tests share and the fuzz targets start from.
type frameCase struct {
	name  string
	input []byte
	limit int
	want  outcome
}

func frameCases() []frameCase {
	long := strings.Repeat("0123456789abcdef", 4096)
	text := func(messages ...string) outcome { return outcome{messages: messages} }
	broken := func(violation *Close, messages ...string) outcome { return outcome{messages, violation} }
	return []frameCase{
		{"an empty text is a message", clientFrame(fin|1, ""), 0, text("text ")},
		{"a short text is a message", clientFrame(fin|1, "Hello"), 0, text("text Hello")},
		{"a text with an umlaut is a message", clientFrame(fin|1, "Grüße, 世界 🌍"), 0, text("text Grüße, 世界 🌍")},
		{"a binary needs no UTF-8", clientFrame(fin|2, "\xFF\xFE\x00"), 0, text("binary \xFF\xFE\x00")},
		{"125 bytes fit the short length", clientFrame(fin|1, long[:125]), 0, text("text " + long[:125])},
		{"126 bytes take the 16-bit length", clientFrame(fin|1, long[:126]), 0, text("text " + long[:126])},
		{"127 bytes take the 16-bit length", clientFrame(fin|2, long[:127]), 0, text("binary " + long[:127])},
		{"several frames in one read are several messages", concat(clientFrame(fin|1, "a"), clientFrame(fin|2, "b"), clientFrame(fin|9, "c")), 0, text("text a", "binary b", "ping c")},
		{"a ping with a full payload is delivered", clientFrame(fin|9, long[:125]), 0, text("ping " + long[:125])},
		{"an unasked pong is delivered", clientFrame(fin|10, "x"), 0, text("pong x")},
		{"a close without a code is delivered", clientFrame(fin|8, ""), 0, text("close ")},
		{"a close with code and reason is delivered", clientFrame(fin|8, closePayload(1000, "tschüß")), 0, text("close " + closePayload(1000, "tschüß"))},
		{"fragments make one message", concat(clientFrame(1, "Hel"), clientFrame(0, "lo "), clientFrame(fin|0, "you")), 0, text("text Hello you")},
		{"empty fragments make an empty message", concat(clientFrame(2, ""), clientFrame(0, ""), clientFrame(fin|0, "")), 0, text("binary ")},
		{"an empty last fragment ends a message", concat(clientFrame(1, "a"), clientFrame(fin|0, "")), 0, text("text a")},
		{"control frames between fragments come first and touch nothing", concat(clientFrame(1, "Hel"), clientFrame(fin|9, "p"), clientFrame(0, "l"), clientFrame(fin|10, ""), clientFrame(fin|0, "o")), 0, text("ping p", "pong ", "text Hello")},
		{"a close inside a fragmented message is delivered", concat(clientFrame(1, "Hel"), clientFrame(fin|8, closePayload(1001, ""))), 0, text("close " + closePayload(1001, ""))},
		{"a message after a fragmented one starts anew", concat(clientFrame(1, "a"), clientFrame(fin|0, "b"), clientFrame(fin|1, "c")), 0, text("text ab", "text c")},
		{"a character may be cut between fragments", concat(clientFrame(1, "\xF0\x9F"), clientFrame(0, "\x8C"), clientFrame(fin|0, "\x8D!")), 0, text("text 🌍!")},
		{"a ping inside a cut character leaves it alone", concat(clientFrame(1, "\xE4\xB8"), clientFrame(fin|9, "\xFF"), clientFrame(fin|0, "\x96")), 0, text("ping \xFF", "text 世")},
		{"a message of exactly the limit passes", clientFrame(fin|1, "12345678"), 8, text("text 12345678")},
		{"fragments of exactly the limit pass", concat(clientFrame(1, "1234"), clientFrame(fin|0, "5678")), 8, text("text 12345678")},
		{"the limit is each message's own", concat(clientFrame(fin|1, "12345678"), clientFrame(fin|1, "12345678")), 8, text("text 12345678", "text 12345678")},
		{"the limit doesn't hold for control frames", clientFrame(fin|9, "123456789"), 8, text("ping 123456789")},
		{"frames after a close are discarded", concat(clientFrame(fin|8, closePayload(1000, "")), clientFrame(fin|1, "late"), []byte{0xFF, 0xFF}), 0, text("close " + closePayload(1000, ""))},
		{"an unfinished frame is no message yet", clientFrame(fin|1, "Hello")[:9], 0, text()},
		{"an unfinished message is no message yet", clientFrame(1, "Hello"), 0, text()},

		{"an unmasked frame breaks the protocol", []byte{fin | 1, 1, 'a'}, 0, broken(closeUnmasked)},
		{"an unmasked ping after a message breaks the protocol", concat(clientFrame(fin|1, "a"), []byte{fin | 9, 0}), 0, broken(closeUnmasked, "text a")},
		{"RSV1 breaks the protocol", clientFrame(fin|0x40|1, "a"), 0, broken(closeReservedBits)},
		{"RSV2 breaks the protocol", clientFrame(fin|0x20|2, "a"), 0, broken(closeReservedBits)},
		{"RSV3 breaks the protocol", clientFrame(fin|0x10|9, "a"), 0, broken(closeReservedBits)},
		{"RSV1 on a continuation breaks the protocol", concat(clientFrame(1, "a"), clientFrame(fin|0x40|0, "b")), 0, broken(closeReservedBits)},
		{"opcode 3 breaks the protocol", clientFrame(fin|3, ""), 0, broken(closeReservedOpcode)},
		{"opcode 7 breaks the protocol", clientFrame(fin|7, ""), 0, broken(closeReservedOpcode)},
		{"opcode 11 breaks the protocol", clientFrame(fin|11, ""), 0, broken(closeReservedOpcode)},
		{"opcode 15 breaks the protocol", clientFrame(fin|15, ""), 0, broken(closeReservedOpcode)},
		{"a fragmented ping breaks the protocol", clientFrame(9, "a"), 0, broken(closeFragmentedControl)},
		{"a fragmented close breaks the protocol", clientFrame(8, ""), 0, broken(closeFragmentedControl)},
		{"a ping of 126 bytes breaks the protocol", clientFrame(fin|9, long[:126]), 0, broken(closeLongControl)},
		{"a close with a 64-bit length breaks the protocol", clientFrameSized(fin|8, "", 127), 0, broken(closeLongControl)},
		{"a continuation of nothing breaks the protocol", clientFrame(fin|0, "a"), 0, broken(closeNothingToContinue)},
		{"an unfinished continuation of nothing breaks the protocol", clientFrame(0, "a"), 0, broken(closeNothingToContinue)},
		{"a continuation after a whole message breaks the protocol", concat(clientFrame(1, "a"), clientFrame(fin|0, "b"), clientFrame(fin|0, "c")), 0, broken(closeNothingToContinue, "text ab")},
		{"a text inside a fragmented message breaks the protocol", concat(clientFrame(1, "a"), clientFrame(fin|1, "b")), 0, broken(closeMessageUnfinished)},
		{"a fragmented binary inside a fragmented text breaks the protocol", concat(clientFrame(1, "a"), clientFrame(2, "b")), 0, broken(closeMessageUnfinished)},
		{"a 16-bit length under 126 breaks the protocol", clientFrameSized(fin|1, "a", 126), 0, broken(closeLongLength)},
		{"a 16-bit length of 125 breaks the protocol", clientFrameSized(fin|2, long[:125], 126), 0, broken(closeLongLength)},
		{"a 64-bit length of 65535 breaks the protocol", clientFrameSized(fin|2, long[:65535], 127), 0, broken(closeLongLength)},
		{"a length of 2^63 breaks the protocol", []byte{fin | 2, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4}, 0, broken(closeHugeLength)},
		{"a length of 2^63-1 is too big", []byte{fin | 2, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1, 2, 3, 4}, 0, broken(closeTooBig)},
		{"a length of 2^63-1 in a second fragment is too big", concat(clientFrame(2, "abc"), []byte{fin | 0, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1, 2, 3, 4}), 0, broken(closeTooBig)},
		{"one byte over the limit is too big", clientFrame(fin|1, "123456789"), 8, broken(closeTooBig)},
		{"a limit of 0 leaves empty messages", concat(clientFrame(fin|1, ""), clientFrame(fin|1, "a")), -1, broken(closeTooBig, "text ")},
		{"fragments over the limit are too big", concat(clientFrame(1, "12345678"), clientFrame(fin|0, "9")), 8, broken(closeTooBig)},

		{"a lone continuation byte isn't UTF-8", clientFrame(fin|1, "a\x80"), 0, broken(closeTextNotUTF8)},
		{"an overlong slash isn't UTF-8", clientFrame(fin|1, "\xC0\xAF"), 0, broken(closeTextNotUTF8)},
		{"a surrogate isn't UTF-8", clientFrame(fin|1, "\xED\xA0\x80"), 0, broken(closeTextNotUTF8)},
		{"a code point over 10FFFF isn't UTF-8", clientFrame(fin|1, "\xF4\x90\x80\x80"), 0, broken(closeTextNotUTF8)},
		{"a character cut by the end of the message isn't UTF-8", clientFrame(fin|1, "a\xE4\xB8"), 0, broken(closeTextNotUTF8)},
		{"a character cut by the end of the last fragment isn't UTF-8", concat(clientFrame(1, "a\xE4"), clientFrame(fin|0, "\xB8")), 0, broken(closeTextNotUTF8)},
		{"a character cut by an empty last fragment isn't UTF-8", concat(clientFrame(1, "a\xE4"), clientFrame(fin|0, "")), 0, broken(closeTextNotUTF8)},
		{"an unfinished message fails at its first bad fragment", concat(clientFrame(1, "a"), clientFrame(0, "\xFF")), 0, broken(closeTextNotUTF8)},
		{"a bad byte far inside a long text is found", clientFrame(fin|1, long[:5000]+"\xFF"+long[:5000]), 0, broken(closeTextNotUTF8)},

		{"a close payload of one byte breaks the protocol", clientFrame(fin|8, "\x03"), 0, broken(closeHalfCode)},
		{"close code 1005 breaks the protocol", clientFrame(fin|8, closePayload(1005, "")), 0, broken(closeBadCode)},
		{"close code 65535 breaks the protocol", clientFrame(fin|8, closePayload(65535, "")), 0, broken(closeBadCode)},
		{"a close reason that isn't UTF-8 is refused", clientFrame(fin|8, closePayload(1000, "\xFF")), 0, broken(closeReasonNotUTF8)},
		{"a bad close inside a fragmented message is refused", concat(clientFrame(1, "a"), clientFrame(fin|8, "\x03")), 0, broken(closeHalfCode)},

		{"65535 bytes take the 16-bit length", clientFrame(fin|2, long[:65535]), 0, text("binary " + long[:65535])},
		{"65536 bytes take the 64-bit length", clientFrame(fin|1, long), 0, text("text " + long)},
		{"a message larger than every pooled buffer arrives", concat(clientFrame(1, long), clientFrame(0, long), clientFrame(fin|0, long)), 0, text("text " + long + long + long)},
	}
}

// max is the case's limit: 0 in the table is the default, -1 none at all.
func (c frameCase) max() int {
	switch c.limit {
	case 0:
		return testMax
	case -1:
		return 0
	}
	return c.limit
}
