package stream

import (
	"hash/maphash"
	"strings"
	"sync"
	"sync/atomic"
)

// shardCount is how many parts the table of types has, each with a lock.
const shardCount = 64

// shard is a part of the table. Its lock guards the table and the list.
//
// I5: a sequence is in the table of its type's shard, and in the list at its place, exactly if it is not forgotten.
type shard struct {
	mu    sync.RWMutex
	table map[string]*sequence
	list  []*sequence
	shardCounts
}

// shardCounts are counters of a shard. Whoever holds no lock adds to them.
type shardCounts struct {
	appended, trimmed, repeated atomic.Uint64
}

func (m *Memory) shardOf(typ []byte) *shard {
	return &m.shards[maphash.Bytes(seed, typ)%shardCount]
}

func (m *Memory) shardOfString(typ string) *shard {
	return &m.shards[maphash.String(seed, typ)%shardCount]
}

// find returns the sequence of the type, nil if there is none.
func (d *shard) find(typ []byte) *sequence {
	d.mu.RLock()
	s := d.table[string(typ)]
	d.mu.RUnlock()
	return s
}

// findString is find.
func (d *shard) findString(typ string) *sequence {
	d.mu.RLock()
	s := d.table[typ]
	d.mu.RUnlock()
	return s
}

// findOrBegin returns the sequence of the type, which it begins if there is none.
func (m *Memory) findOrBegin(d *shard, typ []byte, p *Policy) *sequence {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s := d.table[string(typ)]; s != nil {
		return s
	}
	base := m.floor.Load()
	s := &sequence{sequenceOrigin: sequenceOrigin{typ: strings.Clone(string(typ)), policy: p, base: base}, place: len(d.list)}
	s.first, s.top, s.turn.place = base+1, base, -1
	s.counted = s.memoryLocked()
	m.held.Add(s.counted)
	d.table[s.typ] = s
	d.list = append(d.list, s)
	return s
}

// forget takes a sequence that has nothing out of the table. Its offsets go to the floor. It says whether it did.
func (m *Memory) forget(s *sequence) bool {
	d := m.shardOfString(s.typ)
	d.mu.Lock()
	defer d.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.forgotten || !s.isEmptyLocked() {
		return false
	}
	s.forgotten = true
	m.raiseFloor(s.top)
	m.held.Add(-s.counted)
	delete(d.table, s.typ)
	last := d.list[len(d.list)-1]
	d.list[s.place], last.place = last, s.place
	d.list[len(d.list)-1] = nil
	d.list = d.list[:len(d.list)-1]
	m.agenda.remove(s)
	return true
}

// raiseFloor makes sequences that begin from now on begin behind top.
func (m *Memory) raiseFloor(top uint64) {
	for {
		floor := m.floor.Load()
		if floor >= top || m.floor.CompareAndSwap(floor, top) {
			return
		}
	}
}
