//go:build linux

package main

import (
	"strings"
	"testing"

	"github.com/spokehub/spokehub/event"
)

func TestDefectsOfClientsInStreamsAreFound(t *testing.T) {
	for name, c := range map[string]struct {
		play  func(s *keptScene, p *passage)
		words string
	}{
		"not where all is heard in order": {func(s *keptScene, p *passage) {
			one, other, quote := s.put(anOrder), s.put("order:2"), s.put(aQuote)
			s.send(p, one, other, quote)
			s.hear(orderType, one, other)
			s.hear(anOrder, one)
			s.hear(aQuote, quote)
		}, ""},
		"not where what came with a line that was cut comes again": {func(s *keptScene, p *passage) {
			first, second := s.put(anOrder), s.put(anOrder)
			s.send(p, first, second)
			s.hear(anOrder, first)
			next := s.join(s.since(first, kept{}), 0)
			s.send(next, second)
			s.hear(anOrder, second)
		}, ""},
		"an event lost on a line": {func(s *keptScene, p *passage) {
			first, second, third := s.put("order:2"), s.put("order:2"), s.put("order:3")
			s.send(p, first, second, third)
			s.hear(orderType, first, third)
		}, "missed a:2 of order and was told of no gap"},
		"an event lost between two lines": {func(s *keptScene, p *passage) {
			first, second, third := s.put(anOrder), s.put(anOrder), s.put(anOrder)
			s.send(p, first)
			s.hear(anOrder, first)
			s.send(s.join(s.since(second, kept{}), 0), third)
			s.hear(anOrder, third)
		}, "missed a:2 of order:1 and was told of no gap"},
		"the first event behind the answer": {func(s *keptScene, p *passage) {
			s.send(p, s.put(anOrder))
			second := s.put(anOrder)
			s.send(p, second)
			s.hear(anOrder, second)
		}, "missed a:1 of order:1"},
		"an event twice": {func(s *keptScene, p *passage) {
			one := s.put(aQuote)
			s.send(p, one)
			s.hear(aQuote, one, one)
		}, "twice or out of order"},
		"events out of order": {func(s *keptScene, p *passage) {
			first, second := s.put("order:2"), s.put("order:3")
			s.send(p, first, second)
			s.hear(orderType, first)
			s.hear(orderType, second)
			s.hear(orderType, first)
		}, "twice or out of order"},
		"an event of another topic": {func(s *keptScene, p *passage) {
			other := s.put("order:2")
			s.send(p, other)
			s.hear(anOrder, other)
		}, "another event"},
		"another event at an offset": {func(s *keptScene, p *passage) {
			one := s.put(anOrder)
			s.send(p, one)
			one.n++
			s.hear(anOrder, one)
		}, "another event"},
		"a gap where everything is kept": {func(s *keptScene, p *passage) {
			one := s.put(anOrder)
			s.send(p, one)
			s.tell(event.Gap{Topic: orderType, Epoch: "a", From: 1, Missed: 1, Reason: event.GapTrimmed})
		}, "that keeps everything"},
		"a position that is forgotten": {func(s *keptScene, p *passage) {
			one := s.put(aQuote)
			s.send(p, one)
			s.hear(aQuote, one)
			s.join(nil, 0)
		}, "without its position"},
		"a position of an answer that is forgotten": {func(s *keptScene, p *passage) {
			s.deliver(p, s.begin([]int{0})...)
			s.join(map[string]event.Position{orderType: s.here(orderType), anOrder: s.here(orderType)}, 0)
		}, "without its position"},
		"not where no answer has come": {func(s *keptScene, p *passage) {
			s.put(anOrder)
			next := s.join(nil, 0)
			second := s.put(anOrder)
			s.send(next, second)
			s.hear(anOrder, second)
		}, ""},
		"a position that nobody has given": {func(s *keptScene, p *passage) {
			s.join(map[string]event.Position{orderType: s.here(orderType), anOrder: s.here(orderType), aQuote: {Epoch: "z", Offset: 1}}, 0)
		}, "which no answer gave it"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newKeptScene(t)
			c.play(s, s.join(nil, 0))
			s.wantProblem(c.words)
		})
	}
}

func TestGapsInStreamsAreToldAsTheyAre(t *testing.T) {
	for name, c := range map[string]struct {
		gaps     []event.Gap
		problems int
		words    string
	}{
		"so one that is told is fine":             {[]event.Gap{{Topic: aQuote, Epoch: "a", From: 2, Missed: 2, Reason: event.GapTrimmed}}, 0, ""},
		"and may be told again and be larger":     {[]event.Gap{{Topic: aQuote, Epoch: "a", From: 2, Missed: 1, Reason: event.GapTrimmed}, {Topic: aQuote, Epoch: "a", From: 2, Missed: 2, Reason: event.GapTrimmed}}, 0, ""},
		"and one of the type is one of the topic": {[]event.Gap{{Topic: quoteType, Epoch: "a", From: 2, To: 3, Missed: 2, Reason: event.GapSlow}}, 0, ""},
		"and one that is not told is found":       {nil, 2, "missed a:2 of quote:1 and was told of no gap"},
		"and one that is told too small is found": {[]event.Gap{{Topic: aQuote, Epoch: "a", From: 2, Missed: 1, Reason: event.GapTrimmed}}, 1, "missed a:3 of quote:1"},
		"and one of what was heard is found":      {[]event.Gap{{Topic: aQuote, Epoch: "a", From: 1, Missed: 3, Reason: event.GapTrimmed}}, 1, "of what it has heard"},
		"and one of another epoch is found":       {[]event.Gap{{Topic: aQuote, Epoch: "b", From: 2, Missed: 2, Reason: event.GapTrimmed}}, 1, "of another epoch"},
		"and one of an unknown size is found":     {[]event.Gap{{Topic: aQuote, Epoch: "a", From: 2, To: 3, Missed: -1, Reason: event.GapTrimmed}}, 1, "of an unknown size"},
		"and one that no hub has told is found":   {[]event.Gap{{Topic: aQuote, Epoch: "a", From: 2, Missed: 2, Reason: event.GapTrimmed}, {Topic: aQuote, Missed: -1, Reason: reasonFresh}}, 1, "that no answer has"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newKeptScene(t)
			p := s.join(nil, 0)
			quotes := []kept{s.put(aQuote), s.put(aQuote), s.put(aQuote), s.put(aQuote)}
			s.send(p, quotes[0])
			s.hear(aQuote, quotes[0])
			next := s.join(s.since(kept{}, quotes[0]), 2)
			for _, g := range c.gaps {
				s.tell(g)
			}
			s.send(next, quotes[3])
			s.hear(aQuote, quotes[3])
			found := s.result().problems
			if len(found) != c.problems || len(found) > 0 && !strings.Contains(found[0].What, c.words) {
				t.Errorf("got the problems %v, want %d with %q", found, c.problems, c.words)
			}
		})
	}
}

func TestWhoComesToAnotherEpochIsTold(t *testing.T) {
	fresh := event.Gap{Topic: aQuote, Epoch: "b", Missed: -1, Reason: reasonFresh}
	for name, c := range map[string]struct {
		play  func(s *keptScene, behind map[string]event.Position)
		words string
	}{
		"so it goes on behind the gap": {func(s *keptScene, behind map[string]event.Position) {
			s.put(aQuote)
			next := s.join(behind, 0)
			s.tell(fresh)
			second := s.put(aQuote)
			s.send(next, second)
			s.hear(aQuote, second)
		}, ""},
		"or its going on is found": {func(s *keptScene, behind map[string]event.Position) {
			next := s.join(behind, 0)
			one := s.put(aQuote)
			s.send(next, one)
			s.hear(aQuote, one)
		}, "and was told of no gap"},
		"and what it misses behind that is found": {func(s *keptScene, behind map[string]event.Position) {
			next := s.join(behind, 0)
			s.tell(fresh)
			first, second := s.put(aQuote), s.put(aQuote)
			s.send(next, first, second)
			s.hear(aQuote, second)
		}, "missed b:1 of quote:1"},
		"and a size of the gap is found": {func(s *keptScene, behind map[string]event.Position) {
			s.join(behind, 0)
			g := fresh
			g.Missed = 3
			s.tell(g)
		}, "of a known size"},
		"and an answer that has not come does not count": {func(s *keptScene, behind map[string]event.Position) {
			s.join(behind, 0)
			s.put(aQuote)
			next := s.join(behind, 0)
			s.tell(fresh)
			second := s.put(aQuote)
			s.send(next, second)
			s.hear(aQuote, second)
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newKeptScene(t)
			p := s.join(nil, 0)
			one := s.put(aQuote)
			s.send(p, one)
			s.hear(aQuote, one)
			behind := s.since(kept{}, one)
			s.restart("b")
			c.play(s, behind)
			s.wantProblem(c.words)
		})
	}
}

func TestACalmWaitsForTheEndOfStreams(t *testing.T) {
	s := newKeptScene(t)
	p := s.join(nil, 0)
	all := []kept{s.put(anOrder), s.put("order:2"), s.put(aQuote)}
	s.send(p, all...)
	trailing := func() string {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.trailingLocked(s.accounts[listener])
	}
	for _, heard := range []struct {
		topic string
		kept
	}{{orderType, all[0]}, {anOrder, all[0]}, {aQuote, all[2]}, {orderType, all[1]}} {
		if trailing() == "" {
			t.Errorf("got nothing that the client lacks ahead of %v, want that", heard.kept)
		}
		s.hear(heard.topic, heard.kept)
	}
	if got := trailing(); got != "" {
		t.Errorf("got %q, want nothing that the client lacks", got)
	}
	s.restart("b")
	if trailing() == "" {
		t.Error("got nothing that the client lacks with another hub, want to have it told of a gap")
	}
	s.wantProblem("")
}

func TestAnEventIsJudgedOnceTheStreamIsKnownUpToIt(t *testing.T) {
	s := newKeptScene(t)
	p := s.join(nil, 0)
	first := kept{s.begin([]int{strandNumbers[anOrder]})[0], orderType, event.Position{Epoch: "a", Offset: 1}}
	second := kept{s.begin([]int{strandNumbers[anOrder]})[0], orderType, event.Position{Epoch: "a", Offset: 2}}
	s.send(p, second)
	s.hear(anOrder, second)
	s.wantProblem("")
	s.observed(streamKey{"a", orderType}, 1, first.number)
	s.observed(streamKey{"a", orderType}, 2, second.number)
	s.epochEnds([]streamKey{{"a", orderType}})
	s.wantProblem("missed a:1 of order:1")
}
