package event

import (
	"bytes"
	"math"
)

// The scanner declines what exceeds these limits, so that it needs neither a map nor a deep stack.
const (
	// maxNames is how many names all open objects may have together.
	maxNames = 64
	// maxDepth is how deep objects and arrays may nest.
	maxDepth = 32
)

// The scanning functions return the index after what they read, or one of these.
const (
	declined     = -1 << 10
	badSyntax    = -int(FaultSyntax)
	badUTF8      = -int(FaultUTF8)
	badDuplicate = -int(FaultDuplicateName)
	badObject    = -int(FaultNotObject)
)

// faultOf returns the fault that a negative result of a scanning function stands for.
func faultOf(code int) Fault {
	return Fault(-code)
}

// members holds the raw JSON values of an envelope's members, nil where one is missing.
type members struct {
	typ     []byte
	id      []byte
	payload []byte
}

// span is a part of the message.
type span struct{ start, end uint32 }

// scanner is the fast path: it checks an envelope and finds its members in one pass, or declines.
//
// I1: for every message that isn't declined, the result is the library's.
//
// I2: nothing is allocated.
type scanner struct {
	// names[:open] has the names of all objects that are open, the outermost first.
	names [maxNames]span
	open  int
}

// envelope checks the message b and finds its members.
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
		return endOf(b, i+1)
	}
	var seen uint64
	for {
		known, end := m.slot(b, i)
		if known == nil {
			end = nameEnd(b, i)
			if end < 0 {
				return end
			}
			if code := s.addName(b, 0, &seen, i+1, end-1); code < 0 {
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
			return endOf(b, i+1)
		}
		if b[i] != ',' {
			return badSyntax
		}
		i = space(b, i+1)
	}
}

// document checks the payload b.
func (s *scanner) document(b []byte) int {
	s.open = 0
	if uint64(len(b)) > math.MaxUint32 {
		return declined
	}
	end := s.value(b, space(b, 0), 1)
	if end < 0 {
		return end
	}
	return endOf(b, end)
}

// slot returns where the value belongs and the index after the name, if one of the three names is at i.
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

// value reads the value at i, inside depth open objects and arrays.
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

// object reads the object at i, whose own depth is depth.
func (s *scanner) object(b []byte, i, depth int) int {
	if depth > maxDepth {
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
		if code := s.addName(b, base, &seen, i+1, end-1); code < 0 {
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

// array reads the array at i, whose own depth is depth.
func (s *scanner) array(b []byte, i, depth int) int {
	if depth > maxDepth {
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

// addName adds the name b[start:end] to the innermost object, whose names begin at base. Each bit of seen stands for names
// of some lengths, first and last bytes. Names are compared only if their bit is set already.
func (s *scanner) addName(b []byte, base int, seen *uint64, start, end int) int {
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
	if s.open == maxNames {
		return declined
	}
	*seen |= bit
	s.names[s.open] = span{uint32(start), uint32(end)}
	s.open++
	return 0
}
