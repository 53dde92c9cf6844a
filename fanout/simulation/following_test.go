//go:build faults && linux

package simulation

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

// followAction is one thing that the driver may do to a follower, or to types with policies.
type followAction struct {
	name   string
	weight int
	run    func(s *sim, f *follower, r *rand.Rand)
}

var followActions = []followAction{
	{"subscribe", 14, (*sim).askForSome},
	{"subscribe while events come", 6, (*sim).askAmongEvents},
	{"unsubscribe", 6, (*sim).leaveSome},
	{"dispatch", 12, (*sim).dispatchKept},
	{"dispatch a flood", 12, (*sim).floodKept},
	{"dispatch from several goroutines", 5, (*sim).burst},
	{"publish", 5, (*sim).publishKept},
	{"publish with a key", 5, (*sim).publishKeyed},
	{"relay", 8, (*sim).relayKept},
	{"stall", 6, func(_ *sim, f *follower, _ *rand.Rand) { f.pace = stalls }},
	{"read slowly", 4, func(_ *sim, f *follower, _ *rand.Rand) { f.pace = trickles }},
	{"read on", 8, func(_ *sim, f *follower, _ *rand.Rand) { f.pace = readsOn }},
	{"cut", 5, (*sim).cutFollower},
	{"end", 3, (*sim).endFollower},
	{"be subscribed", 3, (*sim).beFollowing},
	{"be unsubscribed", 2, (*sim).beLeaving},
	{"wait for quiet", 3, func(s *sim, _ *follower, _ *rand.Rand) { s.quiet() }},
}

// follow plays what one step has for followers.
func (s *sim) follow(r *rand.Rand) {
	if len(s.seats) == 0 {
		return
	}
	for range 1 + r.IntN(3) {
		seat := r.IntN(len(s.seats))
		f := s.seats[seat]
		if f == nil || !f.usable() {
			s.comeBack(seat, r)
			continue
		}
		total := 0
		for _, a := range followActions {
			total += a.weight
		}
		n := r.IntN(total)
		for _, a := range followActions {
			if n -= a.weight; n < 0 {
				s.logf("%v: %s", f, a.name)
				a.run(s, f, r)
				break
			}
		}
		s.audit()
	}
}

// comeBack has a new follower take a seat, and go on where the last one in it has been.
func (s *sim) comeBack(seat int, r *rand.Rand) {
	f := &follower{sim: s, id: len(s.followers.all), had: make(map[string][]event.Position), left: make(map[string]bool)}
	f.codes, f.causes = make(map[int]bool), map[fanout.CauseKind]bool{fanout.CauseShutdown: true, fanout.CausePeerGone: s.traits.plan.Reset > 0}
	if last := s.seats[seat]; last != nil {
		f.had = last.had
	}
	k, conn := s.pairOf(pick(r, "tcp", "unix", "unix", "link"), r)
	spoke, err := s.hub.AddConnection(conn)
	if err != nil {
		s.fail("add a follower: %v", err)
	}
	f.socket, f.spoke = k, spoke
	s.recorder.assign(spoke, followerSpoke)
	s.followers.all = append(s.followers.all, f)
	s.seats[seat] = f
	s.logf("%v: connect", f)
	if last := f.had; len(last) > 0 && !oneIn(r, 4) {
		s.resumeAll(f, r)
	}
}

// resumeAll asks for all topics of which there is a position, from the last of these.
func (s *sim) resumeAll(f *follower, r *rand.Rand) {
	var topics []string
	for topic := range f.had {
		topics = append(topics, topic)
	}
	slices.Sort(topics)
	r.Shuffle(len(topics), func(i, j int) { topics[i], topics[j] = topics[j], topics[i] })
	topics = topics[:min(len(topics), 6)]
	since := make(map[string]string)
	for _, topic := range topics {
		had := f.had[topic]
		since[topic] = jsonOf(had[len(had)-1])
	}
	s.ask(f, topics, since)
}

// followerSpoke marks the record of a follower's spoke.
const followerSpoke = -3

// someFollowedTopic is a topic with a policy.
func someFollowedTopic(r *rand.Rand) string {
	return topicOf(pick(r, historyTypes...), pick(r, eventIDs...))
}

func (s *sim) askForSome(f *follower, r *rand.Rand) {
	var topics []string
	since := make(map[string]string)
	for range 1 + r.IntN(3) {
		topic := someFollowedTopic(r)
		if slices.Contains(topics, topic) {
			continue
		}
		topics = append(topics, topic)
		if !oneIn(r, 3) {
			since[topic] = s.somePosition(f, topic, r)
		}
	}
	s.ask(f, topics, since)
}

// askAmongEvents subscribes to a topic from an old position, while events are dispatched to its type.
func (s *sim) askAmongEvents(f *follower, r *rand.Rand) {
	topic := someFollowedTopic(r)
	typ, _, _ := strings.Cut(topic, ":")
	h := s.histories[typ]
	f.pace = pick(r, readsOn, trickles, stalls)
	s.ask(f, []string{topic}, map[string]string{topic: jsonOf(event.Position{Epoch: h.epoch, Offset: h.top() - min(h.top(), r.Uint64N(30))})})
	f.flush()
	for range 4 + r.IntN(24) {
		s.dispatchOf(typ, pick(r, eventIDs...), 0)
	}
}

// somePosition is the JSON of a position, or of what is none.
func (s *sim) somePosition(f *follower, topic string, r *rand.Rand) string {
	typ, _, _ := strings.Cut(topic, ":")
	h, had := s.histories[typ], f.had[topic]
	p := event.Position{Epoch: h.epoch}
	switch r.IntN(8) {
	case 0:
		p.Epoch = "other"
		p.Offset = h.top()
	case 1:
		p.Offset = h.top() + 1<<20
	case 2:
		return pick(r, `null`, `7`, `"x"`, `{}`, `{"epoch":"`+h.epoch+`"}`, `{"epoch":"`+h.epoch+`","offset":-1}`, `{"epoch":"","offset":1}`)
	case 3:
		p.Offset = h.top()
	case 4, 5:
		p.Offset = h.top() - min(h.top(), r.Uint64N(60))
	default:
		if len(had) > 0 {
			p = pick(r, had...)
		}
	}
	return jsonOf(p)
}

// ask sends a subscription.
func (s *sim) ask(f *follower, topics []string, since map[string]string) {
	topics = topics[:min(len(topics), max(0, s.traits.maxTopics-len(f.watches)))]
	if len(topics) == 0 {
		return
	}
	a := f.newAsk(topics)
	var members []string
	for _, topic := range topics {
		w := f.newWatch(topic)
		a.watches = append(a.watches, w)
		text, has := since[topic]
		if !has {
			continue
		}
		members = append(members, jsonOf(topic)+":"+text)
		var p event.Position
		if _, err := fmt.Sscanf(text, `{"epoch":%q,"offset":%d}`, &p.Epoch, &p.Offset); err == nil && w != nil && p.Epoch == w.history.epoch && p.Epoch != "" &&
			p.Offset <= w.history.top() {
			a.since[topic] = p.Offset
		}
	}
	s.logf("  %v: %v since %v", f, topics, since)
	f.text(`{"type":"__subscribe","id":"` + a.id + `","payload":{"topics":` + jsonOf(topics) + `,"since":{` + strings.Join(members, ",") + `}}}`)
}

func (f *follower) newAsk(topics []string) *ask {
	f.sim.audit()
	a := &ask{id: fmt.Sprint("f", f.asked), topics: topics, since: make(map[string]uint64), tops: make(map[string]uint64)}
	f.asked++
	for typ, h := range f.sim.histories {
		a.tops[typ] = h.top()
	}
	f.asks = append(f.asks, a)
	return a
}

// newWatch is that of a topic which the follower does not have, nil if it has it.
func (f *follower) newWatch(topic string) *watch {
	typ, id, _ := strings.Cut(topic, ":")
	w := &watch{follower: f, history: f.sim.histories[typ], topic: topic, id: id}
	w.shared = f.left[typ]
	for _, other := range f.watches {
		if other.topic == topic && !other.leaves {
			return nil
		}
		if other.history == w.history {
			other.shared, w.shared = true, true
		}
	}
	f.watches = append(f.watches, w)
	f.mayFall = f.mayFall || typ == "hclose"
	f.causes[fanout.CauseBackpressure] = f.mayFall
	return w
}

func (s *sim) leaveSome(f *follower, r *rand.Rand) {
	topics := []string{someFollowedTopic(r)}
	if len(f.watches) > 0 && !oneIn(r, 4) {
		topics[0] = pick(r, f.watches...).topic
	}
	s.logf("  %v", topics)
	f.leave(topics, nil)
}

// leave sends an unsubscription, of which done hears when it has been answered.
func (f *follower) leave(topics []string, done func()) {
	a := f.newAsk(topics)
	a.ends, a.done = true, done
	for _, topic := range topics {
		a.watches = append(a.watches, f.leaving(topic))
	}
	f.text(`{"type":"__unsubscribe","id":"` + a.id + `","payload":{"topics":` + jsonOf(topics) + `}}`)
}

// leaving marks the watch of a topic, and returns it, nil if there is none.
func (f *follower) leaving(topic string) *watch {
	for _, w := range f.watches {
		if w.topic == topic && !w.leaves {
			w.leaves = true
			f.left[w.history.policy.Match] = true
			if w.state == inForce {
				w.state = leaving
			}
			return w
		}
	}
	return nil
}

func (s *sim) cutFollower(f *follower, _ *rand.Rand) {
	f.ending, f.causes[fanout.CausePeerGone] = true, true
	f.remember()
	f.kill()
}

// endFollower ends a follower in another way than by cutting it off.
func (s *sim) endFollower(f *follower, r *rand.Rand) {
	f.ending, f.pace = true, readsOn
	f.causes[fanout.CausePeerGone], f.causes[fanout.CausePeerClosed], f.causes[fanout.CauseClosed] = true, true, true
	switch r.IntN(3) {
	case 0:
		f.codes[1000] = true
		f.out = append(f.out, clientFrame(fin|opClose, string(binary.BigEndian.AppendUint16(nil, 1000)), 7)...)
	case 1:
		f.codes[codeOfCallback] = true
		f.spoke.Close(codeOfCallback, "go")
	default:
		f.causes[fanout.CauseRemoved] = true
		if live, err := s.hub.RemoveConnection(f.spoke.Conn()); err == nil {
			go live.Close()
		} else if !errors.Is(err, fanout.ErrNotConnected) {
			f.fail("remove: %v", err)
		}
	}
}

// beFollowing has the hub's side subscribe a follower.
func (s *sim) beFollowing(f *follower, r *rand.Rand) {
	topic := someFollowedTopic(r)
	if len(f.asks) > 0 || len(f.watches) >= s.traits.maxTopics {
		return
	}
	s.audit()
	s.logf("  to %s", topic)
	w := f.newWatch(topic)
	if w == nil {
		return
	}
	before := w.history.top()
	if err := f.spoke.Subscribe(topic); err != nil && !errors.Is(err, fanout.ErrNotConnected) {
		f.fail("subscribe: %v", err)
	}
	s.audit()
	w.confirmDoubtful(before, w.history.top())
	w.snapshot = s.traits.snapshots && w.doubtful == 0
	f.bySide = true
}

// beLeaving has the hub's side unsubscribe a follower.
func (s *sim) beLeaving(f *follower, r *rand.Rand) {
	if len(f.watches) == 0 || len(f.asks) > 0 {
		return
	}
	topic := pick(r, f.watches...).topic
	s.logf("  from %s", topic)
	if err := f.spoke.Unsubscribe(topic); err != nil && !errors.Is(err, fanout.ErrNotConnected) {
		f.fail("unsubscribe: %v", err)
	}
	if w := f.leaving(topic); w != nil {
		f.leave([]string{barrierTopic}, func() { f.drop(w) })
	}
}
