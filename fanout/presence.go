package fanout

import (
	"bytes"
	"cmp"
	"hash/maphash"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/stream"
	"github.com/spokehub/spokehub/subs"
)

// Presence are the users who are subscribed to a topic that has presence, and with how many connections, by name. Nobody is
// subscribed to "room:7" by being subscribed to "room". A topic without presence has none. It takes a lock and copies. Any
// goroutine may call it, callbacks included.
//
// In a cluster that is over all hubs: it asks the others, unless it has in the last ten seconds or a spoke watches the topic, and waits for their answers,
// half a second at most. What has changed elsewhere in the last quarter of a second may be missing. Users of a hub that dies leave when that is
// forgotten (Hub.Nodes).
func (h *Hub) Presence(topic string) []event.Member {
	if h.presence == nil {
		return nil
	}
	if wait := h.presence.awaitMembers(topic); wait != nil {
		defer wait.drop()
	}
	users := h.presence.users(topic)
	slices.SortFunc(users, func(a, b event.Member) int { return cmp.Compare(a.User, b.User) })
	return users
}

// presence is which users are subscribed to the topics that have presence, over all loops, and who is told.
//
// A user who is subscribed to such a topic is an occupant of its room, from the first connection that is subscribed to the last. A spoke that
// has asked by __presence is a watcher of the topic: it gets the list of the occupants, and then their changes. The list has whom the
// watchers before have been told of, so one frame of changes serves all. While nobody watches, changes are told as they happen, to nobody.
//
// Owners: the fields never change; what is behind them has a lock, or consists of atomics.
//
// I1: a shard has a room exactly while that has occupants, or changes that are to be told.
// I2: whenever the lock of a room is free, a watcher whose loop has emptied its queue of changes has been listed and told exactly
// those occupants that are marked told.
// I3: held is the memory of rooms, their occupants and lists, and of the queues of changes.
type presence struct {
	hub      *Hub
	policies *stream.Policies
	// watchers has the topics that are watched, and as members of each the spokes.
	watchers *subs.Index
	seed     maphash.Seed
	shards   [roomShards]roomShard
	teller   teller
	// roster is what other hubs tell and are told; nil in a hub without a broker.
	roster *roster
	// knowsUsers says that some spoke has had a user.
	knowsUsers atomic.Bool
	counts     presenceCounts
}

// presenceCounts are for any goroutine.
type presenceCounts struct {
	rooms     atomic.Int64
	occupants atomic.Int64
	held      atomic.Int64
	// told is how many times an occupant's coming or going has been told, however many watchers there were.
	told atomic.Uint64
}

// roomShards is the number of locks that rooms have among them.
const roomShards = 64

// roomShard is one shard of the rooms. mu guards it and its rooms.
type roomShard struct {
	mu    sync.Mutex
	rooms map[string]*room
	// most is how many rooms there have been since there were none.
	most int
	// changed are the rooms with changes to tell, the first due first.
	changed []*room
	// exports are the topics that other hubs watch, nil if there are none, and exported those of them with changes to tell.
	exports  map[string]*export
	exported []*export
}

// newPresence returns nil if no topic has presence.
func newPresence(h *Hub) *presence {
	if !slices.ContainsFunc(h.cfg.Policies, func(p stream.Policy) bool { return p.Presence }) {
		return nil
	}
	p := &presence{hub: h, policies: h.cfg.policies, watchers: subs.New(h.cfg.Reactors), seed: maphash.MakeSeed()}
	for i := range p.shards {
		p.shards[i].rooms = make(map[string]*room)
	}
	p.teller.init(p)
	return p
}

// isAvailable says whether a valid topic has presence, and the hub knows users. Any goroutine may call it.
func (p *presence) isAvailable(topic []byte) bool {
	return p != nil && (p.knowsUsers.Load() || p.hub.cfg.OnHandshake != nil || p.hub.cfg.OnAuth != nil) && p.has(topic)
}

// has says whether a valid topic has presence. Any goroutine may call it.
func (p *presence) has(topic []byte) bool {
	typ, _, _ := bytes.Cut(topic, []byte{':'})
	policy := p.policies.For(typ)
	return policy != nil && policy.Presence
}

// join counts one more connection of a user in the room of a topic, which it returns. Any goroutine may call it.
func (p *presence) join(topic []byte, user string) *room {
	s := p.shardOf(maphash.Bytes(p.seed, topic))
	s.mu.Lock()
	r := s.rooms[string(topic)]
	if r == nil {
		r = p.addRoomLocked(s, string(topic))
	}
	isExported := r.exportLocked(user)
	isDue := p.countLocked(r, user, 1)
	s.mu.Unlock()
	p.counted(isDue, isExported)
	return r
}

// addRoomLocked adds the room of a topic.
func (p *presence) addRoomLocked(s *roomShard, topic string) *room {
	r := &room{shard: s, topic: topic, roomElsewhere: roomElsewhere{export: s.exports[topic]}}
	s.rooms[r.topic] = r
	s.most = max(s.most, len(s.rooms))
	p.counts.rooms.Add(1)
	p.counts.held.Add(int64(r.memory()))
	return r
}

// counted has watchers be told in time of what was counted, and other hubs.
func (p *presence) counted(isDue, isExported bool) {
	if isDue {
		p.teller.arm()
	}
	if isExported {
		p.roster.arm()
	}
}

// leave counts one connection less of a user in a room. Any goroutine may call it.
func (p *presence) leave(r *room, user string) {
	r.shard.mu.Lock()
	isExported := r.exportLocked(user)
	isDue := p.countLocked(r, user, -1)
	r.shard.mu.Unlock()
	p.counted(isDue, isExported)
}

// find returns the room of a topic, nil if there is none. It stays the room of the topic as long as the caller knows an occupant of it.
func (p *presence) find(topic []byte) *room {
	s := p.shardOf(maphash.Bytes(p.seed, topic))
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rooms[string(topic)]
}

// countLocked adds connections of a user to a room. What comes of it is told later if anybody watches: then it reports true.
func (p *presence) countLocked(r *room, user string, more int32) (isDue bool) {
	before := r.size.Load()
	o := r.occupantLocked(user)
	if o == nil {
		o = r.addLocked(user)
	}
	o.connections += more
	isPresent := o.connections > 0
	switch {
	case o.isChanged:
	case o.isTold == isPresent:
		r.list = r.list.unlessOld()
	case p.watchers.MatchTopic(r.topic).Parts == 0:
		o.isTold = isPresent
		r.list = nil
		if !isPresent {
			r.removeLocked(user)
		}
	default:
		o.isChanged = true
		r.changed = append(r.changed, user)
		isDue = r.queueLocked(p)
	}
	p.recountLocked(r, before)
	return isDue
}

// recountLocked counts how the room has grown or shrunk since it had before occupants, and forgets one that has none.
func (p *presence) recountLocked(r *room, before int32) {
	more := int64(r.size.Load() - before)
	p.counts.occupants.Add(more)
	p.counts.held.Add(more * occupantBytes)
	if r.users() == 0 && !r.isQueued {
		r.shard.removeLocked(r)
		p.counts.rooms.Add(-1)
		p.counts.held.Add(-int64(r.memory()))
	}
}

// removeLocked removes a room. When none is left it gives back the memory of a spike.
func (s *roomShard) removeLocked(r *room) {
	delete(s.rooms, r.topic)
	if len(s.rooms) == 0 && s.most > fewRooms {
		s.rooms, s.most = make(map[string]*room), 0
	}
}

// fewRooms is how many rooms a shard keeps memory for.
const fewRooms = 64

// users are the occupants of a room as they are now, told or not, in no order.
func (p *presence) users(topic string) (users []event.Member) {
	for _, c := range p.share(topic) {
		for i := range c.occupants {
			if o := &c.occupants[i]; o.connections > 0 {
				users = append(users, event.Member{User: o.user, Connections: int(o.connections)})
			}
		}
	}
	return users
}

// share returns the chunks of a room as they are now.
func (p *presence) share(topic string) []*roomChunk {
	s := p.shardOf(maphash.String(p.seed, topic))
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.rooms[topic]; r != nil {
		return r.shareLocked()
	}
	return nil
}

// startList takes what a loop is still to tell its watchers, and returns it with the list of a topic's occupants as it is then told, nil if
// there are none.
func (p *presence) startList(topic string, queue *changeQueue) (changes []*frame, list *roomList) {
	s := p.shardOf(maphash.String(p.seed, topic))
	s.mu.Lock()
	defer s.mu.Unlock()
	changes = queue.take(p)
	if r := s.rooms[topic]; r != nil {
		list = p.useListLocked(r)
	}
	return changes, list
}

func (p *presence) shardOf(hash uint64) *roomShard { return &p.shards[hash%roomShards] }

// stop forgets all rooms, and tells nobody any more. The loops have ended.
func (p *presence) stop() {
	if p == nil {
		return
	}
	p.teller.stop()
	for _, l := range p.hub.loops {
		for _, f := range l.shared.changes.take(p) {
			f.Release()
		}
	}
	for i := range p.shards {
		s := &p.shards[i]
		s.mu.Lock()
		s.rooms, s.changed = make(map[string]*room), nil
		s.mu.Unlock()
	}
	p.watchers.Clear()
	p.counts.rooms.Store(0)
	p.counts.occupants.Store(0)
	p.counts.held.Store(0)
}

// heldBytes is what I3 of presence says. Any goroutine may call it.
func (p *presence) heldBytes() int64 {
	if p == nil {
		return 0
	}
	return p.counts.held.Load()
}

func (st *Stats) addPresence(p *presence) {
	if p == nil {
		return
	}
	st.PresenceRooms = uint64(max(p.counts.rooms.Load(), 0))
	st.PresenceMembers = uint64(max(p.counts.occupants.Load(), 0))
	st.PresenceWatchers = uint64(p.watchers.Subscriptions())
	st.PresenceChanges = p.counts.told.Load()
}
