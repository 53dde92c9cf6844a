package stream

import (
	"sync"
	"time"
)

// sequence is the stream of a type, as Memory has it. Its lock guards all but the origin, which never changes, the home, which
// belongs to the shard's lock, and the appointment, which belongs to the agenda's. The package's documentation has its invariants.
type sequence struct {
	mu sync.Mutex
	sequenceOrigin
	sequenceState
	events      ring
	survivors   survivors
	newest      newest
	keys        keys
	home        home
	appointment appointment
}

// sequenceOrigin is what never changes.
type sequenceOrigin struct {
	typ    string
	policy *Policy
	epoch  string
	// isReplica says that the stream is kept elsewhere, and this is what is known of it here.
	isReplica bool
	// base is the floor when the sequence began: its first offset is the next one. It is 0 of a replica, whose offsets are dense from 1 on.
	base uint64
}

// sequenceState is where the sequence stands.
type sequenceState struct {
	// first is the offset of the oldest event in the ring, top that of the newest one, kept or not.
	first, top uint64
	// holes are the offsets in the ring whose events are gone, in order.
	holes []uint64
	// used is when something was appended last.
	used tick
	// forgotten says that the store has it no more, idle that it is among the idle ones of its shard.
	forgotten, idle bool
	// wake is when it is to be looked at, as the time since the store began; 0 for never.
	wake time.Duration
	// counted is its part of the store's held memory.
	counted int64
	// trimmed is how many events were trimmed since the store counted them.
	trimmed int
}

// sequenceBytes is what a sequence takes without a ring and without its type: itself, and its places in the table and the list.
const sequenceBytes = 504

// tracksIDs says whether newest is wanted.
func (s *sequence) tracksIDs() bool {
	return s.policy.History.LatestPerID || s.policy.Behind == Latest
}

// bound is how many bytes may be kept.
func (s *sequence) bound() int64 {
	if bytes := s.policy.History.Bytes; bytes != 0 {
		return bytes
	}
	return DefaultBytes
}

// isEmptyLocked says whether there is nothing that anybody could miss. Of a replica that is never so: where it stands is known by it alone.
func (s *sequence) isEmptyLocked() bool {
	return !s.isReplica && s.keepsNothingLocked()
}

func (s *sequence) keepsNothingLocked() bool {
	return s.events.length == 0 && s.survivors.count == 0 && s.keys.len() == 0
}

// appendLocked places the draft, keeps its frame and trims. The event counts as appended at born.
func (s *sequence) appendLocked(d Draft, now, born tick) {
	s.trimAgedLocked(now, trimAtOnce)
	if most := s.policy.History.Events; most > 0 {
		for s.events.length >= most {
			s.trimLocked()
		}
	}
	s.top++
	s.used = now
	added := newEntry(d.Place(s.top), born)
	keeps := added.memory() <= s.bound()
	if !keeps {
		for s.events.length > 0 {
			s.trimLocked()
		}
	}
	if s.tracksIDs() {
		s.supersedeLocked(added.frame.ID(), s.top, keeps)
	}
	if !keeps {
		s.first = s.top + 1
		s.trimmed++
		added.frame.Release()
		return
	}
	s.events.push(added, s.policy.History.Events)
	s.fitLocked()
}

// newestLocked is the offset of the newest event of an id that is kept, 0 if none is or nobody wants to know.
func (s *sequence) newestLocked(id []byte) uint64 {
	if s.newest.used == 0 {
		return 0
	}
	return s.newest.buckets[s.newestPlaceLocked(id, hashOf(id))].offset
}

// newestPlaceLocked is the place of the bucket of an id, which is empty if the id has none.
func (s *sequence) newestPlaceLocked(id []byte, hash uint32) int {
	place := s.newest.next(s.newest.begin(hash), hash)
	for s.newest.buckets[place].offset != 0 && string(s.entryLocked(s.newest.buckets[place].offset).frame.ID()) != string(id) {
		place = s.newest.next((place+1)&(len(s.newest.buckets)-1), hash)
	}
	return place
}

// supersedeLocked makes the event at an offset the newest one of its id, or no event if that one is not kept.
func (s *sequence) supersedeLocked(id []byte, offset uint64, keeps bool) {
	hash := hashOf(id)
	s.newest.reserve()
	place := s.newestPlaceLocked(id, hash)
	earlier := s.newest.buckets[place].offset
	switch {
	case earlier == 0 && keeps:
		s.newest.put(place, hash, offset)
	case earlier != 0 && keeps:
		s.newest.buckets[place].offset = offset
	case earlier != 0:
		s.newest.empty(place)
	}
	switch {
	case earlier >= s.first:
		s.entryLocked(earlier).sized |= supersededBit
	case earlier != 0:
		superseded := s.survivors.take(earlier)
		superseded.frame.Release()
		s.trimmed++
	}
}

// entryLocked returns the event of an offset that newest has.
func (s *sequence) entryLocked(offset uint64) *entry {
	if offset >= s.first {
		return s.events.at(int(offset - s.first))
	}
	return &s.survivors.list[s.survivors.find(offset)].entry
}

// fitLocked trims what is beyond the bound.
func (s *sequence) fitLocked() {
	for s.events.bytes+s.survivors.bytes > s.bound() {
		s.trimToBoundLocked()
	}
}

// trimToBoundLocked makes what is kept smaller. The survivors keep half of it at least.
func (s *sequence) trimToBoundLocked() {
	if s.events.length == 0 || s.survivors.bytes > s.bound()/2 {
		s.dropSurvivorLocked()
		return
	}
	s.trimLocked()
}

// trimLocked takes the oldest event out of the ring. It goes on as a survivor if it is the newest of its id and the policy wants that.
func (s *sequence) trimLocked() {
	oldest := s.events.pop()
	offset := s.first
	s.first++
	s.passHolesLocked()
	s.events.shrink()
	if s.tracksIDs() && !oldest.isSuperseded() {
		if s.policy.History.LatestPerID {
			s.survivors.add(offset, oldest)
			return
		}
		s.newest.drop(hashOf(oldest.frame.ID()), offset)
	}
	oldest.frame.Release()
	s.trimmed++
}

// dropSurvivorLocked takes the oldest survivor away. There is one.
func (s *sequence) dropSurvivorLocked() {
	offset := s.survivors.oldest().offset
	oldest := s.survivors.take(offset)
	s.newest.drop(hashOf(oldest.frame.ID()), offset)
	oldest.frame.Release()
	s.trimmed++
}

// trimAtOnce is how many events are trimmed at once because of their age.
const trimAtOnce = 1024

// trimAgedLocked trims up to most events that are too old, and says whether none is left.
func (s *sequence) trimAgedLocked(now tick, most int) bool {
	age := s.policy.History.Age
	if age == 0 {
		return true
	}
	for s.events.length > 0 && now.since(s.events.at(0).at) >= ticksOf(age) {
		if most--; most < 0 {
			return false
		}
		s.trimLocked()
	}
	return true
}

// memoryLocked is what the sequence takes.
func (s *sequence) memoryLocked() int64 {
	return sequenceBytes + int64(len(s.typ)+8*cap(s.holes)) + s.events.bytes + s.events.memory() + s.survivors.bytes + s.survivors.memory() +
		s.newest.memory() + s.keys.bytes
}

// dueLocked is when the next event or key gets too old, 0 for never.
func (s *sequence) dueLocked(now time.Duration) time.Duration {
	var due time.Duration
	if age := s.policy.History.Age; age > 0 && s.events.length > 0 {
		due = now + max(1, durationOf(ticksOf(age)-tickAt(now).since(s.events.at(0).at)))
	}
	if s.keys.len() > 0 {
		expiry := now + max(1, durationOf(ticksOf(keyWindow)-tickAt(now).since(s.keys.order[s.keys.head].at)))
		if due == 0 || expiry < due {
			due = expiry
		}
	}
	return due
}
