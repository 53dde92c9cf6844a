package event

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"
)

// firstMember returns the index of the first member of the valid JSON object b, -1 if there is none.
func firstMember(b []byte) int {
	at := space(b, space(b, 0)+1)
	if b[at] == '}' {
		return -1
	}
	return at
}

// member returns the raw name and the raw value at index at of the valid JSON object b, and the index of the next member,
// -1 if there is none.
func member(b []byte, at int) (name, value []byte, next int) {
	end := skipText(b, at)
	name = b[at:end]
	at = space(b, space(b, end)+1)
	end = skipValue(b, at)
	value = b[at:end]
	at = space(b, end)
	if b[at] == '}' {
		return name, value, -1
	}
	return name, value, space(b, at+1)
}

// decoded returns the text of the valid JSON string raw: a slice of raw, or a new one if it has escapes.
func decoded(raw []byte) []byte {
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw[1 : len(raw)-1]
	}
	text, _ := jsontext.AppendUnquote(nil, raw)
	return text
}

// skipValue returns the index after the value at i of valid JSON.
func skipValue(b []byte, i int) int {
	switch b[i] {
	case '"':
		return skipText(b, i)
	case '{', '[':
		return skipNested(b, i)
	}
	for i < len(b) && b[i] > ' ' && b[i] != ',' && b[i] != ']' && b[i] != '}' {
		i++
	}
	return i
}

// skipNested returns the index after the object or array at i.
func skipNested(b []byte, i int) int {
	for depth := 0; i < len(b); {
		switch b[i] {
		case '"':
			i = skipText(b, i)
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		i++
		if depth == 0 {
			return i
		}
	}
	return i
}

// skipText returns the index after the string that begins at i, len(b) if it doesn't end.
func skipText(b []byte, i int) int {
	i++
	for i < len(b) {
		i, _ = plainEnd(b, i)
		if i == len(b) {
			break
		}
		switch b[i] {
		case '"':
			return i + 1
		case '\\':
			i += 2
		default:
			i++
		}
	}
	return len(b)
}

// nesting returns how deep the objects and arrays of b nest. b needn't be valid JSON.
func nesting(b []byte) int {
	deepest, depth := 0, 0
	for i := 0; i < len(b); {
		switch b[i] {
		case '"':
			i = skipText(b, i)
			continue
		case '{', '[':
			depth++
			deepest = max(deepest, depth)
		case '}', ']':
			depth--
		}
		i++
	}
	return deepest
}
