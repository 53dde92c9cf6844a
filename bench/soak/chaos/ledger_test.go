//go:build linux

package main

import (
	"strings"
	"testing"
)

// scene is a ledger of two clients, the second of which hears the first, with a line on which client 1 has all its subscriptions.
type scene struct {
	*testing.T
	*ledger
	line *passage
}

const listener = 1

func newScene(t *testing.T) *scene {
	s := &scene{T: t, ledger: newLedger(2, 2)}
	s.line = s.connect(1, healthy)
	return s
}

// connect gives the listener a line on which everything is in force.
func (s *scene) connect(line int, fault fault) *passage {
	p := s.opened(listener, line, fault)
	s.asked(p, topicsOf(listener))
	s.acked(p, topicsOf(listener))
	return p
}

// issue publishes ticks.
func (s *scene) issue(count int) []number { return s.begin(make([]int, count)) }

// deliver passes events on and has them heard.
func (s *scene) deliver(p *passage, events ...number) {
	for _, e := range events {
		s.passed(p, e)
		s.heard(listener, e)
	}
}

// want wants one problem with these words, of this event, or none if there are no words.
func (s *scene) want(words string, e number) {
	s.Helper()
	found := s.result().problems
	switch {
	case words == "" && len(found) == 0:
	case words == "" || len(found) != 1 || !strings.Contains(found[0].What, words):
		s.Errorf("got the problems %v, want one with %q", found, words)
	case e.n > 0 && (found[0].Topic != e.name() || found[0].Number != e.n || found[0].Client != listener || found[0].Line == 0):
		s.Errorf("got the problem %v, want the event %v, its line and its client", found[0], e)
	}
}

func TestNothingIsWrongWithWhatIsHeardInOrder(t *testing.T) {
	s := newScene(t)
	s.deliver(s.line, s.issue(5)...)
	s.want("", number{})
}

func TestEventsPassInOrderAndOnce(t *testing.T) {
	for name, c := range map[string]struct {
		order []int
	}{
		"one twice":        {[]int{0, 1, 1}},
		"one out of order": {[]int{0, 2, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			events := s.issue(3)
			for _, i := range c.order {
				s.passed(s.line, events[i])
			}
			if found := s.result().problems; len(found) == 0 || !strings.Contains(found[len(found)-1].What, "twice or out of order") {
				t.Errorf("got the problems %v, want one of an event twice or out of order", found)
			}
		})
	}
}

func TestWhatTheHubLeavesOutIsFound(t *testing.T) {
	s := newScene(t)
	events := s.issue(3)
	s.deliver(s.line, events[0], events[2])
	s.want("left out", events[1])
}

func TestAMissingSubscriptionIsFound(t *testing.T) {
	s := newScene(t)
	room := strandNumbers["room:1"]
	events := s.begin([]int{room, 0})
	s.deliver(s.line, events[1])
	s.want("left out", events[0])
}

func TestWhatCameBeforeTheAckNeedNotPass(t *testing.T) {
	s := newScene(t)
	s.ended(s.line, false, false)
	s.issue(3)
	next := s.connect(2, cutReset)
	s.deliver(next, s.issue(1)...)
	s.want("", number{})
}

func TestWhatADyingHubMayNotHaveDispatchedNeedNotPass(t *testing.T) {
	s := newScene(t)
	events := s.issue(3)
	s.doubt(events[1:2])
	s.deliver(s.line, events[0], events[2])
	s.want("", number{})
}

func TestWhatNobodySubscribedToIsFound(t *testing.T) {
	s := newScene(t)
	e := s.begin([]int{strandNumbers["room:7"]})[0]
	s.passed(s.line, e)
	s.want("not subscribed", e)
}

func TestWhatAListenerMissesIsFound(t *testing.T) {
	s := newScene(t)
	events := s.issue(3)
	for _, e := range events {
		s.passed(s.line, e)
	}
	s.heard(listener, events[0])
	s.heard(listener, events[2])
	s.want("missed an event between", events[1])
}

func TestWhatAListenerMissesAtTheStartOfALineIsFound(t *testing.T) {
	s := newScene(t)
	s.ended(s.line, false, false)
	next := s.connect(2, healthy)
	events := s.issue(2)
	s.passed(next, events[0])
	s.passed(next, events[1])
	s.heard(listener, events[1])
	s.want("missed an event between", events[0])
}

func TestWhatIsHeardTwiceIsFound(t *testing.T) {
	s := newScene(t)
	events := s.issue(2)
	s.deliver(s.line, events...)
	s.heard(listener, events[1])
	s.want("heard an event twice", events[1])
}

func TestWhatIsHeardOutOfOrderIsFound(t *testing.T) {
	s := newScene(t)
	events := s.issue(3)
	for _, e := range events {
		s.passed(s.line, e)
	}
	s.heard(listener, events[1])
	s.heard(listener, events[0])
	found := s.result().problems
	if len(found) != 2 || found[1].Number != events[0].n || !strings.Contains(found[1].What, "out of order") {
		t.Errorf("got the problems %v, want a gap and an event out of order", found)
	}
}

func TestWhatNeverPassedIsFound(t *testing.T) {
	s := newScene(t)
	e := s.issue(1)[0]
	s.heard(listener, e)
	s.want("never passed", number{})
}

func TestACutLineMayLoseItsTail(t *testing.T) {
	for name, c := range map[string]struct {
		fault    fault
		orderly  bool
		byClient bool
		leaves   bool
		words    string
	}{
		"where it was reset":                {cutReset, false, false, false, ""},
		"where the client ended it":         {healthy, true, true, false, ""},
		"where the client may have left it": {stallUp, true, false, false, ""},
		"where the client says that it has": {closeSlow, true, false, true, ""},
		"but not where the hub closed":      {closeRestart, true, false, false, "before an orderly end"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			line := s.connect(2, c.fault)
			events := s.issue(3)
			s.deliver(line, events[0])
			s.passed(line, events[1])
			s.ended(line, c.orderly, c.byClient)
			if c.leaves {
				s.leaves(listener)
			}
			next := s.connect(3, healthy)
			s.deliver(next, events[2])
			s.want(c.words, number{})
			if lost := s.result().tallies.LostInFlight; lost != 1 {
				t.Errorf("got %d events lost in flight, want 1", lost)
			}
		})
	}
}

func TestVoicesAreHeardInOrder(t *testing.T) {
	s := newScene(t)
	voice := func(n int) number { return number{len(strands), n, 0} }
	s.deliver(s.line, voice(1), voice(3))
	s.want("", number{})
	s.passed(s.line, voice(3))
	s.heard(listener, voice(3))
	s.want("heard an event twice", voice(3))
}

func TestWhatAClientPublishesTwiceIsFound(t *testing.T) {
	s := newScene(t)
	e := number{len(strands), 1, 0}
	p := s.opened(0, 2, healthy)
	s.asked(p, topicsOf(0))
	s.said(p, e)
	s.want("", number{})
	s.said(p, e)
	s.want("published an event twice", number{})
}

func TestPublishingBeforeSubscribingIsFound(t *testing.T) {
	s := newScene(t)
	p := s.opened(0, 2, healthy)
	s.asked(p, topicsOf(0)[1:])
	s.said(p, number{len(strands), 1, 0})
	s.want("before it had subscribed", number{})
}

func TestWhatAClientPublishesWhileItKnowsThatItIsAwayMustArrive(t *testing.T) {
	for name, c := range map[string]struct {
		play  func(s *scene, p *passage)
		words string
	}{
		"so its loss is found": {func(s *scene, p *passage) {
			s.lost(0)
			s.speaks(0, 1)
			s.speaks(0, 2)
			s.said(p, number{len(strands), 2, 0})
		}, "never arrived"},
		"but it may be lost with a line": {func(s *scene, p *passage) {
			s.speaks(0, 1)
			s.lost(0)
			s.speaks(0, 2)
			s.said(p, number{len(strands), 2, 0})
		}, ""},
		"unless it was refused": {func(s *scene, p *passage) {
			s.lost(0)
			s.speaks(0, 1)
			s.refuses(0, 1)
			s.speaks(0, 2)
			s.said(p, number{len(strands), 2, 0})
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			p := s.opened(0, 2, healthy)
			s.asked(p, topicsOf(0))
			c.play(s, p)
			s.settle()
			s.want(c.words, number{})
		})
	}
}
