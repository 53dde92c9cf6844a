package fanout

import (
	"slices"
	"time"
	"unsafe"

	"github.com/spokehub/spokehub/event"
)

// room is a topic that has presence, and the users who are subscribed to it. The lock of its shard guards it; shard and topic never
// change, and size may be loaded by anyone.
//
// I1: all chunks but the last have chunkOccupants, and the last has some. places has the place of every occupant, if there are more
// than fewOccupants or have been lately; else it is nil.
// I2: changed has each occupant that is marked so, once. The room is queued in its shard from the first of them until they have been told.
// I3: size is the number of occupants. One without connections is there until the watchers have been told that it left.
type room struct {
	shard  *roomShard
	topic  string
	chunks []*roomChunk
	places map[string]int32
	// most is how many occupants there have been since places was made.
	most int
	// changed are users who may have come or gone since the watchers were told, and due is when they are to be told.
	changed  []string
	due      time.Duration
	isQueued bool
	// list is that of the occupants as they have been told, if anybody is being sent it; else nil.
	list *roomList
	size roomSize
	roomElsewhere
}

// roomElsewhere is what a room has to do with other hubs: how many connections of users there are elsewhere, and whether its changes are told there, nil
// if not.
type roomElsewhere struct {
	remote map[string]int32
	export *export
}

// roomChunk are some of the occupants of a room. Once it isShared, lists have it, and it does not change any more: who wants to change it
// puts a copy in its place. So a list of very many is made at once.
type roomChunk struct {
	occupants []occupant
	isShared  bool
}

// occupant is a user in a room.
type occupant struct {
	user        string
	connections int32
	// isTold says that the watchers have been told that the user is there, isChanged that the user is among room.changed.
	isTold    bool
	isChanged bool
}

const (
	// fewOccupants is up to how many are searched one by one.
	fewOccupants = 12
	// chunkOccupants is how many a chunk has at most.
	chunkOccupants = 256
	// occupantBytes is about the memory of an occupant: itself, its place, and that of the room in the set of its spoke.
	occupantBytes = int64(unsafe.Sizeof(occupant{})) + 48
	// roomOverhead is about the memory of a room besides its topic: itself, and its place in a shard.
	roomOverhead = int(unsafe.Sizeof(room{})) + 32
)

// users is how many occupants there are; a nil room has none. Anyone may call it.
func (r *room) users() int {
	if r == nil {
		return 0
	}
	return int(r.size.Load())
}

func (r *room) memory() int { return roomOverhead + len(r.topic) }

// occupantLocked is a user's, to be changed, nil if there is none. It is valid until the occupants change.
func (r *room) occupantLocked(user string) *occupant {
	i := r.place(user)
	if i < 0 {
		return nil
	}
	return &r.ownLocked(i).occupants[i%chunkOccupants]
}

// ownLocked returns the chunk of a place, to be changed.
func (r *room) ownLocked(place int) *roomChunk {
	k := place / chunkOccupants
	if c := r.chunks[k]; c.isShared {
		r.chunks[k] = &roomChunk{occupants: slices.Clone(c.occupants)}
	}
	return r.chunks[k]
}

// place is where a user is, -1 for nowhere.
func (r *room) place(user string) int {
	if r.places != nil {
		if i, ok := r.places[user]; ok {
			return int(i)
		}
		return -1
	}
	for _, c := range r.chunks {
		for i := range c.occupants {
			if c.occupants[i].user == user {
				return i
			}
		}
	}
	return -1
}

// addLocked adds a user who is not there.
func (r *room) addLocked(user string) *occupant {
	last := r.users()
	if last%chunkOccupants == 0 {
		r.chunks = append(r.chunks, new(roomChunk))
	}
	c := r.ownLocked(last)
	c.occupants = append(c.occupants, occupant{user: user})
	r.size.Store(int32(last + 1))
	switch {
	case r.places != nil:
		r.places[user] = int32(last)
		r.most = max(r.most, last+1)
	case last >= fewOccupants:
		r.findPlacesLocked()
	}
	return &c.occupants[last%chunkOccupants]
}

// removeLocked removes a user who is there. The last occupant takes the place.
func (r *room) removeLocked(user string) {
	i, last := r.place(user), r.users()-1
	from := r.ownLocked(last)
	moved := from.occupants[last%chunkOccupants]
	r.ownLocked(i).occupants[i%chunkOccupants] = moved
	from.occupants[last%chunkOccupants] = occupant{}
	from.occupants = from.occupants[:last%chunkOccupants]
	if len(from.occupants) == 0 {
		r.chunks[len(r.chunks)-1] = nil
		r.chunks = r.chunks[:len(r.chunks)-1]
	}
	r.size.Store(int32(last))
	if r.places == nil {
		return
	}
	r.places[moved.user] = int32(i)
	delete(r.places, user)
	if last*4 <= r.most {
		r.findPlacesLocked()
	}
}

// findPlacesLocked notes the places of all, if they are not few. It gives back the memory of a room that was much larger.
func (r *room) findPlacesLocked() {
	n := r.users()
	r.places, r.most, r.chunks = nil, n, slices.Clip(r.chunks)
	if last := len(r.chunks) - 1; last >= 0 {
		c := r.ownLocked(n - 1)
		c.occupants = slices.Clone(c.occupants)
	}
	if n <= fewOccupants {
		return
	}
	r.places = make(map[string]int32, n)
	for k, c := range r.chunks {
		for i := range c.occupants {
			r.places[c.occupants[i].user] = int32(k*chunkOccupants + i)
		}
	}
}

// shareLocked returns the chunks, which do not change any more.
func (r *room) shareLocked() []*roomChunk {
	for _, c := range r.chunks {
		c.isShared = true
	}
	return slices.Clone(r.chunks)
}

// queueLocked queues the room for the teller, and reports false if it is queued already.
func (r *room) queueLocked(p *presence) bool {
	if r.isQueued {
		return false
	}
	r.isQueued, r.due = true, time.Since(epoch)+tellAfter
	r.shard.changed = append(r.shard.changed, r)
	p.teller.waiting.Add(1)
	return true
}

// roomList are the occupants of a room, as its watchers have been told. Spokes that ask at about the same time are sent the same
// list, so that those who read slowly do not hold one each. chunks and size never change; uses belongs to the lock of the room's shard.
type roomList struct {
	room   *room
	chunks []*roomChunk
	// size is how many occupants the chunks have, those included of whom the watchers have not been told.
	size int
	made time.Duration
	// uses is how many listings there are of it.
	uses int
}

// appendUsers appends to dst users of the list from place next on: most of them, and so many that they take about length bytes in an ack. It
// returns where to go on, or the size of the list if there is nobody else.
func (x *roomList) appendUsers(dst []event.Member, next, most, length int) (users []event.Member, then int) {
	for ; next < x.size; next++ {
		o := &x.chunks[next/chunkOccupants].occupants[next%chunkOccupants]
		if !o.isTold {
			continue
		}
		if len(dst) > 0 && (len(dst) >= most || length <= 0) {
			return dst, next
		}
		dst = append(dst, event.Member{User: o.user, Connections: max(int(o.connections), 1)})
		length -= len(o.user) + userOverhead
	}
	return dst, next
}

// unlessOld is the list, unless it is so old that the numbers of connections in it should be looked up again.
func (x *roomList) unlessOld() *roomList {
	if x != nil && time.Since(epoch)-x.made > tellAfter {
		return nil
	}
	return x
}

// memory is what the list takes once all of its room has changed.
func (x *roomList) memory() int64 {
	return int64(unsafe.Sizeof(*x)) + int64(x.size)*int64(unsafe.Sizeof(occupant{}))
}

// useListLocked returns the list of a room's occupants for one listing more.
func (p *presence) useListLocked(r *room) *roomList {
	if r.list == nil {
		x := &roomList{room: r, chunks: r.shareLocked(), size: r.users(), made: time.Since(epoch)}
		r.list = x
		p.counts.held.Add(x.memory())
	}
	r.list.uses++
	return r.list
}

// release ends one use of a list. Any goroutine may call it.
func (p *presence) release(x *roomList) {
	if x == nil {
		return
	}
	x.room.shard.mu.Lock()
	defer x.room.shard.mu.Unlock()
	x.uses--
	if x.uses == 0 {
		p.counts.held.Add(-x.memory())
		if x.room.list == x {
			x.room.list = nil
		}
	}
}
