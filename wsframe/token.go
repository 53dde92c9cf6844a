package wsframe

import (
	"bytes"
	"encoding/binary"
	"iter"
)

// tokenChars are the characters of a token (RFC 9110 section 5.6.2).
var tokenChars = charset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")

// hostChars are the characters of a host and port (RFC 3986 section 3.2), without user information.
var hostChars = charset("!$%&'()*+,-.:;=[]_~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")

var base64Chars = charset("+/0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")

func charset(chars string) (set [256]bool) {
	for _, c := range []byte(chars) {
		set[c] = true
	}
	return set
}

// consistsOf reports whether all characters of view are in set.
func consistsOf[text ~string | ~[]byte](view text, set *[256]bool) bool {
	for i := range len(view) {
		if !set[view[i]] {
			return false
		}
	}
	return true
}

func isToken[text ~string | ~[]byte](view text) bool {
	return len(view) > 0 && consistsOf(view, &tokenChars)
}

// elements yields the trimmed elements of a comma-separated list, without empty ones (RFC 9110 section 5.6.1).
func elements(list []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for len(list) > 0 {
			element := list
			if comma := bytes.IndexByte(list, ','); comma >= 0 {
				element, list = list[:comma], list[comma+1:]
			} else {
				list = nil
			}
			if element = trim(element); len(element) > 0 && !yield(element) {
				return
			}
		}
	}
}

// listHas reports whether a comma-separated list has an element, whatever its case.
func listHas(list []byte, lower string) bool {
	if len(list) == len(lower) {
		return equalFold(list, lower)
	}
	for element := range elements(list) {
		if equalFold(element, lower) {
			return true
		}
	}
	return false
}

// equalFold compares view, whatever its case, with a constant of lower-case letters, digits and hyphens. view must have no
// control characters.
func equalFold(view []byte, lower string) bool {
	if len(view) != len(lower) {
		return false
	}
	for i := range len(lower) {
		if view[i]|0x20 != lower[i] {
			return false
		}
	}
	return true
}

// trim removes spaces and tabs at both ends.
func trim(view []byte) []byte {
	for len(view) > 0 && (view[0] == ' ' || view[0] == '\t') {
		view = view[1:]
	}
	for len(view) > 0 && (view[len(view)-1] == ' ' || view[len(view)-1] == '\t') {
		view = view[:len(view)-1]
	}
	return view
}

// isPrintable reports whether view has no control characters but tabs. It tests eight bytes at a time for bytes under 0x20
// and for 0x7F. Only where it finds one, which may be a tab, it tests byte by byte.
func isPrintable(view []byte) bool {
	const ones = highBits >> 7
	for len(view) >= 8 {
		word := binary.LittleEndian.Uint64(view)
		deleted := word ^ 0x7F*ones
		if ((word-0x20*ones)&^word|(deleted-ones)&^deleted)&highBits != 0 && !isPrintableSlow(view[:8]) {
			return false
		}
		view = view[8:]
	}
	return isPrintableSlow(view)
}

func isPrintableSlow(view []byte) bool {
	for _, c := range view {
		if c < ' ' && c != '\t' || c == 0x7F {
			return false
		}
	}
	return true
}
