package spoke

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/spokehub/spokehub/event"
)

// modelEvent is an event of a stream of the model.
type modelEvent struct {
	typ, id string
	offset  uint64
}

func (e modelEvent) matches(topic string) bool { return topic == e.typ || topic == e.typ+":"+e.id }

// modelMessage is what the hub of the model sends: an event, a gap, or an ack of one topic.
type modelMessage struct {
	event  *modelEvent
	gap    *event.Gap
	topic  string
	number uint64
	answer event.AckPosition
	// floor is the offset up to which the stream was trimmed when the hub made the ack.
	floor uint64
}

// pass is a replay: of some topics, each from a position of its own, up to a common end.
type pass struct {
	since map[string]uint64
	at    uint64
	end   uint64
}

// spokeAtHub is what the hub of the model keeps of its one spoke for a stream.
//
// It keeps the contract and no more: events of one topic come in order, those of several passes in any order if no topic of one
// matches events of another, and nothing behind the end of a pass comes ahead of what is in it.
type spokeAtHub struct {
	// live are the topics whose replay is over, and the offset behind which live events follow. Those up to fed have been sent.
	live map[string]uint64
	fed  uint64
	// passes are the replays that are under way.
	passes []*pass
}

// modelHub is a hub with one spoke, whose messages wait in sent.
type modelHub struct {
	random  *rand.Rand
	epoch   string
	epochs  int
	events  map[string][]modelEvent
	floor   map[string]uint64
	streams map[string]*spokeAtHub
	sent    []modelMessage
	// missing are the offsets of the events that a gap means.
	missing map[event.Gap][]uint64
	// number is that of the control event that the hub answers.
	number uint64
}

func newModelHub(random *rand.Rand) *modelHub {
	h := &modelHub{random: random, missing: map[event.Gap][]uint64{}}
	h.restart()
	return h
}

// restart begins a new epoch.
func (h *modelHub) restart() {
	h.epochs++
	h.epoch = fmt.Sprint("x", h.epochs)
	h.events, h.floor = map[string][]modelEvent{}, map[string]uint64{}
	h.disconnect()
}

// disconnect forgets the spoke and loses what it has not read.
func (h *modelHub) disconnect() { h.sent, h.streams = nil, map[string]*spokeAtHub{} }

func (h *modelHub) top(typ string) uint64 { return uint64(len(h.events[typ])) }

func (h *modelHub) publish(typ, id string) {
	h.events[typ] = append(h.events[typ], modelEvent{typ, id, h.top(typ) + 1})
}

func (h *modelHub) trim(typ string) {
	if kept := h.top(typ) - h.floor[typ]; kept > 0 {
		h.floor[typ] += 1 + h.random.Uint64N(kept)
	}
}

func (h *modelHub) at(typ string) *spokeAtHub {
	s := h.streams[typ]
	if s == nil {
		s = &spokeAtHub{live: map[string]uint64{}}
		h.streams[typ] = s
	}
	return s
}

// subscribe adds the spoke to the topics, which are of one type, and acknowledges them.
func (h *modelHub) subscribe(typ string, topics []string, since map[string]event.Position) {
	s := h.at(typ)
	for len(s.passes) > 0 && !s.isApart(topics) {
		h.step(typ)
	}
	if len(s.passes) == 0 {
		h.feed(typ, h.top(typ))
	}
	replay := &pass{since: map[string]uint64{}, end: h.top(typ)}
	for _, topic := range topics {
		answer := event.AckPosition{Position: event.Position{Epoch: h.epoch, Offset: h.top(typ)}, Result: event.Fresh}
		if s.has(topic) {
			h.sent = append(h.sent, modelMessage{topic: topic, number: h.number, answer: answer})
			continue
		}
		from := h.top(typ)
		if p, asked := since[topic]; asked && p.Epoch == h.epoch && p.Offset <= h.top(typ) {
			from = p.Offset
			answer.Result = event.Resumed
			if from < h.floor[typ] {
				answer.Result, answer.Missed = event.Gapped, int64(h.floor[typ]-from)
				from = h.floor[typ]
			}
		}
		replay.since[topic] = from
		h.sent = append(h.sent, modelMessage{topic: topic, number: h.number, answer: answer, floor: h.floor[typ]})
	}
	if len(replay.since) > 0 {
		replay.at = slices.Min(slices.Collect(maps.Values(replay.since)))
		s.passes = append(s.passes, replay)
	}
}

func (s *spokeAtHub) has(topic string) bool {
	_, isLive := s.live[topic]
	return isLive || slices.ContainsFunc(s.passes, func(p *pass) bool { _, is := p.since[topic]; return is })
}

// isApart says whether no event matches one of the topics and another of the spoke's.
func (s *spokeAtHub) isApart(topics []string) bool {
	return !slices.ContainsFunc(append(s.topics(), topics...), func(topic string) bool { return !strings.Contains(topic, ":") })
}

// topics returns those of the spoke.
func (s *spokeAtHub) topics() []string {
	all := slices.Collect(maps.Keys(s.live))
	for _, p := range s.passes {
		all = slices.AppendSeq(all, maps.Keys(p.since))
	}
	slices.Sort(all)
	return all
}

func (h *modelHub) unsubscribe(typ, topic string) {
	s := h.at(typ)
	for len(s.passes) > 0 {
		h.step(typ)
	}
	h.feed(typ, h.top(typ))
	delete(s.live, topic)
}

// step sends the next event of a pass, or, without one, the next live event.
func (h *modelHub) step(typ string) {
	s := h.at(typ)
	if len(s.passes) == 0 {
		if len(s.live) > 0 && s.fed < h.top(typ) {
			h.feed(typ, s.fed+1)
		}
		return
	}
	at := h.random.IntN(len(s.passes))
	p := s.passes[at]
	if p.at < p.end && p.at < h.floor[typ] {
		var gone []uint64
		for to := min(h.floor[typ], p.end); p.at < to; p.at++ {
			gone = append(gone, p.at+1)
		}
		h.tellGap(typ, gone[len(gone)-1], event.GapTrimmed, gone...)
	}
	if p.at < p.end {
		e := h.events[typ][p.at]
		p.at++
		for topic, since := range p.since {
			if e.matches(topic) && e.offset > since {
				h.sent = append(h.sent, modelMessage{event: &e})
				break
			}
		}
		return
	}
	for topic := range p.since {
		s.live[topic] = p.end
	}
	s.passes = slices.Delete(s.passes, at, at+1)
}

// tellGap sends a gap of events that are gone. Others of those up to an offset may come behind it.
func (h *modelHub) tellGap(typ string, to uint64, reason event.GapReason, gone ...uint64) {
	g := event.Gap{Topic: h.at(typ).gapTopic(typ), Epoch: h.epoch, From: gone[0], To: to, Missed: int64(len(gone)), Reason: reason}
	h.missing[g] = gone
	h.sent = append(h.sent, modelMessage{gap: &g})
}

// gapTopic is the spoke's topic of the stream if it has one alone, else the type.
func (s *spokeAtHub) gapTopic(typ string) string {
	all := s.topics()
	if len(all) == 1 {
		return all[0]
	}
	return typ
}

// feed sends live events up to an offset, and now and then a gap in their place.
func (h *modelHub) feed(typ string, to uint64) {
	s := h.at(typ)
	for ; s.fed < to; s.fed++ {
		e := h.events[typ][s.fed]
		if !slices.ContainsFunc(s.topics(), func(topic string) bool { return e.matches(topic) && e.offset > s.live[topic] }) {
			continue
		}
		if h.random.IntN(20) == 0 {
			h.tellGap(typ, e.offset+h.random.Uint64N(4), event.GapSlow, e.offset)
			continue
		}
		h.sent = append(h.sent, modelMessage{event: &e})
	}
}
