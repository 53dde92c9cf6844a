package event

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// nested reads the object or array at i, inside depth others, with all that is in it. The stack doesn't grow with the nesting.
func (s *scanner) nested(b []byte, i, depth int) int {
	var inner level
	outermost := depth
	for {
		if i >= len(b) {
			return badSyntax
		}
		switch c := b[i]; c {
		case '"':
			i, _ = textEnd(b, i)
		case '{', '[':
			if depth == maxNesting {
				return badDepth
			}
			closer := c + 2
			i = space(b, i+1)
			if i < len(b) && b[i] == closer {
				i++
				break
			}
			if depth > outermost {
				s.levels = append(s.levels, inner)
			}
			depth++
			inner = level{closer: closer, base: uint32(len(s.names.all))}
			if c == '{' {
				if i = s.name(b, i, &inner); i < 0 {
					return i
				}
			}
			continue
		case 't':
			i = literalEnd(b, i, "true")
		case 'f':
			i = literalEnd(b, i, "false")
		case 'n':
			i = literalEnd(b, i, "null")
		default:
			if c == '-' && i+1 < len(b) {
				i++
			}
			if b[i]-'1' > 8 {
				i = unsignedEnd(b, i)
			} else if i = digitsEnd(b, i+1); i < len(b) && (b[i] == '.' || b[i]|0x20 == 'e') {
				i = fractionEnd(b, i)
			}
		}
		if i < 0 || depth == outermost {
			return i
		}
		for {
			i = space(b, i)
			if i == len(b) {
				return badSyntax
			}
			if b[i] == ',' {
				break
			}
			if b[i] != inner.closer {
				return badSyntax
			}
			i++
			if inner.closer == '}' {
				if inner.compared == collect && !s.names.distinct(b, s.names.all[inner.base:]) {
					return badDuplicate
				}
				s.names.all = s.names.all[:inner.base]
			}
			if depth--; depth == outermost {
				return i
			}
			last := len(s.levels) - 1
			inner = s.levels[last]
			s.levels = s.levels[:last]
		}
		i = space(b, i+1)
		if inner.closer == '}' {
			if i = s.name(b, i, &inner); i < 0 {
				return i
			}
		}
	}
}

// name reads the name at i of an object and the colon behind it, and returns the index of the value.
func (s *scanner) name(b []byte, i int, in *level) int {
	if i+9 > len(b) || b[i] != '"' {
		return s.anyName(b, i, in)
	}
	start := i + 1
	word := binary.LittleEndian.Uint64(b[start:])
	stop := stops(word)
	at := bits.TrailingZeros64(stop)
	end := start + at>>3
	if stop == 0 || b[end] != '"' {
		return s.anyName(b, i, in)
	}
	if word&(1<<at-1)&highBits != 0 && !utf8.Valid(b[start:end]) {
		return badUTF8
	}
	if in.compared < collect {
		if code := s.names.compare(b, in, start, end, word&(1<<(at&^7)-1)); code < 0 {
			return code
		}
	}
	s.names.all = append(s.names.all, uint64(start)<<32|uint64(end))
	return colon(b, end+1)
}

// anyName is name for any name, also one that is long or malformed.
func (s *scanner) anyName(b []byte, i int, in *level) int {
	if i >= len(b) || b[i] != '"' {
		return badSyntax
	}
	end, escaped := textEnd(b, i)
	if end < 0 {
		return end
	}
	if code := s.names.add(b, in, i+1, end-1, escaped); code < 0 {
		return code
	}
	return colon(b, end)
}
