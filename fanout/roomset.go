package fanout

import "unsafe"

// roomSet are the rooms in which a user is counted for one spoke. It belongs to the spoke's loop.
//
// I1: many is nil as long as there are at most fewOccupants, and then few has them; else many has them and few is empty.
type roomSet struct {
	user string
	few  []*room
	many map[*room]struct{}
}

func (t *roomSet) count() int { return len(t.few) + len(t.many) }

func (t *roomSet) has(r *room) bool {
	if t.many != nil {
		_, ok := t.many[r]
		return ok
	}
	return t.find(r) >= 0
}

func (t *roomSet) find(r *room) int {
	for i := range t.few {
		if t.few[i] == r {
			return i
		}
	}
	return -1
}

// add adds a room that is not in the set.
func (t *roomSet) add(r *room) {
	switch {
	case t.many != nil:
		t.many[r] = struct{}{}
	case len(t.few) < fewOccupants:
		t.few = append(t.few, r)
	default:
		t.many = make(map[*room]struct{}, 2*fewOccupants)
		for _, other := range t.few {
			t.many[other] = struct{}{}
		}
		t.few = nil
		t.many[r] = struct{}{}
	}
}

// remove reports false if the room is not in the set.
func (t *roomSet) remove(r *room) bool {
	if t.many != nil {
		before := len(t.many)
		delete(t.many, r)
		return len(t.many) < before
	}
	i, last := t.find(r), len(t.few)-1
	if i < 0 {
		return false
	}
	t.few[i], t.few[last] = t.few[last], nil
	t.few = t.few[:last]
	return true
}

// all are the rooms of the set, which is not used any more.
func (t *roomSet) all() []*room {
	if t.many == nil {
		return t.few
	}
	rooms := make([]*room, 0, len(t.many))
	for r := range t.many {
		rooms = append(rooms, r)
	}
	return rooms
}

// maxSharesSeen is of how many rooms memory looks at the share.
const maxSharesSeen = 8

// memory is about what the set takes, with its shares of the rooms.
func (t *roomSet) memory() int {
	seen, shares := 0, 0
	share := func(r *room) {
		shares += int(occupantBytes) + r.memory()/int(max(r.size.Load(), 1))
		seen++
	}
	for _, r := range t.few[:min(len(t.few), maxSharesSeen)] {
		share(r)
	}
	for r := range t.many {
		if share(r); seen == maxSharesSeen {
			break
		}
	}
	return int(unsafe.Sizeof(*t)) + shares*t.count()/max(seen, 1)
}
