package fanout

import (
	"hash/maphash"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/stream"
)

const (
	// interestShards is the number of locks that interest has.
	interestShards = 64
	// fillsAtOnce is how many streams are read from the broker at once.
	fillsAtOnce = 64
	// manyIDs is how many ids of a type are asked for by themselves, at most, with stream.Auto. They are again once half as many are wanted.
	manyIDs = 4096
	// interestPatience is how long a subscription waits at most until the broker is asked for its events.
	interestPatience = 4 * time.Second
)

// interest is which events the hub asks the broker for: those of the topics that spokes are subscribed to. A type with a stream is asked
// for as a whole, and so is one with stream.ByType. Of others each id is asked for by itself, as long as nobody wants the whole type, or, with stream.Auto, very many ids. The broker is asked
// before a subscription is carried out, and told some time after nobody has wanted the events any more.
//
// Any goroutine may use it. The lock of a shard guards the types in it, and all that hangs below them. It comes behind that of a shard of
// the subscription index, and ahead of that of the queue.
//
// I1: refs of a want is how many topics with members need it, holds how many subscriptions are about to be carried out that do.
// I2: a want with refs or holds is asked for, or its type is, or the broker has refused it and it is in refused.
// I3: only run's goroutine asks the broker, so what it does last about a key is what holds.
type interest struct {
	cluster  *cluster
	policies *stream.Policies
	seed     maphash.Seed
	shards   [interestShards]interestShard
	queue    interestQueue
	refused  refusedWants
	counts   interestCounts
	// topsWanted has the tops of streams be compared, and fills has room for those who read one.
	topsWanted chan struct{}
	fills      chan struct{}
}

// interestCounts are for any goroutine: how many keys the broker is asked for, or is about to be, how many streams are followed, and about how many bytes all
// that takes.
type interestCounts struct{ keys, streams, held atomic.Int64 }

// typeInterestBytes and wantBytes are about the memory of a type and of an id, besides their names: themselves, and their places. followerBytes is that of what follows
// a stream, with a goroutine that reads it.
const (
	typeInterestBytes = int64(unsafe.Sizeof(typeInterest{})) + 48
	wantBytes         = int64(unsafe.Sizeof(want{})) + 48
	followerBytes     = int64(unsafe.Sizeof(follower{})) + 4096
)

// interestShard is a part of the types.
type interestShard struct {
	mu    sync.Mutex
	types map[string]*typeInterest
}

// typeInterest is what is wanted of a type.
type typeInterest struct {
	shard  *interestShard
	policy *stream.Policy
	whole  want
	// ids are those that are wanted by themselves.
	ids map[string]*want
	// isBroad says that the whole type is held because ids is large.
	isBroad bool
}

// want is a key that the broker is asked for, or was.
type want struct {
	of    *typeInterest
	key   broker.Key
	refs  int
	holds int
	phase wantPhase
	// idle says that it is in the queue of those that nobody needs, since when.
	isIdle    bool
	idleSince time.Time
	waiters   map[*interestWait]struct{}
	lane      broker.Lane
	// follower follows the stream; nil for other keys, and until the broker is asked.
	follower *follower
}

// wantPhase is how far the broker has been asked for a key.
type wantPhase uint8

const (
	// wantNone: it has not been, or need not be since the whole type is in force.
	wantNone wantPhase = iota
	// wantAsked: it is about to be.
	wantAsked
	// wantInForce: what is published reaches the hub.
	wantInForce
	// wantEnding: it is about to be told that the key is not wanted any more.
	wantEnding
)

func (t *interest) init(c *cluster) {
	t.cluster, t.policies, t.seed = c, c.hub.cfg.policies, maphash.MakeSeed()
	for i := range t.shards {
		t.shards[i].types = make(map[string]*typeInterest)
	}
	t.queue.wake = make(chan struct{}, 1)
	t.topsWanted, t.fills = make(chan struct{}, 1), make(chan struct{}, fillsAtOnce)
}

// asksIDs says whether hubs may ask for single ids of a type.
func asksIDs(p *stream.Policy) bool { return p.AskedBy() != stream.ByType }

func (t *interest) shardOf(typ string) *interestShard {
	return &t.shards[maphash.String(t.seed, typ)%interestShards]
}

// FirstMember has a topic be asked for that has got its first member.
func (t *interest) FirstMember(topic string) {
	s, w := t.lock(topic)
	w.refs++
	t.askLocked(w)
	s.mu.Unlock()
}

// LastMember notes that a topic has no member any more.
func (t *interest) LastMember(topic string) {
	s, w := t.lock(topic)
	w.refs--
	t.freeLocked(w)
	s.mu.Unlock()
}

// lock returns what a topic needs, with the lock of its shard held. It does not keep topic.
func (t *interest) lock(topic string) (*interestShard, *want) {
	typ, id, _ := strings.Cut(topic, ":")
	s := t.shardOf(typ)
	s.mu.Lock()
	of := s.types[typ]
	if of == nil {
		of = &typeInterest{shard: s, policy: t.policies.ForString(typ)}
		kind := broker.Plain
		if of.policy != nil && !of.policy.History.IsZero() {
			kind = broker.Stream
		}
		of.whole = want{of: of, key: broker.Key{Kind: kind, Type: strings.Clone(typ)}}
		s.types[of.whole.key.Type] = of
		t.counts.held.Add(typeInterestBytes + int64(len(typ)))
	}
	if id == "" || !asksIDs(of.policy) {
		return s, &of.whole
	}
	w := of.ids[id]
	if w == nil {
		w = &want{of: of, key: broker.Key{Kind: broker.Plain, Type: of.whole.key.Type, ID: strings.Clone(id)}}
		if of.ids == nil {
			of.ids = make(map[string]*want)
		}
		of.ids[w.key.ID] = w
		t.counts.held.Add(wantBytes + int64(len(id)))
	}
	return s, w
}

// isCoveredLocked says whether the events of a want come already.
func (w *want) isCoveredLocked() bool {
	return w.phase == wantInForce || w != &w.of.whole && w.of.whole.phase == wantInForce
}

// isReadyLocked says whether a subscription that needs the want may be carried out: because its events come, or because the broker is away, and
// what other hubs have could not come anyway. A stream is different: without the broker its past is not known.
func (t *interest) isReadyLocked(w *want) bool {
	return w.isCoveredLocked() || w.key.Kind == broker.Plain && !t.cluster.link.isUp.Load()
}

// askLocked has the broker be asked for a want, unless that has been or need not be. What its lane knows of an earlier time is no use: nobody knows what has come
// since.
func (t *interest) askLocked(w *want) {
	if w.phase != wantNone || w.isCoveredLocked() || w != &w.of.whole && t.broadenLocked(w.of) {
		return
	}
	t.enterLocked(w, wantAsked)
	w.lane = broker.Lane{}
	t.queue.ask(w)
}

// broadenLocked holds the whole type if very many of its ids are wanted. It says whether the type is about to be asked for, so that no more ids need be.
func (t *interest) broadenLocked(of *typeInterest) bool {
	if !of.isBroad && len(of.ids) > manyIDs && of.policy.AskedBy() == stream.Auto {
		of.isBroad = true
		of.whole.holds++
		t.askLocked(&of.whole)
	}
	return of.isBroad && of.whole.phase == wantAsked
}

// narrowLocked releases the type that broadenLocked has held, if not so many of its ids are known any more.
func (t *interest) narrowLocked(of *typeInterest) {
	if of.isBroad && len(of.ids) <= manyIDs/2 {
		of.isBroad = false
		of.whole.holds--
		t.freeLocked(&of.whole)
	}
}

// enterLocked changes the phase of a want.
func (t *interest) enterLocked(w *want, phase wantPhase) {
	switch {
	case w.phase == wantNone && phase != wantNone:
		t.counts.keys.Add(1)
	case w.phase != wantNone && phase == wantNone:
		t.counts.keys.Add(-1)
	}
	w.phase = phase
}

// freeLocked has the broker be told, some time later, if nobody needs a want.
func (t *interest) freeLocked(w *want) {
	if w.refs > 0 || w.holds > 0 {
		return
	}
	w.idleSince = time.Now()
	if !w.isIdle {
		w.isIdle = true
		t.queue.free(w)
	}
}

// hold has the broker be asked for what a topic needs, and keeps it until it is released. It says whether a subscription to the topic may be carried
// out; if not, wait is told when that has changed.
func (t *interest) hold(topic string, wait *interestWait) (w *want, isReady bool) {
	s, w := t.lock(topic)
	defer s.mu.Unlock()
	w.holds++
	t.askLocked(w)
	if t.isReadyLocked(w) {
		if !w.isCoveredLocked() {
			wait.isAway.Store(true)
		}
		return w, true
	}
	if w.waiters == nil {
		w.waiters = make(map[*interestWait]struct{})
	}
	if _, waits := w.waiters[wait]; !waits {
		w.waiters[wait] = struct{}{}
		wait.left.Add(1)
	}
	return w, false
}

// release ends what hold began.
func (t *interest) release(w *want) {
	s := w.of.shard
	s.mu.Lock()
	w.holds--
	t.freeLocked(w)
	s.mu.Unlock()
}

// isReady says whether a subscription that needs a want, which the wait holds, may be carried out. If the broker was away meanwhile, or has not answered in time, for a type
// without a stream it may, though the broker has yet to be asked: then settle tells what came of that. What it has refused may not.
func (w *interestWait) isReady(held *want) bool {
	s := held.of.shard
	s.mu.Lock()
	defer s.mu.Unlock()
	isAsked := held.phase != wantNone || held.of.whole.phase != wantNone
	return isAsked && held.key.Kind == broker.Plain && (w.isAway.Load() || w.isLate.Load()) || w.interest.isReadyLocked(held)
}

// see notes an event of another hub that has come, in the lanes of its type and its id. It says whether it has come before, and
// whether others have been lost, which may both be: one that has come by its id tells by its type of the loss of other ids. Each lane may know
// what the other does not, for one that is new has seen nothing.
func (t *interest) see(typ, id []byte, h broker.Header, byID bool) (isRepeat, isLost bool) {
	if h.Sequence == 0 {
		return false, false
	}
	s := t.shardOf(unsafe.String(unsafe.SliceData(typ), len(typ)))
	s.mu.Lock()
	defer s.mu.Unlock()
	of := s.types[string(typ)]
	if of == nil {
		return false, false
	}
	single := of.ids[string(id)]
	if byID {
		if single == nil {
			return false, false
		}
		return single.lane.See(h.Origin, h.Sequence, h.OfID)
	}
	if isRepeat, isLost = of.whole.lane.See(h.Origin, h.Sequence, h.OfType); isRepeat || single == nil {
		return isRepeat, isLost
	}
	isRepeat, isLostOfID := single.lane.See(h.Origin, h.Sequence, h.OfID)
	return isRepeat, isLost || isLostOfID
}

// forgetLanes has what comes next begin all lanes anew: what may be missing ahead of it is told.
func (t *interest) forgetLanes() {
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		for _, of := range s.types {
			of.whole.lane.Forget()
			for _, single := range of.ids {
				single.lane.Forget()
			}
		}
		s.mu.Unlock()
	}
}

// followerOf returns what follows the stream of a type, nil if nothing does.
func (t *interest) followerOf(typ []byte) *follower {
	s := t.shardOf(unsafe.String(unsafe.SliceData(typ), len(typ)))
	s.mu.Lock()
	defer s.mu.Unlock()
	if of := s.types[string(typ)]; of != nil {
		return of.whole.follower
	}
	return nil
}
