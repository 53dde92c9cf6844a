package stream

import (
	"errors"
	"strings"
	"time"

	"github.com/spokehub/spokehub/event"
)

var (
	// ErrReplica is an Append to a stream that an engine keeps.
	ErrReplica = errors.New("the stream is a replica of one that the broker keeps: append to that, and insert here what comes back")
	// ErrNoReplica is an Insert into a stream that is not a replica: it has not begun, or has ended.
	ErrNoReplica = errors.New("the type has no replica: begin it with the position that it follows")
	// ErrHole is an Insert at an offset that lies further ahead than the next one.
	ErrHole = errors.New("the offset is not the next one of the replica: insert what lies between, or begin again ahead of it")

	errNoSurvivors = errors.New("the policy keeps no newest event of each id: set LatestPerID, or leave out the events ahead of the first one")
)

// Begin makes the type's stream a replica of one that an engine keeps, by the policy, which has history. The position is that of the last
// event which the replica will not be given: it is empty, and its next event is the one behind. What was kept of the type before is
// dropped. A replica of that epoch which is there already is not: if it stands ahead of the position, or at it, nothing happens. If it
// stands behind, it jumps over the hole, whose events count as gone. With LatestPerID, or if the hole has 256 events or more, what it has ahead is trimmed as if it had got too old.
//
// If the replica begins or jumps, Begin calls announce, which may be nil, before anybody can read that. It does so under a lock of the stream: announce must not call the Memory.
func (m *Memory) Begin(p *Policy, typ string, at event.Position, announce func()) {
	if announce == nil {
		announce = func() {}
	}
	home := m.shardOfString(typ)
	s, dropped := m.beginReplica(home, p, typ, at, announce)
	dropped.release()
	for {
		s.mu.Lock()
		if s.forgotten {
			s.mu.Unlock()
			return
		}
		isDone := s.jumpLocked(at.Offset, announce)
		change := m.settleLocked(s, m.clock())
		s.mu.Unlock()
		m.apply(home, s, change)
		if isDone {
			return
		}
	}
}

// beginReplica returns the replica of the type with that epoch, which it begins if there is none, and what is dropped for it.
func (m *Memory) beginReplica(d *shard, p *Policy, typ string, at event.Position, announce func()) (*sequence, contents) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var dropped contents
	if s := d.table[typ]; s != nil {
		if s.isReplica && s.epoch == at.Epoch {
			return s, dropped
		}
		dropped = m.dropLocked(d, s)
	}
	announce()
	origin := sequenceOrigin{typ: strings.Clone(typ), policy: p, epoch: at.Epoch, isReplica: true}
	return m.addLocked(d, origin, at.Offset), dropped
}

// jumpLocked has the ring go on behind a hole. It trims some of what lies ahead of a long one, and moves on when nothing is left. It says whether that is done.
func (s *sequence) jumpLocked(top uint64, announce func()) bool {
	if s.top >= top {
		return true
	}
	if s.events.length > 0 && top-s.top < mostHoles && !s.policy.History.LatestPerID {
		announce()
		s.addHolesLocked(top)
		return true
	}
	for range trimAtOnce {
		if s.events.length == 0 {
			announce()
			s.first, s.top = top+1, top
			return true
		}
		s.trimLocked()
	}
	return false
}

// End drops the type's replica, if it has one. The type has no stream then, until it is begun again or appended to.
func (m *Memory) End(typ string) {
	dropped := m.endReplica(m.shardOfString(typ), typ)
	dropped.release()
}

func (m *Memory) endReplica(d *shard, typ string) contents {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s := d.table[typ]; s != nil && s.isReplica {
		return m.dropLocked(d, s)
	}
	return contents{}
}

// Insert appends the draft to a replica at the next offset. age is how old the event is already; it counts as no older than the one ahead of it. The outcome is
// Repeated if the replica has the offset behind it, and NotReady as in Append: then nothing has happened. The error is ErrHole if the
// offset lies further ahead, or ErrNoReplica. Insert keeps neither typ nor d.
func (m *Memory) Insert(typ []byte, offset uint64, age time.Duration, d Draft) (Outcome, error) {
	return m.insert(typ, func(s *sequence, now tick) (Outcome, error) { return s.insertLocked(offset, age, d, now) })
}

// InsertSurvivor gives a replica whose policy has LatestPerID an event ahead of those that it has in a row, which is kept because it is the newest of its id.
// Survivors are inserted in the order of their offsets, after Begin and ahead of the first Insert behind it. The outcome is Repeated if the
// replica has a survivor of that offset or of a greater one, or a newer event of the id: then nothing has happened, and so with NotReady.
// The error is ErrHole if the offset lies ahead of all that the replica has, or ErrNoReplica. InsertSurvivor keeps neither typ nor d.
func (m *Memory) InsertSurvivor(typ []byte, offset uint64, d Draft) (Outcome, error) {
	return m.insert(typ, func(s *sequence, now tick) (Outcome, error) { return s.insertSurvivorLocked(offset, d, now) })
}

// insert does an insertion into the type's replica. It returns what that does.
func (m *Memory) insert(typ []byte, insertLocked func(*sequence, tick) (Outcome, error)) (Outcome, error) {
	home := m.shardOf(typ)
	s := home.find(typ)
	if s == nil {
		return NotReady, ErrNoReplica
	}
	s.mu.Lock()
	if s.forgotten || !s.isReplica {
		s.mu.Unlock()
		return NotReady, ErrNoReplica
	}
	now := m.clock()
	outcome, err := insertLocked(s, tickAt(now))
	change := m.settleLocked(s, now)
	s.mu.Unlock()
	switch {
	case err != nil:
	case outcome == Appended:
		home.appended.Add(1)
	case outcome == Repeated:
		home.repeated.Add(1)
	}
	m.apply(home, s, change)
	m.relieve()
	return outcome, err
}

func (s *sequence) insertLocked(offset uint64, age time.Duration, d Draft, now tick) (Outcome, error) {
	switch {
	case offset <= s.top:
		return Repeated, nil
	case offset > s.top+1:
		return NotReady, ErrHole
	case !d.Ready():
		return NotReady, nil
	}
	s.appendLocked(d, now, s.bornLocked(age, now))
	return Appended, nil
}

// bornLocked is when an event was appended that is that old now. Ages beyond that of the policy are all alike, and of events in a row none
// is older than the one ahead.
func (s *sequence) bornLocked(age time.Duration, now tick) tick {
	at := now - tick(ticksOf(min(max(age, 0), s.policy.History.Age)))
	if s.events.length > 0 {
		if last := s.events.at(s.events.length - 1).at; at.since(last) < 0 {
			return last
		}
	}
	return at
}

func (s *sequence) insertSurvivorLocked(offset uint64, d Draft, now tick) (Outcome, error) {
	s.trimAgedLocked(now, trimAtOnce)
	switch {
	case !s.policy.History.LatestPerID:
		return NotReady, errNoSurvivors
	case offset > s.top:
		return NotReady, ErrHole
	case offset >= s.first, offset <= s.survivors.last(), s.newestLocked(d.ID()) >= s.first:
		return Repeated, nil
	case !d.Ready():
		return NotReady, nil
	}
	s.used = now
	added := newEntry(d.Place(offset), now)
	keeps := added.memory() <= s.bound()
	s.supersedeLocked(added.frame.ID(), offset, keeps)
	if !keeps {
		s.trimmed++
		added.frame.Release()
		return Appended, nil
	}
	s.survivors.add(offset, added)
	s.fitLocked()
	return Appended, nil
}

// contents is what a sequence has kept that is no more.
type contents struct {
	events    ring
	survivors survivors
}

// takeLocked takes all that the sequence keeps. It counts as trimmed.
func (s *sequence) takeLocked() contents {
	c := contents{s.events, s.survivors}
	s.trimmed += c.events.length - len(s.holes) + c.survivors.count
	s.events, s.survivors, s.newest, s.holes = ring{}, survivors{}, newest{}, nil
	s.first = s.top + 1
	return c
}

// release gives all frames back.
func (c *contents) release() {
	for i := range c.events.length {
		if e := c.events.at(i); !e.isHole() {
			e.frame.Release()
		}
	}
	c.survivors.release()
}
