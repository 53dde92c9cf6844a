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
	i = space(b, i)
	if i == len(b) || b[i] != ':' {
		return badSyntax
	}
	return space(b, i+1)
}

// nameEnd reads the name that begins at i, with its quotes, and reports whether it has an escape.
func nameEnd(b []byte, i int) (end int, escaped bool) {
	if i >= len(b) || b[i] != '"' {
		return badSyntax, false
	}
	end, high := plainEnd(b, i+1)
	if end == len(b) {
		return badSyntax, false
	}
	if b[end] == '"' {
		if high && !utf8.Valid(b[i+1:end]) {
			return badUTF8, false
		}
		return end + 1, false
	}
	return textEnd(b, i), true
}

// textEnd reads the string that begins with the quote at i.
func textEnd(b []byte, i int) int {
	start, anyHigh := i+1, false
	i = start
	for {
		end, high := plainEnd(b, i)
		anyHigh = anyHigh || high
		if end == len(b) {
			return badSyntax
		}
		if b[end] == '"' {
			if anyHigh && !utf8.Valid(b[start:end]) {
				return badUTF8
			}
			return end + 1
		}
		if b[end] != '\\' {
			return badSyntax
		}
		i = escapeEnd(b, end)
		if i < 0 {
			return i
		}
	}
}

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

// escapeEnd reads the escape whose backslash is at i. Half of a surrogate pair is an escape like any other.
func escapeEnd(b []byte, i int) int {
	if i+1 >= len(b) {
		return badSyntax
	}
	switch b[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 2
	case 'u':
		if _, ok := hexUnit(b, i); ok {
			return i + 6
		}
	}
	return badSyntax
}

// hexUnit returns the UTF-16 unit that the six bytes at i stand for: backslash, u and four hexadecimal digits.
func hexUnit(b []byte, i int) (unit rune, ok bool) {
	if i+6 > len(b) || b[i] != '\\' || b[i+1] != 'u' {
		return 0, false
	}
	for _, c := range b[i+2 : i+6] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		unit = unit<<4 | rune(c)
	}
	return unit, true
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
	if b[i] == '-' {
		i++
	}
	end := digitsEnd(b, i)
	if end == i || b[i] == '0' && end > i+1 {
		return badSyntax
	}
	i = end
	if i < len(b) && b[i] == '.' {
		end = digitsEnd(b, i+1)
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
		end = digitsEnd(b, i)
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
