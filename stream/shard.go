package stream

import (
	"hash/maphash"
	"strings"
	"sync"
	"sync/atomic"
)

// shardCount is how many parts the table of types has, each with a lock.
const shardCount = 64

// smallTable is how long a list must have been for the table to be made anew once most are gone: a map keeps its memory.
const smallTable = 64

// shard is a part of the table. Its lock guards all but the counts.
type shard struct {
	mu    sync.RWMutex
	table map[string]*sequence
	list  []*sequence
	// peak is how long the list was at most since the table was made.
	peak int
	idle idleSequences
	shardCounts
}

// home is where a sequence is in its shard. The shard's lock guards it.
type home struct {
	place int
	// earlier and later are the sequences beside it among the idle ones.
	earlier, later *sequence
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

// look returns the sequence of the type; or nil, and a floor that it will begin behind if it begins from now on. That holds because a
// sequence begins under the shard's lock.
func (m *Memory) look(d *shard, typ string) (s *sequence, floor uint64) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.table[typ], m.floor.Load()
}

// findOrBegin returns the sequence of the type, which it begins if there is none.
func (m *Memory) findOrBegin(d *shard, typ []byte, p *Policy) *sequence {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s := d.table[string(typ)]; s != nil {
		return s
	}
	base := m.floor.Load()
	return m.addLocked(d, sequenceOrigin{typ: strings.Clone(string(typ)), policy: p, epoch: m.epoch, base: base}, base)
}

// addLocked adds a new sequence to the table and the list.
func (m *Memory) addLocked(d *shard, origin sequenceOrigin, top uint64) *sequence {
	s := &sequence{sequenceOrigin: origin, home: home{place: len(d.list)}}
	s.first, s.top, s.used, s.appointment.place = top+1, top, tickAt(m.clock()), -1
	s.counted = s.memoryLocked()
	m.held.Add(s.counted)
	d.table[s.typ] = s
	d.list = append(d.list, s)
	d.peak = max(d.peak, len(d.list))
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
	m.forgetLocked(d, s)
	return true
}

// dropLocked forgets a sequence whatever it keeps, which it returns. The caller has the shard's lock alone.
func (m *Memory) dropLocked(d *shard, s *sequence) contents {
	s.mu.Lock()
	defer s.mu.Unlock()
	m.forgetLocked(d, s)
	dropped := s.takeLocked()
	d.trimmed.Add(uint64(s.trimmed))
	return dropped
}

// forgetLocked takes a sequence out of the table. The caller has both locks.
func (m *Memory) forgetLocked(d *shard, s *sequence) {
	s.forgotten = true
	m.retire(s)
	if s.idle {
		d.idle.remove(s)
		m.idle.Add(-1)
	}
	d.unlistLocked(s)
	m.agenda.remove(s)
}

// retire takes a sequence that is forgotten off what is held, and has its offsets not used again if they are of the store's epoch.
func (m *Memory) retire(s *sequence) {
	m.held.Add(-s.counted)
	if !s.isReplica {
		m.raiseFloor(s.top)
	}
}

// unlistLocked takes a sequence out of the table and the list.
func (d *shard) unlistLocked(s *sequence) {
	delete(d.table, s.typ)
	last := d.list[len(d.list)-1]
	d.list[s.home.place], last.home.place = last, s.home.place
	d.list[len(d.list)-1] = nil
	d.list = d.list[:len(d.list)-1]
	if d.peak < smallTable || len(d.list) > d.peak/4 {
		return
	}
	d.table = make(map[string]*sequence, len(d.list))
	d.list = append(make([]*sequence, 0, 2*len(d.list)), d.list...)
	d.peak = len(d.list)
	for _, s := range d.list {
		d.table[s.typ] = s
	}
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

// clear drops all sequences.
func (d *shard) clear(m *Memory) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, s := range d.list {
		s.mu.Lock()
		s.forgotten = true
		m.retire(s)
		d.trimmed.Add(uint64(s.events.length + s.survivors.count))
		if s.idle {
			m.idle.Add(-1)
		}
		s.mu.Unlock()
	}
	d.table, d.list, d.peak, d.idle = map[string]*sequence{}, nil, 0, idleSequences{}
}
