package event

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"slices"
	"unicode/utf16"
	"unicode/utf8"
)

// hasEscape reports whether the valid JSON string raw has an escape.
func hasEscape(raw []byte) bool { return bytes.IndexByte(raw, '\\') >= 0 }

// unquoted returns the valid JSON string raw without its quotes.
func unquoted(raw []byte) []byte { return raw[1 : len(raw)-1] }

// appendDecoded appends the text of the valid JSON string raw to dst, without its quotes and with its escapes decoded. raw may
// have been cut anywhere but for a last byte that stands for the quote; an escape that is cut is left out, with what is behind it.
//
// Half of a surrogate pair becomes the three bytes that UTF-8 would have for it if it allowed it. So two texts are equal
// exactly if their UTF-16 units are, and a text is valid UTF-8 exactly if it has no such half.
func appendDecoded(dst, raw []byte) []byte {
	text := unquoted(raw)
	dst = slices.Grow(dst, len(text)+8)
	out := dst[len(dst):cap(dst)]
	size := 0
	for i := 0; i < len(text); {
		if text[i] == '\\' {
			if i+1 < len(text) && simpleEscapes[text[i+1]] != 0 {
				out[size] = simpleEscapes[text[i+1]]
				size++
				i += 2
				continue
			}
			unit, ok := hexUnit(text, i)
			if !ok {
				break
			}
			i += 6
			if utf16.IsSurrogate(unit) {
				if second, ok := hexUnit(text, i); ok {
					if pair := utf16.DecodeRune(unit, second); pair != utf8.RuneError {
						size += utf8.EncodeRune(out[size:], pair)
						i += 6
						continue
					}
				}
			}
			size += putUnit(out[size:], unit)
			continue
		}
		plain := 0
		if i+8 <= len(text) {
			word := binary.LittleEndian.Uint64(text[i:])
			binary.LittleEndian.PutUint64(out[size:], word)
			plain = bits.TrailingZeros64(stops(word)) >> 3
		}
		if plain == 0 {
			out[size] = text[i]
			plain = 1
		}
		i += plain
		size += plain
	}
	return dst[:len(dst)+size]
}

// maxRawName is how long the JSON string of a name of the protocol can be: an escape for each byte of "payload".
const maxRawName = 6*len("payload") + 2

// protocolName has room for a decoded name of the protocol.
type protocolName [maxRawName + 8]byte

// decode returns the text of the valid JSON string raw, which it may put into room, and nil if it has escapes and is longer
// than any name of the protocol.
func (room *protocolName) decode(raw []byte) []byte {
	if !hasEscape(raw) {
		return unquoted(raw)
	}
	if len(raw) > maxRawName {
		return nil
	}
	return appendDecoded(room[:0], raw)
}

// putUnit writes a UTF-16 unit, which may be half of a surrogate pair, and returns how many bytes it takes.
func putUnit(out []byte, unit rune) int {
	switch {
	case unit < 0x80:
		out[0] = byte(unit)
		return 1
	case unit < 0x800:
		out[0], out[1] = 0xc0|byte(unit>>6), 0x80|byte(unit)&0x3f
		return 2
	default:
		out[0], out[1], out[2] = 0xe0|byte(unit>>12), 0x80|byte(unit>>6)&0x3f, 0x80|byte(unit)&0x3f
		return 3
	}
}

// halfAt returns the surrogate whose three bytes are at i of a decoded text, 0 if there is none.
func halfAt(text []byte, i int) rune {
	if i+3 > len(text) || text[i] != 0xed || text[i+1] < 0xa0 || text[i+1] > 0xbf {
		return 0
	}
	return rune(text[i]&0x0f)<<12 | rune(text[i+1]&0x3f)<<6 | rune(text[i+2]&0x3f)
}
