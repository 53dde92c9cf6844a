package event

import (
	"bytes"
	"math"
)

// What the own scanner takes upon itself. An object with more names than ownNames (counted over all open objects) or
// nested deeper than ownDepth is left to the library, so that the scan needs neither a map nor a deep stack.
const (
	ownNames = 64
	ownDepth = 32
)

// The scanning functions return the index behind what they read, or one of these.
const (
	declined     = -1 << 10
	badSyntax    = -int(FaultSyntax)
	badUTF8      = -int(FaultUTF8)
	badDuplicate = -int(FaultDuplicateName)
	badObject    = -int(FaultNotObject)
)

func faultOf(code int) Fault {
	return Fault(-code)
}

// members holds the raw JSON values of an envelope's members, nil where one is missing.
type members struct {
	typ     []byte
	id      []byte
	payload []byte
}

type span struct{ start, end uint32 }

// scanner is the fast path: one pass that checks an envelope and finds its members. It never guesses: it accepts what the
// library accepts, refuses what the library refuses, or declines.
// I1: the outcome is the library's for every message that isn't declined.
// I2: nothing is allocated.
type scanner struct {
	names [ownNames]span
	open  int
}

// envelope finds the members of the object that is all of b.
func (s *scanner) envelope(b []byte, m *members) int {
	s.open = 0
	if uint64(len(b)) > math.MaxUint32 {
		return declined
	}
	i := space(b, 0)
	if i == len(b) || b[i] != '{' {
		return badObject
	}
	i = space(b, i+1)
	if i < len(b) && b[i] == '}' {
		return behind(b, i+1)
	}
	var seen uint64
	for {
		known, end := m.slot(b, i)
		if known == nil {
			end = nameEnd(b, i)
			if end < 0 {
				return end
			}
			if code := s.claim(b, 0, &seen, i+1, end-1); code < 0 {
				return code
			}
		} else if *known != nil {
			return badDuplicate
		}
		i = colon(b, end)
		if i < 0 {
			return i
		}
		end = s.value(b, i, 1)
		if end < 0 {
			return end
		}
		if known != nil {
			*known = b[i:end]
		}
		i = space(b, end)
		if i == len(b) {
			return badSyntax
		}
		if b[i] == '}' {
			return behind(b, i+1)
		}
		if b[i] != ',' {
			return badSyntax
		}
		i = space(b, i+1)
	}
}

// document checks the one value that is all of b, a payload.
func (s *scanner) document(b []byte) int {
	s.open = 0
	if uint64(len(b)) > math.MaxUint32 {
		return declined
	}
	end := s.value(b, space(b, 0), 1)
	if end < 0 {
		return end
	}
	return behind(b, end)
}

// slot returns where the value goes and the index behind the name if one of the three names stands at i.
func (m *members) slot(b []byte, i int) (known *[]byte, end int) {
	rest := b[i:]
	switch {
	case len(rest) >= 6 && string(rest[:6]) == `"type"`:
		return &m.typ, i + 6
	case len(rest) >= 4 && string(rest[:4]) == `"id"`:
		return &m.id, i + 4
	case len(rest) >= 9 && string(rest[:9]) == `"payload"`:
		return &m.payload, i + 9
	}
	return nil, 0
}

// value reads the value at i inside depth open objects and arrays.
func (s *scanner) value(b []byte, i, depth int) int {
	if i >= len(b) {
		return badSyntax
	}
	switch c := b[i]; c {
	case '"':
		return textEnd(b, i)
	case '{':
		return s.object(b, i, depth+1)
	case '[':
		return s.array(b, i, depth+1)
	case 't':
		return literalEnd(b, i, "true")
	case 'f':
		return literalEnd(b, i, "false")
	case 'n':
		return literalEnd(b, i, "null")
	default:
		return numberEnd(b, i)
	}
}

func (s *scanner) object(b []byte, i, depth int) int {
	if depth > ownDepth {
		return declined
	}
	i = space(b, i+1)
	if i < len(b) && b[i] == '}' {
		return i + 1
	}
	base := s.open
	var seen uint64
	for {
		end := nameEnd(b, i)
		if end < 0 {
			return end
		}
		if code := s.claim(b, base, &seen, i+1, end-1); code < 0 {
			return code
		}
		i = colon(b, end)
		if i < 0 {
			return i
		}
		end = s.value(b, i, depth)
		if end < 0 {
			return end
		}
		i = space(b, end)
		if i == len(b) {
			return badSyntax
		}
		if b[i] == '}' {
			s.open = base
			return i + 1
		}
		if b[i] != ',' {
			return badSyntax
		}
		i = space(b, i+1)
	}
}

func (s *scanner) array(b []byte, i, depth int) int {
	if depth > ownDepth {
		return declined
	}
	i = space(b, i+1)
	if i < len(b) && b[i] == ']' {
		return i + 1
	}
	for {
		end := s.value(b, i, depth)
		if end < 0 {
			return end
		}
		i = space(b, end)
		if i == len(b) {
			return badSyntax
		}
		if b[i] == ']' {
			return i + 1
		}
		if b[i] != ',' {
			return badSyntax
		}
		i = space(b, i+1)
	}
}

// claim notes the name b[start:end] for the innermost object, whose names are those from base on. The 64 bits of seen
// stand for names by length, first and last byte: only a bit already set makes it compare.
func (s *scanner) claim(b []byte, base int, seen *uint64, start, end int) int {
	mix := uint(end - start)
	if mix > 0 {
		mix += uint(b[start])*7 + uint(b[end-1])*31
	}
	bit := uint64(1) << (mix & 63)
	if *seen&bit != 0 {
		for _, other := range s.names[base:s.open] {
			if bytes.Equal(b[other.start:other.end], b[start:end]) {
				return badDuplicate
			}
		}
	}
	if s.open == ownNames {
		return declined
	}
	*seen |= bit
	s.names[s.open] = span{uint32(start), uint32(end)}
	s.open++
	return 0
}
