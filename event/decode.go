package event

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// hasEscape reports whether the valid JSON string raw has an escape.
func hasEscape(raw []byte) bool { return bytes.IndexByte(raw, '\\') >= 0 }

// unquoted returns the valid JSON string raw without its quotes.
func unquoted(raw []byte) []byte { return raw[1 : len(raw)-1] }

// appendDecoded appends the text of the valid JSON string raw to dst, without its quotes and with its escapes decoded. raw may
// have been cut anywhere but for a last byte that stands for the quote; an escape that is cut is left out.
//
// Half of a surrogate pair becomes the three bytes that UTF-8 would have for it if it allowed it. So two texts are equal
// exactly if their UTF-16 units are, and a text is valid UTF-8 exactly if it has no such half.
func appendDecoded(dst, raw []byte) []byte {
	text := unquoted(raw)
	for at := 0; at < len(text); {
		end, _ := plainEnd(text, at)
		dst = append(dst, text[at:end]...)
		if end == len(text) {
			break
		}
		dst, at = appendEscape(dst, text, end)
	}
	return dst
}

// appendEscape appends what the escape at i of valid JSON stands for, and returns the index after it. A surrogate pair counts
// as one.
func appendEscape(dst, b []byte, i int) ([]byte, int) {
	if i+1 >= len(b) {
		return dst, len(b)
	}
	switch c := b[i+1]; c {
	case 'b':
		return append(dst, '\b'), i + 2
	case 'f':
		return append(dst, '\f'), i + 2
	case 'n':
		return append(dst, '\n'), i + 2
	case 'r':
		return append(dst, '\r'), i + 2
	case 't':
		return append(dst, '\t'), i + 2
	case 'u':
		unit, ok := hexUnit(b, i)
		if !ok {
			return dst, len(b)
		}
		if !utf16.IsSurrogate(unit) {
			return utf8.AppendRune(dst, unit), i + 6
		}
		if second, ok := hexUnit(b, i+6); ok {
			if r := utf16.DecodeRune(unit, second); r != utf8.RuneError {
				return utf8.AppendRune(dst, r), i + 12
			}
		}
		return append(dst, 0xe0|byte(unit>>12), 0x80|byte(unit>>6)&0x3f, 0x80|byte(unit)&0x3f), i + 6
	default:
		return append(dst, c), i + 2
	}
}

// halfAt returns the surrogate whose three bytes are at i of a decoded text, 0 if there is none.
func halfAt(text []byte, i int) rune {
	if i+3 > len(text) || text[i] != 0xed || text[i+1] < 0xa0 || text[i+1] > 0xbf {
		return 0
	}
	return rune(text[i]&0x0f)<<12 | rune(text[i+1]&0x3f)<<6 | rune(text[i+2]&0x3f)
}
