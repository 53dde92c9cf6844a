package broker

// manyPredecessors is of how many types, or types with an id, the last event is remembered. It is forgotten between once and twice as many
// others later: what follows then names no predecessor, so that one loss goes unnoticed at most.
const manyPredecessors = 1 << 15

// Numbering numbers the plain messages of one origin, and knows the last one of each type, and of each type and id. One goroutine uses it at a time.
// The zero value begins with 1.
type Numbering struct {
	sequence     uint64
	young, older map[string]*predecessor
	name         []byte
}

// predecessor is the last event of a type, or of a type and id.
type predecessor struct {
	typ, id  string
	sequence uint64
}

// Next numbers an event, whether it gets sent or not. It returns the key that it is published to, which has its id if hubs ask for ids of the type, and
// its header without Origin and At. It keeps neither typ nor id.
func (n *Numbering) Next(typ, id []byte, byID bool) (key Key, h Header) {
	n.sequence++
	ofType := n.of(typ, nil)
	key = Key{Kind: Plain, Type: ofType.typ}
	h.Sequence, h.OfType = n.sequence, ofType.sequence
	ofType.sequence = n.sequence
	if byID && len(id) > 0 {
		ofID := n.of(typ, id)
		key.ID, h.OfID = ofID.id, ofID.sequence
		ofID.sequence = n.sequence
	}
	return key, h
}

// of returns the last event of a type, or of a type and id, whose sequence is 0 if it is not remembered.
func (n *Numbering) of(typ, id []byte) *predecessor {
	n.name = append(n.name[:0], typ...)
	if len(id) > 0 {
		n.name = append(append(n.name, ':'), id...)
	}
	if found := n.young[string(n.name)]; found != nil {
		return found
	}
	found := n.older[string(n.name)]
	if found == nil {
		name := string(n.name)
		found = &predecessor{typ: name[:len(typ)]}
		if len(id) > 0 {
			found.id = name[len(typ)+1:]
		}
	}
	if len(n.young) >= manyPredecessors || n.young == nil {
		n.young, n.older = make(map[string]*predecessor), n.young
	}
	name := found.typ
	if found.id != "" {
		name = string(n.name)
	}
	n.young[name] = found
	return found
}
