package event

// maxLength is how long a message may be, in bytes: an index in it has 31 bits.
const maxLength = 1<<31 - 1

// The scanning functions return the index after what they read, or one of these.
const (
	badSyntax    = -int(FaultSyntax)
	badUTF8      = -int(FaultUTF8)
	badDuplicate = -int(FaultDuplicateName)
	badDepth     = -int(FaultDepth)
	badObject    = -int(FaultNotObject)
	badLength    = -int(FaultLength)
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
	offset  []byte
}

// scanner checks JSON and finds the members of an envelope, in one pass. It belongs to whoever has its View. Its zero value
// is ready.
//
// I1: the outcome is the library's for every message, except that halves of surrogate pairs are taken.
//
// I2: nothing is allocated once levels and names have grown.
type scanner struct {
	// levels has the open objects and arrays around the innermost one, the outermost first.
	levels []level
	// names has the names of all open objects, the outermost first.
	names nameStack
}

// envelope checks the message b and finds its members.
func (s *scanner) envelope(b []byte, m *members) int {
	s.reset()
	if len(b) > maxLength {
		return badLength
	}
	i := space(b, 0)
	if i == len(b) || b[i] != '{' {
		return badObject
	}
	i = space(b, i+1)
	if i < len(b) && b[i] == '}' {
		return endOf(b, i+1)
	}
	var unknown level
	for {
		known, end := m.slot(b, i)
		if known == nil {
			if end, known = s.unknown(b, i, m, &unknown); end < 0 {
				return end
			}
		}
		if known != nil && *known != nil {
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
			if unknown.compared == collect && !s.names.distinct(b, s.names.all) {
				return badDuplicate
			}
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
	s.reset()
	if len(b) > maxLength {
		return badLength
	}
	end := s.value(b, space(b, 0), 1)
	if end < 0 {
		return end
	}
	return endOf(b, end)
}

// reset forgets what an earlier message has left behind.
func (s *scanner) reset() {
	s.levels = s.levels[:0]
	s.names.all = s.names.all[:0]
}

// slot returns where the value belongs and the index after the name, if one of the four names is at i, without escapes.
func (m *members) slot(b []byte, i int) (known *[]byte, end int) {
	rest := b[i:]
	switch {
	case len(rest) >= 6 && string(rest[:6]) == `"type"`:
		return &m.typ, i + 6
	case len(rest) >= 4 && string(rest[:4]) == `"id"`:
		return &m.id, i + 4
	case len(rest) >= 9 && string(rest[:9]) == `"payload"`:
		return &m.payload, i + 9
	case len(rest) >= 8 && string(rest[:8]) == `"offset"`:
		return &m.offset, i + 8
	}
	return nil, 0
}

// unknown reads the name at i of a member of the envelope and returns the index after it, and where the value belongs if the
// name is one of the four after all, with escapes.
func (s *scanner) unknown(b []byte, i int, m *members, in *level) (end int, known *[]byte) {
	end, escaped := nameEnd(b, i)
	if end < 0 {
		return end, nil
	}
	if escaped {
		var room protocolName
		switch string(room.decode(b[i:end])) {
		case "type":
			return end, &m.typ
		case "id":
			return end, &m.id
		case "payload":
			return end, &m.payload
		case "offset":
			return end, &m.offset
		}
	}
	if code := s.names.add(b, in, i+1, end-1, escaped); code < 0 {
		return code, nil
	}
	return end, nil
}

// value reads the value at i, inside depth open objects and arrays.
func (s *scanner) value(b []byte, i, depth int) int {
	if i >= len(b) {
		return badSyntax
	}
	switch b[i] {
	case '{', '[':
		return s.nested(b, i, depth)
	case '"':
		end, _ := textEnd(b, i)
		return end
	default:
		return plainValueEnd(b, i)
	}
}
