//go:build linux

package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spokehub/spokehub/event"
)

// trail is how far a client has come in a topic of a stream, over its whole life. The ledger's lock guards it.
//
// T1: from the position of the first answer that reached the client on, its listener gets each event of the topic once and in order, or was
// told before the next one that it won't come.
// T2: it goes on in another epoch only after it was told that an unknown number of events is gone.
// T3: it is told of no gap where it has all, and none but those in a stream that keeps everything.
type trail struct {
	topic, kind string
	// at is the position up to which that has been checked; the zero one before the first answer has reached the client.
	at event.Position
	// start is the answer that at begins with, if it reaches the client.
	start *firstAnswer
	// renewals are the positions at which answers had the client begin anew that may have reached it, and that it has not told of yet.
	renewals []event.Position
	// gaps are the offsets that it was told of and that are ahead of at.
	gaps []span
	// reports are what the client says that has yet to be checked, in order.
	reports []report
}

// firstAnswer is an ack that gives a position to a topic of which the client had none.
type firstAnswer struct {
	position event.Position
	passage  *passage
	// after is the place of the last event that passed ahead of the ack.
	after uint64
}

// span is offsets from one to another.
type span struct{ from, to uint64 }

// report is an event that a listener got, or a gap that the client was told of.
type report struct {
	position event.Position
	event    number
	gap      *event.Gap
}

// reasonFresh is the reason of a gap that a client tells itself, because its position is of another epoch.
const reasonFresh event.GapReason = "fresh"

func newTrails(topics []string) (trails []*trail) {
	for _, topic := range topics {
		if isKept(topic) {
			kind, _, _ := strings.Cut(topic, ":")
			trails = append(trails, &trail{topic: topic, kind: kind})
		}
	}
	return trails
}

// isWhole tells whether the topic is the type.
func (t *trail) isWhole() bool { return t.topic == t.kind }

// ask notes from where the client asks for the topic; the zero position is for none. That shows which answers have reached it.
func (t *trail) ask(since event.Position, report func(what string, e number)) {
	switch {
	case since.Epoch == "" && t.at.Epoch != "":
		report(fmt.Sprintf("the client asked for %s without its position, which was %v", t.topic, t.at), number{})
	case since.Epoch == "":
		t.start = nil
	case t.at.Epoch == "" && (t.start == nil || t.start.position.Epoch != since.Epoch):
		report(fmt.Sprintf("the client asked for %s from %v, which no answer gave it", t.topic, since), number{})
	case t.at.Epoch == "":
		t.begin()
	}
	for len(t.renewals) > 0 && t.renewals[len(t.renewals)-1].Epoch != since.Epoch {
		t.renewals = t.renewals[:len(t.renewals)-1]
	}
}

// begin takes the first answer for one that has reached the client.
func (t *trail) begin() { t.at, t.start = t.start.position, nil }

// judge checks the reports as far as the streams are known.
func (t *trail) judge(archives map[streamKey]*archive, report func(what string, e number)) {
	for len(t.reports) > 0 {
		r := t.reports[0]
		if t.at.Epoch == "" && t.start != nil {
			t.begin()
		}
		if r.gap != nil {
			t.told(*r.gap, report)
		} else if a := archives[streamKey{r.position.Epoch, t.kind}]; a == nil {
			report(fmt.Sprintf("the client heard %s at %v, an epoch that no hub has had", t.topic, r.position), r.event)
		} else if !a.over && a.whole < r.position.Offset {
			return
		} else {
			t.heard(a, r, report)
		}
		t.reports = t.reports[1:]
	}
	t.reports = nil
}

// heard checks an event that a listener got.
func (t *trail) heard(a *archive, r report, report func(what string, e number)) {
	offset := r.position.Offset
	switch {
	case t.at.Epoch == "":
		report(fmt.Sprintf("the client heard %s at %v before any answer", t.topic, r.position), r.event)
	case t.at.Epoch != a.epoch:
		report(fmt.Sprintf("the client went on from %v to %v of %s and was told of no gap", t.at, r.position, t.topic), r.event)
		t.renewals = slices.DeleteFunc(t.renewals, func(p event.Position) bool { return p.Epoch == a.epoch })
	case offset <= t.at.Offset:
		report(fmt.Sprintf("the client heard %s at %v, and was at %v already: twice or out of order", t.topic, r.position, t.at), r.event)
		return
	default:
		t.miss(a, offset, report)
	}
	if known := a.at(offset); known != r.event || !t.isWhole() && r.event.name() != t.topic {
		report(fmt.Sprintf("the client heard another event at %v of %s than the stream has there, which is %v", r.position, t.topic, known), r.event)
	}
	if t.isWhole() && t.covers(offset) {
		report(fmt.Sprintf("the client heard %s at %v, which it was told is gone", t.topic, r.position), r.event)
	}
	t.at = r.position
	t.gaps = slices.DeleteFunc(t.gaps, func(s span) bool { return s.to <= offset })
}

// miss reports what the client has not heard ahead of an offset and was not told of.
func (t *trail) miss(a *archive, offset uint64, report func(what string, e number)) {
	for _, missed := range a.between(t.topic, t.at.Offset, offset) {
		if !t.covers(missed) {
			report(fmt.Sprintf("the client missed %v of %s and was told of no gap", event.Position{Epoch: a.epoch, Offset: missed}, t.topic), a.at(missed))
		}
	}
}

func (t *trail) covers(offset uint64) bool {
	return slices.ContainsFunc(t.gaps, func(s span) bool { return s.from <= offset && offset <= s.to })
}

// told checks a gap.
func (t *trail) told(g event.Gap, report func(what string, e number)) {
	wrong := func(what string) {
		report(fmt.Sprintf("the client at %v of %s was told of a gap %s: %+v", t.at, t.topic, what, g), number{})
	}
	if g.Reason == reasonFresh {
		switch {
		case g.Missed >= 0:
			wrong("of a known size, though nobody can know it")
		case len(t.renewals) == 0:
			wrong("that no answer has")
		default:
			t.at, t.gaps, t.renewals = t.renewals[0], nil, t.renewals[1:]
		}
		return
	}
	s := span{g.From, g.To}
	if s.to == 0 {
		s.to = s.from + uint64(max(g.Missed, 0)) - 1
	}
	switch {
	case t.kind == orderType:
		wrong("in a stream that keeps everything")
	case g.Missed <= 0:
		wrong("of an unknown size, or of nothing")
	case g.Epoch != t.at.Epoch:
		wrong("of another epoch")
	case s.from <= t.at.Offset:
		wrong("of what it has heard")
	case t.isWhole() && s.to-s.from+1 != uint64(g.Missed):
		wrong("of another size than its offsets")
	}
	t.gaps = append(t.gaps, s)
}

// lacks tells what the client still has to hear or to be told of in the stream that the hub has now, empty if nothing.
func (t *trail) lacks(now *archive) string {
	top := now.top(t.topic)
	switch {
	case len(t.reports) > 0:
		return fmt.Sprintf("has said of %s what is not checked yet", t.topic)
	case t.at.Epoch != now.epoch:
		return fmt.Sprintf("is at %v of %s, and the epoch now is %s", t.at, t.topic, now.epoch)
	}
	for _, offset := range now.between(t.topic, t.at.Offset, top+1) {
		if !t.covers(offset) {
			return fmt.Sprintf("lacks %v of %s, which goes up to %d", event.Position{Epoch: now.epoch, Offset: offset}, t.topic, top)
		}
	}
	return ""
}
