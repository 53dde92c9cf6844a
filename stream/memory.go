package stream

import (
	"crypto/rand"
	"sync/atomic"
	"time"

	"github.com/spokehub/spokehub/event"
)

// Memory is a Store in the memory of this process. Any goroutine may call it. No call waits for anything but locks that are held for
// microseconds.
type Memory struct {
	epoch string
	limit func() int64
	// clock is the time since the store began.
	clock  func() time.Duration
	held   atomic.Int64
	floor  atomic.Uint64
	idle   atomic.Int64
	shards [shardCount]shard
	agenda agenda
}

// Stats is what a Memory has and has done.
type Stats struct {
	// Streams is how many there are.
	Streams int
	// Events is how many are kept.
	Events int
	// Bytes is Memory.Held.
	Bytes int64
	// Appended is how many events were appended, or inserted into replicas.
	Appended uint64
	// Trimmed is how many of them are not kept any more.
	Trimmed uint64
	// Repeated is how many were not appended because their key was there before, or not inserted because they were there already.
	Repeated uint64
}

var _ Store = (*Memory)(nil)

// NewMemory returns a store without streams. limit says how many bytes all of them may take together; nil for no such limit. It is
// asked at every Append, so it must be fast and must not block. What is trimmed and forgotten while it is exceeded, the package's
// documentation says. Without a limit a stream is never forgotten, even if nothing of it is kept.
func NewMemory(limit func() int64) *Memory {
	began := time.Now()
	m := &Memory{epoch: newEpoch(), limit: limit, clock: func() time.Duration { return time.Since(began) }}
	for i := range m.shards {
		m.shards[i].table = map[string]*sequence{}
	}
	m.agenda.trim = m.ageDue
	return m
}

// Close stops the timer and drops all streams, with their offsets. What is appended afterwards begins new ones, in which nothing gets too
// old but what is asked for.
func (m *Memory) Close() {
	m.agenda.close()
	for i := range m.shards {
		m.shards[i].clear(m)
	}
}

// Epoch returns that of all streams that are no replicas. It is random, and never changes.
func (m *Memory) Epoch() string { return m.epoch }

// Held returns how many bytes the streams take.
func (m *Memory) Held() int64 { return m.held.Load() }

// Stats returns counters, each read at a moment of its own.
func (m *Memory) Stats() Stats {
	stats := Stats{Bytes: m.Held()}
	for i := range m.shards {
		d := &m.shards[i]
		stats.Trimmed += d.trimmed.Load()
		stats.Appended += d.appended.Load()
		stats.Repeated += d.repeated.Load()
		d.mu.RLock()
		stats.Streams += len(d.list)
		d.mu.RUnlock()
	}
	stats.Events = int(max(stats.Appended, stats.Trimmed) - stats.Trimmed)
	return stats
}

// Append appends the draft, as Store says. A stream begins with the first Append to its type, and keeps the policy of that. The error is
// ErrReplica if the stream is one.
func (m *Memory) Append(p *Policy, typ []byte, d Draft, key string) (event.Position, Outcome, error) {
	if p == nil || p.History.IsZero() {
		return event.Position{}, NotReady, ErrNoHistory
	}
	if len(key) > MaxKey {
		return event.Position{}, NotReady, ErrKey
	}
	home := m.shardOf(typ)
	s := home.find(typ)
	for {
		if s == nil {
			s = m.findOrBegin(home, typ, p)
		}
		s.mu.Lock()
		if !s.forgotten {
			break
		}
		s.mu.Unlock()
		s = nil
	}
	if s.isReplica {
		s.mu.Unlock()
		return event.Position{}, NotReady, ErrReplica
	}
	now := m.clock()
	offset, outcome := s.appendOnceLocked(d, key, tickAt(now))
	change := m.settleLocked(s, now)
	s.mu.Unlock()
	switch outcome {
	case Appended:
		home.appended.Add(1)
	case Repeated:
		home.repeated.Add(1)
	}
	m.apply(home, s, change)
	m.relieve()
	if outcome == NotReady {
		return event.Position{}, NotReady, nil
	}
	return event.Position{Epoch: s.epoch, Offset: offset}, outcome, nil
}

// appendOnceLocked appends the draft if it is ready and its key is new.
func (s *sequence) appendOnceLocked(d Draft, key string, now tick) (offset uint64, outcome Outcome) {
	if !d.Ready() {
		return 0, NotReady
	}
	if key != "" {
		s.keys.expire(now)
		if offset, isThere := s.keys.offsets[key]; isThere {
			return offset, Repeated
		}
		s.keys.add(key, s.top+1, now)
	}
	s.appendLocked(d, now, now)
	return s.top, Appended
}

// Read fills the page, as Store says. The error is always nil.
func (m *Memory) Read(typ string, q Query, page *Page) error {
	*page = Page{Epoch: m.epoch, Entries: page.Entries[:0]}
	home := m.shardOfString(typ)
	for {
		s, floor := m.look(home, typ)
		if s == nil {
			readNone(floor, q, page)
			return nil
		}
		s.mu.Lock()
		if s.forgotten {
			s.mu.Unlock()
			continue
		}
		now := m.clock()
		isDone := s.trimAgedLocked(tickAt(now), trimAtOnce)
		if isDone {
			s.readLocked(q, page)
		}
		change := m.settleLocked(s, now)
		s.mu.Unlock()
		m.apply(home, s, change)
		if isDone {
			return nil
		}
	}
}

// readNone fills the page for a type without a stream.
func readNone(floor uint64, q Query, page *Page) {
	page.Top, page.Kept = floor, floor+1
	if q.After < floor {
		page.Missing, page.From, page.To = -1, q.After+1, floor
	}
}

// Tops appends positions to dst, as Store says. The error is always nil.
func (m *Memory) Tops(dst []event.Position, types ...string) ([]event.Position, error) {
	for _, typ := range types {
		dst = append(dst, m.top(typ))
	}
	return dst, nil
}

func (m *Memory) top(typ string) event.Position {
	home := m.shardOfString(typ)
	for {
		s, floor := m.look(home, typ)
		if s == nil {
			return event.Position{Epoch: m.epoch, Offset: floor}
		}
		s.mu.Lock()
		top, isForgotten := s.top, s.forgotten
		s.mu.Unlock()
		if !isForgotten {
			return event.Position{Epoch: s.epoch, Offset: top}
		}
	}
}

// Remove drops what is kept, as Store says. The error is always nil.
func (m *Memory) Remove(typ string) error {
	home := m.shardOfString(typ)
	s, _ := m.look(home, typ)
	if s == nil {
		return nil
	}
	s.mu.Lock()
	if s.forgotten {
		s.mu.Unlock()
		return nil
	}
	dropped := s.takeLocked()
	change := m.settleLocked(s, m.clock())
	s.mu.Unlock()
	m.apply(home, s, change)
	dropped.release()
	return nil
}

// change is what an operation on a sequence means to the store.
type change struct {
	held    int64
	trimmed int
	// isReviewed says that the sequence has become idle, or is so no more.
	isReviewed bool
}

// settleLocked returns what has changed since it was called last, and sees that the sequence is looked at in time.
func (m *Memory) settleLocked(s *sequence, now time.Duration) change {
	memory := s.memoryLocked()
	c := change{held: memory - s.counted, trimmed: s.trimmed, isReviewed: s.isEmptyLocked() != s.idle}
	s.counted, s.trimmed = memory, 0
	if s.wake == 0 || s.keys.len() > 0 || s.isReplica {
		if due := s.dueLocked(now); due != 0 && (s.wake == 0 || due < s.wake) {
			s.wake = due
			m.agenda.add(s, due, now)
		}
	}
	return c
}

// apply tells the store of a change. The caller holds no lock.
func (m *Memory) apply(d *shard, s *sequence, c change) {
	if c.held != 0 {
		m.held.Add(c.held)
	}
	if c.trimmed != 0 {
		d.trimmed.Add(uint64(c.trimmed))
	}
	if c.isReviewed {
		m.review(d, s)
	}
}

const epochLetters = "abcdefghijklmnopqrstuvwxyz0123456789"

// newEpoch returns ten random letters and digits.
func newEpoch() string {
	var epoch [10]byte
	for i := range epoch {
		for {
			rand.Read(epoch[i : i+1])
			if epoch[i] < 252 {
				break
			}
		}
		epoch[i] = epochLetters[epoch[i]%36]
	}
	return string(epoch[:])
}
