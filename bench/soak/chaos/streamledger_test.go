//go:build linux

package main

import (
	"strings"
	"testing"

	"github.com/spokehub/spokehub/event"
)

// keptScene is a scene with the streams of a hub. The listener holds order, order:1 and quote:1.
type keptScene struct {
	*scene
	epoch string
	tops  map[string]uint64
	lines int
}

// kept is an event of a stream where a hub has put it.
type kept struct {
	number
	kind string
	at   event.Position
}

const (
	anOrder = orderType + ":1"
	aQuote  = quoteType + ":1"
)

func newKeptScene(t *testing.T) *keptScene {
	s := &keptScene{scene: &scene{T: t, ledger: newLedger(4, 4)}, lines: 1}
	s.restart("a")
	return s
}

// restart has a new hub, whose streams are empty.
func (s *keptScene) restart(epoch string) {
	s.epochEnds([]streamKey{{s.epoch, orderType}, {s.epoch, quoteType}})
	s.epoch, s.tops = epoch, map[string]uint64{}
	s.epochBegins([]streamKey{{epoch, orderType}, {epoch, quoteType}})
}

// here is the end of a stream.
func (s *keptScene) here(kind string) event.Position {
	return event.Position{Epoch: s.epoch, Offset: s.tops[kind]}
}

// join gives the listener a line, on which it asks from a position of each topic; one that it does not name has none. Missed is what
// the hub says of a quote that it has resumed.
func (s *keptScene) join(since map[string]event.Position, missed int64) *passage {
	p := s.opened(listener, s.lines, healthy)
	s.lines++
	s.asked(p, topicsOf(listener))
	s.askedFrom(p, topicsOf(listener), since)
	answers := map[string]answer{}
	for _, topic := range []string{orderType, anOrder, aQuote} {
		kind, _, _ := strings.Cut(topic, ":")
		a := answer{Epoch: s.epoch, Offset: s.tops[kind], Result: event.Fresh}
		if since[topic].Epoch == s.epoch {
			a.Result = event.Resumed
			if kind == quoteType && missed > 0 {
				a.Result, a.Missed = event.Gapped, &missed
			}
		}
		answers[topic] = a
	}
	s.answered(p, topicsOf(listener), answers)
	s.acked(p, topicsOf(listener))
	return p
}

// put publishes an event, which the hub puts into its stream.
func (s *keptScene) put(name string) kept {
	e := s.begin([]int{strandNumbers[name]})[0]
	kind, _, _ := strings.Cut(name, ":")
	s.tops[kind]++
	s.observed(streamKey{s.epoch, kind}, s.tops[kind], e)
	return kept{e, kind, s.here(kind)}
}

// send has an event pass on a line.
func (s *keptScene) send(p *passage, all ...kept) {
	for _, k := range all {
		s.streamPassed(p, k.kind, k.at.Offset, k.number)
	}
}

// hear has a listener of a topic get events.
func (s *keptScene) hear(topic string, all ...kept) {
	s.Helper()
	for _, k := range all {
		if err := s.streamHeard(listener, topic, k.at, k.number); err != nil {
			s.Fatal(err)
		}
	}
}

// tell has the client be told of a gap.
func (s *keptScene) tell(g event.Gap) {
	s.Helper()
	if err := s.streamGap(listener, g); err != nil {
		s.Fatal(err)
	}
}

// since are the positions of all topics behind some events, and at the beginning where there is none.
func (s *keptScene) since(order, quote kept) map[string]event.Position {
	of := func(k kept) event.Position {
		if k.n == 0 {
			return event.Position{Epoch: s.epoch}
		}
		return k.at
	}
	return map[string]event.Position{orderType: of(order), anOrder: of(order), aQuote: of(quote)}
}

// wantProblem wants one problem with these words, or none if there are no words.
func (s *keptScene) wantProblem(words string) {
	s.Helper()
	found := s.result().problems
	if words == "" && len(found) > 0 || words != "" && (len(found) != 1 || !strings.Contains(found[0].What, words)) {
		s.Errorf("got the problems %v, want one with %q", found, words)
	}
}

func TestDefectsOfHubsInStreamsAreFound(t *testing.T) {
	for name, c := range map[string]struct {
		play  func(s *keptScene, p *passage)
		words string
	}{
		"an event twice on a line": {func(s *keptScene, p *passage) {
			one := s.put(anOrder)
			s.send(p, one, one)
		}, "twice or out of order on one line"},
		"an event that nobody subscribed to": {func(s *keptScene, p *passage) {
			s.send(p, s.put("quote:2"))
		}, "not subscribed"},
		"an event without an answer": {func(s *keptScene, p *passage) {
			s.send(s.opened(listener, 9, healthy), s.put(anOrder))
		}, "ahead of its answer"},
		"different events at one offset": {func(s *keptScene, p *passage) {
			one := s.put(anOrder)
			one.n++
			s.send(p, one)
		}, "another event"},
		"a position that it does not know": {func(s *keptScene, p *passage) {
			s.askedFrom(p, []string{aQuote}, map[string]event.Position{aQuote: s.here(quoteType)})
			s.answered(p, []string{aQuote}, map[string]answer{aQuote: {Epoch: "a", Result: event.Fresh}})
		}, "the hub answered"},
		"a topic without a position": {func(s *keptScene, p *passage) {
			s.answered(p, []string{aQuote}, nil)
		}, "gave no position"},
		"a gap where everything is kept": {func(s *keptScene, p *passage) {
			s.askedFrom(p, []string{anOrder}, map[string]event.Position{anOrder: s.here(orderType)})
			s.answered(p, []string{anOrder}, map[string]answer{anOrder: {Epoch: "a", Result: event.Gapped}})
		}, "has lost events of order:1"},
		"an event lost in the stream": {func(s *keptScene, p *passage) {
			s.begin([]int{strandNumbers[anOrder]})
			s.put(anOrder)
		}, "lacks an event that was published"},
		"not one that a dying hub has not taken": {func(s *keptScene, p *passage) {
			s.doubt(s.begin([]int{strandNumbers[anOrder]}))
			s.put(anOrder)
		}, ""},
		"an event twice in the stream": {func(s *keptScene, p *passage) {
			one := s.put(anOrder)
			s.observed(streamKey{"a", orderType}, 2, one.number)
		}, "twice or out of the order of publishing"},
		"not an event of which the observer was told that it does not get it": {func(s *keptScene, p *passage) {
			s.begin([]int{strandNumbers[anOrder]})
			s.tops[orderType]++
			s.unobserved(streamKey{"a", orderType}, span{1, 1})
			last := s.put(anOrder)
			s.send(p, last)
			s.hear(anOrder, last)
		}, ""},
		"an event lost behind one that the observer does not get": {func(s *keptScene, p *passage) {
			s.tops[orderType]++
			s.unobserved(streamKey{"a", orderType}, span{1, 1})
			s.put(anOrder)
			s.begin([]int{strandNumbers[anOrder]})
			s.put(anOrder)
		}, "lacks an event that was published"},
		"an offset left out": {func(s *keptScene, p *passage) {
			s.tops[orderType]++
			s.put(anOrder)
		}, "no dense offsets"},
		"what a client has published twice in the stream": {func(s *keptScene, p *passage) {
			e := number{len(strands) + 3, 1, 0}
			s.observed(streamKey{"a", orderType}, 1, e)
			s.observed(streamKey{"a", orderType}, 2, e)
		}, "that a client published once"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newKeptScene(t)
			c.play(s, s.join(nil, 0))
			s.wantProblem(c.words)
		})
	}
}

func TestStreamsOfEarlierHubsAreForgotten(t *testing.T) {
	s := newKeptScene(t)
	s.restart("b")
	s.restart("c")
	s.settle()
	if len(s.streams.archives) != len(keptTypes) {
		t.Errorf("got %d streams, want those of the hub that runs, %d", len(s.streams.archives), len(keptTypes))
	}
}

func TestEveryKindOfHolderAndAuthorIsInEachCrew(t *testing.T) {
	for name, isOne := range map[string]func(topics []string, author string) bool{
		"holds a type and an id of it": func(topics []string, _ string) bool { return topics[0] == orderType && len(topics) == 3 },
		"holds a type alone":           func(topics []string, _ string) bool { return topics[0] == quoteType && len(topics) == 2 },
		"publishes to one stream":      func(topics []string, author string) bool { return author == topics[0] },
		"publishes to the other":       func(topics []string, author string) bool { return author == topics[1] },
	} {
		for crew := range 2 {
			found := false
			for client := 10 * crew; client < 10*crew+10; client++ {
				found = found || isOne(keptTopicsOf(client), authorTopic(client))
			}
			if !found {
				t.Errorf("got no client from %d on that %s, want one", 10*crew, name)
			}
		}
	}
}
