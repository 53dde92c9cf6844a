package fanout

import (
	"sync/atomic"
	"time"

	"github.com/spokehub/spokehub/netpoll"
	"github.com/spokehub/spokehub/subs"
)

// receivers names the two topics of an event, or the one spoke that it is for, by their places in the holds of any loop; 0
// for none. Two may share a place, which is rare and does little harm: one is held back as long as the other.
type receivers struct{ ofType, ofTypeAndID uint16 }

func receiversOf(match *subs.Match, only *Spoke) receivers {
	if only != nil {
		return receivers{ofType: placeOf(uint32(only.id))}
	}
	var r receivers
	if match.Type != nil {
		r.ofType = placeOf(match.Type.Hash())
	}
	if match.TypeID != nil {
		r.ofTypeAndID = placeOf(match.TypeID.Hash())
	}
	return r
}

// placeOf is never 0.
func placeOf(hash uint32) uint16 { return uint16(1 + hash%(holdPlaces-1)) }

const (
	// holdPlaces is how many topics a loop can tell apart.
	holdPlaces = 1024
	// holdRateShare: one part in so many of a queue passes of a topic in a second while it is held back, whatever its receivers
	// do, so that a hostile one can slow its publishers down only so far. One part in holdStartShare may come at once, so that
	// who publishes little is not slowed down at all.
	holdRateShare  = 4
	holdStartShare = 64
	// stuckShare is how many times as much passes while the witness is stuck (netpoll.Sender.IsStuck). That is a whole queue
	// a second, and one part in stuckStartShare at once: who publishes less than that does not notice a reader that has stalled,
	// and one that is behind a burst has most of a second to show that it reads.
	stuckShare      = holdRateShare
	stuckStartShare = 8
	// maxSavedSeconds is how many seconds' worth are saved up while less passes: a whole queue. maxDebtSeconds is how many count
	// where more passes, as dispatchers have it.
	maxSavedSeconds = holdRateShare
	maxDebtSeconds  = 4
	// longEighths: an event of more eighths of a queue than that is long. Two of them may be too much for a queue, so
	// its topics are held as soon as it is queued, until its receivers have taken most of it.
	longEighths = 2
	// maxMinorityHold is how long a topic is held back for less than half of its members, and patienceShare: one part in so many of
	// the time after that, it may be again. So a few slow readers, or hostile ones, don't slow a topic down for the others for long;
	// where most are behind, it is the publishers who are too fast.
	maxMinorityHold = 5 * time.Second
	patienceShare   = 10
	// heldSpan is what is added to the balance of a topic that is held, so that it is never 0.
	heldSpan = 1 << 40
	// reviewInterval is how often a loop looks at what it holds back if nothing else makes it turn.
	reviewInterval = 50 * time.Millisecond
)

// holds are the topics that a loop holds back because one of their members on it is congested (netpoll.Sender.IsCongested):
// an event of theirs would go into queues that are filling up, until they are full and their readers are closed. Who relays
// such an event is not read, Publish waits, and DispatchEvent takes its time, until the members have caught up, or turn out
// not to. Who publishes other topics notices nothing.
//
// Each place has a balance of bytes, which what is sent takes away and time gives back at rate. A topic is shut for an event
// while it is held and the balance is less than the event has bytes, or the event is long.
//
// The loop that has it opens and closes holds; any goroutine may ask and spend. rate and start, the balance at first, never
// change.
type holds struct {
	rate, start int64
	// long is from where on an event is long. It waits until its topic is not held any more, whatever the balance.
	long int64
	// open is how many places are held. While it is 0, nothing more is looked at.
	open   atomic.Int32
	places [holdPlaces]atomic.Int64
}

func (h *holds) init(queueLimit int) {
	h.rate, h.start = int64(queueLimit/holdRateShare), int64(queueLimit/holdStartShare)
	h.long = int64(queueLimit / 8 * longEighths)
}

// isShut says whether an event of that size has to wait.
func (h *holds) isShut(of receivers, size int64) bool {
	return h.open.Load() != 0 && (h.isPlaceShut(of.ofType, size) || h.isPlaceShut(of.ofTypeAndID, size))
}

func (h *holds) isPlaceShut(place uint16, size int64) bool {
	v := h.places[place].Load()
	return v != 0 && (size > h.long || v-heldSpan < size)
}

// spend takes what is sent off the balances.
func (h *holds) spend(of receivers, size int64) {
	if h.open.Load() != 0 {
		h.add(of.ofType, -size)
		h.add(of.ofTypeAndID, -size)
	}
}

// add changes the balance of a place that is held.
func (h *holds) add(place uint16, bytes int64) {
	for {
		v := h.places[place].Load()
		if v == 0 || h.places[place].CompareAndSwap(v, min(max(v+bytes, heldSpan-maxDebtSeconds*h.rate), heldSpan+maxSavedSeconds*h.rate)) {
			return
		}
	}
}

// hold is one place that a loop holds, with the topic or the spoke for which it does.
type hold struct {
	topic *subs.Topic
	spoke *Spoke
	place uint16
	// witness is a congested member, at was its index among the members.
	witness uint32
	at      int
}

// holdList is what a loop holds back. It belongs to the loop's goroutine.
type holdList struct {
	all []hold
	// reviewed is when balances were last given something.
	reviewed time.Duration
	timer    *time.Timer
	// isSet says that the timer runs, or its task is on its way.
	isSet bool
	// patience is what the topics of some places have had of it, by place.
	patience map[uint16]holdPatience
}

// holdPatience is for how long a topic was held back for few of its members.
type holdPatience struct {
	spent time.Duration
	// since is when that was counted, looked when it was last looked whether they are still few.
	since, looked time.Duration
}

// left is what there is of it at a moment.
func (p holdPatience) left(now time.Duration) time.Duration {
	return maxMinorityHold - max(p.spent-(now-p.since)/patienceShare, 0)
}

// holdTopics holds back the topics of an event that has met congested members: ofType and ofTypeAndID, as
// netpoll.Sender.Met has them.
func (l *loop) holdTopics(f *frame, ofType, ofTypeAndID uint32) {
	of := receiversOf(&f.match, f.only)
	if ofType != netpoll.NoSlot {
		l.hold(hold{topic: f.match.Type, spoke: f.only, place: of.ofType, witness: ofType})
	}
	if ofTypeAndID != netpoll.NoSlot {
		l.hold(hold{topic: f.match.TypeID, place: of.ofTypeAndID, witness: ofTypeAndID})
	}
}

func (l *loop) hold(h hold) {
	place := &l.shared.holds.places[h.place]
	if place.Load() != 0 || !l.mayHold(&h) {
		return
	}
	start := l.shared.holds.start
	if l.sender.IsStuck(h.witness) {
		start = int64(l.hub.cfg.QueueLimit / stuckStartShare)
	}
	place.Store(heldSpan + start)
	l.shared.holds.open.Add(1)
	if len(l.flow.holds.all) == 0 {
		l.flow.holds.reviewed = l.reactor.Now()
	}
	l.flow.holds.all = append(l.flow.holds.all, h)
	l.setReview()
}

// mayHold says whether a topic is worth holding back: whether most of its members are behind, or few have not been so for long.
func (l *loop) mayHold(h *hold) bool {
	p, known := l.flow.holds.patience[h.place]
	now := l.reactor.Now()
	if !known || p.left(now) > 0 {
		return true
	}
	if now-p.looked < reviewInterval {
		return false
	}
	p.looked = now
	l.flow.holds.patience[h.place] = p
	return !l.isForFew(h)
}

// maxSampled is how many members of a topic are looked at to say whether most are behind.
const maxSampled = 512

// isForFew says whether less than half of the members of a topic are behind, judging by some of them where it has very many.
func (l *loop) isForFew(h *hold) bool {
	if h.topic == nil {
		return false
	}
	behind, looked, members := 0, 0, l.part.Members(h.topic)
	for i := 0; i < len(members); i += 1 + len(members)/maxSampled {
		looked++
		if l.sender.IsCongested(members[i]) {
			behind++
		}
	}
	return 2*behind < looked
}

// spendPatience counts the time for which a topic was held back for few members, and says whether there is more.
func (l *loop) spendPatience(h *hold, span time.Duration) bool {
	if span == 0 || !l.isForFew(h) {
		return true
	}
	list := &l.flow.holds
	if list.patience == nil {
		list.patience = make(map[uint16]holdPatience)
	}
	now, p := l.reactor.Now(), list.patience[h.place]
	p.spent = maxMinorityHold - p.left(now) + span
	p.since = now
	list.patience[h.place] = p
	return p.left(now) > 0
}

// reviewHolds ends holds whose topics have no congested member any more, adds to the balances of the others, and has those
// who wait look again where that lets them.
func (l *loop) reviewHolds() {
	list := &l.flow.holds
	if len(list.all) == 0 {
		return
	}
	gained, span := int64(0), time.Duration(0)
	if since := l.reactor.Now() - list.reviewed; since >= reviewInterval {
		span = min(since, time.Second)
		gained = int64(span) * l.shared.holds.rate / int64(time.Second)
		list.reviewed = l.reactor.Now()
	}
	eased := gained > 0
	left := list.all[:0]
	for i := range list.all {
		h := list.all[i]
		if !l.isHeld(&h) || !l.spendPatience(&h, span) {
			l.shared.holds.places[h.place].Store(0)
			l.shared.holds.open.Add(-1)
			eased = true
			continue
		}
		pays := gained
		if l.sender.IsStuck(h.witness) {
			pays *= stuckShare
		}
		l.shared.holds.add(h.place, pays)
		left = append(left, h)
	}
	clear(list.all[len(left):])
	list.all = left
	if eased {
		l.notifyWaiters()
	}
	l.setReview()
}

// isHeld says whether some receiver is congested still, and finds another witness of that if the one it knew is not.
func (l *loop) isHeld(h *hold) bool {
	if h.spoke != nil {
		return h.spoke.phase == open && l.sender.IsBehind(h.spoke.conn.Slot)
	}
	if l.sender.IsCongested(h.witness) {
		return true
	}
	members := l.part.Members(h.topic)
	for i := range members {
		at := (h.at + i) % len(members)
		if l.sender.IsCongested(members[at]) {
			h.witness, h.at = members[at], at
			return true
		}
	}
	return false
}

// setReview makes sure that there is a turn within reviewInterval while something is held back, though nothing may happen:
// that readers stall is told by nothing but time.
func (l *loop) setReview() {
	list := &l.flow.holds
	if len(list.all) == 0 || list.isSet {
		return
	}
	list.isSet = true
	if list.timer == nil {
		list.timer = time.AfterFunc(reviewInterval, func() { l.reactor.Post(reviewTime{}) })
		return
	}
	list.timer.Reset(reviewInterval)
}

// reviewTime is a task that causes a turn, which looks at what is held back.
type reviewTime struct{}

// Do lets the timer be set again.
func (reviewTime) Do(r *netpoll.Reactor) { r.Handler().(*loop).flow.holds.isSet = false }
