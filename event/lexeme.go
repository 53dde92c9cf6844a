package event

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// Constants with one value in each byte of a word.
const (
	eachByte = 0x0101010101010101
	highBits = 0x80 * eachByte
)

// space returns the index of the first byte from i on that isn't JSON white space.
func space(b []byte, i int) int {
	for i < len(b) && b[i] <= ' ' && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

// endOf returns len(b) if only white space follows from i on.
func endOf(b []byte, i int) int {
	if space(b, i) != len(b) {
		return badSyntax
	}
	return len(b)
}

// colon returns the index of the value after the colon that follows a name.
func colon(b []byte, i int) int {
	if i+1 < len(b) && b[i] == ':' && b[i+1] > ' ' {
		return i + 1
	}
	return looseColon(b, i)
}

// looseColon is colon where white space may be around it.
func looseColon(b []byte, i int) int {
	i = space(b, i)
	if i == len(b) || b[i] != ':' {
		return badSyntax
	}
	return space(b, i+1)
}

// nameEnd reads the name at i, with its quotes, and reports whether it has an escape.
func nameEnd(b []byte, i int) (end int, escaped bool) {
	if i >= len(b) || b[i] != '"' {
		return badSyntax, false
	}
	return textEnd(b, i)
}

// textEnd reads the string that begins with the quote at i, and reports whether it has an escape.
func textEnd(b []byte, i int) (end int, escaped bool) {
	start := i + 1
	i = start
	var all uint64
	for i+8 <= len(b) {
		word := binary.LittleEndian.Uint64(b[i:])
		stop := stops(word)
		if stop == 0 {
			all |= word
			i += 8
			continue
		}
		at := bits.TrailingZeros64(stop)
		all |= word & (1<<at - 1)
		i += at >> 3
		if b[i] == '"' {
			if all&highBits != 0 && !utf8.Valid(b[start:i]) {
				return badUTF8, false
			}
			return i + 1, escaped
		}
		if b[i] != '\\' {
			return badSyntax, false
		}
		escaped = true
		for i+1 < len(b) && b[i] == '\\' {
			if simpleEscapes[b[i+1]] != 0 {
				i += 2
			} else if _, ok := hexUnit(b, i); ok {
				i += 6
			} else {
				return badSyntax, false
			}
		}
	}
	return shortTextEnd(b, start, i, all, escaped)
}

// shortTextEnd reads the last bytes of a message, from i on, in a string that begins at start.
func shortTextEnd(b []byte, start, i int, all uint64, escaped bool) (end int, anyEscaped bool) {
	for i < len(b) && b[i] >= ' ' {
		switch c := b[i]; c {
		case '"':
			if all&highBits != 0 && !utf8.Valid(b[start:i]) {
				return badUTF8, false
			}
			return i + 1, escaped
		case '\\':
			if i = escapeEnd(b, i); i < 0 {
				return i, false
			}
			escaped = true
		default:
			all |= uint64(c)
			i++
		}
	}
	return badSyntax, false
}

// escapeEnd reads the escape whose backslash is at i. Half of a surrogate pair is an escape like any other.
func escapeEnd(b []byte, i int) int {
	if i+1 < len(b) {
		if simpleEscapes[b[i+1]] != 0 {
			return i + 2
		}
		if _, ok := hexUnit(b, i); ok {
			return i + 6
		}
	}
	return badSyntax
}

// simpleEscapes has the character for each letter of an escape of two, 0 for other letters.
var simpleEscapes = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// plainEnd returns the index of the first quote, backslash or control character from i on, len(b) if there is none. high
// is true if a byte before it is beyond ASCII.
func plainEnd(b []byte, i int) (end int, high bool) {
	var all uint64
	for i+8 <= len(b) {
		word := binary.LittleEndian.Uint64(b[i:])
		if stop := stops(word); stop != 0 {
			at := bits.TrailingZeros64(stop)
			all |= word & (1<<at - 1)
			return i + at>>3, all&highBits != 0
		}
		all |= word
		i += 8
	}
	for i < len(b) && b[i] >= ' ' && b[i] != '"' && b[i] != '\\' {
		all |= uint64(b[i])
		i++
	}
	return i, all&highBits != 0
}

// stops sets the highest bit of each byte of word that is a quote, a backslash or a control character. Only the lowest of
// these bits is certain: a borrow can set bits above it, never below.
func stops(word uint64) uint64 {
	marks := (word - eachByte*' ') | ((word ^ eachByte*'"') - eachByte) | ((word ^ eachByte*'\\') - eachByte)
	return marks & highBits &^ word
}

// hexUnit returns the UTF-16 unit that the six bytes at i stand for: backslash, u and four hexadecimal digits.
func hexUnit(b []byte, i int) (unit rune, ok bool) {
	if len(b)-i < 6 {
		return 0, false
	}
	raw := b[i : i+6]
	first, second, third, fourth := hexDigits[raw[2]], hexDigits[raw[3]], hexDigits[raw[4]], hexDigits[raw[5]]
	unit = rune(first)<<12 | rune(second)<<8 | rune(third)<<4 | rune(fourth)
	return unit, raw[0] == '\\' && raw[1] == 'u' && first|second|third|fourth < 16
}

// hexDigits has the value of each hexadecimal digit, 255 for other bytes.
var hexDigits = func() (digits [256]uint8) {
	for c := range digits {
		digits[c] = 255
	}
	for value := range uint8(10) {
		digits['0'+value] = value
	}
	for value := range uint8(6) {
		digits['a'+value], digits['A'+value] = 10+value, 10+value
	}
	return digits
}()

// plainValueEnd reads the number or the literal at i. The caller checks what follows it.
func plainValueEnd(b []byte, i int) int {
	switch b[i] {
	case 't':
		return literalEnd(b, i, "true")
	case 'f':
		return literalEnd(b, i, "false")
	case 'n':
		return literalEnd(b, i, "null")
	}
	return numberEnd(b, i)
}

// literalEnd reads true, false or null.
func literalEnd(b []byte, i int, literal string) int {
	if len(b)-i < len(literal) || string(b[i:i+len(literal)]) != literal {
		return badSyntax
	}
	return i + len(literal)
}

// numberEnd reads a number (RFC 8259 section 6). The caller checks what follows it.
func numberEnd(b []byte, i int) int {
	if b[i] == '-' && i+1 < len(b) {
		i++
	}
	return unsignedEnd(b, i)
}

// unsignedEnd reads a number without a sign.
func unsignedEnd(b []byte, i int) int {
	end := digitsEnd(b, i)
	if end == i || b[i] == '0' && end > i+1 {
		return badSyntax
	}
	if end == len(b) || b[end] != '.' && b[end]|0x20 != 'e' {
		return end
	}
	return fractionEnd(b, end)
}

// fractionEnd reads the fraction and the exponent of a number, if they are at i.
func fractionEnd(b []byte, i int) int {
	if b[i] == '.' {
		end := digitsEnd(b, i+1)
		if end == i+1 {
			return badSyntax
		}
		i = end
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		end := digitsEnd(b, i)
		if end == i {
			return badSyntax
		}
		i = end
	}
	return i
}

func digitsEnd(b []byte, i int) int {
	for i < len(b) && b[i]-'0' < 10 {
		i++
	}
	return i
}
