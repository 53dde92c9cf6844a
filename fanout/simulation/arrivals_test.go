//go:build faults && linux

package simulation

import (
	"strings"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/stream"
)

// offsetOf is the offset of an event that a follower got: the hub's, or the model's if its type has no stream.
func (f *follower) offsetOf(e event.Event) uint64 {
	s, h := f.sim, f.sim.histories[e.Type]
	if h == nil {
		f.fail("got an event of the type %s, which it has no topic of", e.Type)
	}
	if e.Type == withoutStream {
		x := s.sent[string(e.Payload)]
		if e.Offset != 0 || x == nil || x.id != e.ID || x.at == 0 {
			f.fail("got %s:%s %.100s at offset %d, which was never sent", e.Type, e.ID, e.Payload, e.Offset)
		}
		return x.at
	}
	if e.Offset == 0 {
		f.fail("got %.100s of %s without an offset", e.Payload, e.Type)
	}
	if e.Offset > h.top() {
		s.auditType(e.Type)
	}
	if e.Offset > h.top() {
		f.fail("got offset %d of %s, whose top is %d", e.Offset, e.Type, h.top())
	}
	s.learn(e.Type, e.Offset, e.ID, string(e.Payload))
	return e.Offset
}

// arrived checks an event: each that comes must be due by one of the topics, and nothing that is due may have been left out ahead of it.
func (f *follower) arrived(text string) {
	e, err := event.Parse([]byte(text))
	if err != nil {
		f.fail("got %.200q, which is %v", text, err)
	}
	want := string(event.Append(nil, e))
	if e.Offset > 0 {
		want = string(event.AppendOffset([]byte(want), e.Offset))
	}
	if text != want {
		f.fail("got %.200q, want %.200q", text, want)
	}
	f.sim.followed.arrived++
	offset := f.offsetOf(e)
	kept := keptEvent{known: true, id: e.ID}
	due, mayCome := false, false
	for _, w := range f.watches {
		if w.history.policy.Match != e.Type || !w.matches(&kept) {
			continue
		}
		switch w.state {
		case asked:
			mayCome = true
		case inForce:
			due = w.arrive(offset) || due
		case leaving:
			if offset >= w.next {
				due, w.next = true, offset+1
			}
		}
	}
	if !due && !mayCome {
		f.fail("got offset %d of %s:%s, which is not due; it has %s", offset, e.Type, e.ID, f.topics())
	}
	for _, w := range f.watches {
		if w.state == asked && w.history.policy.Match == e.Type && w.matches(&kept) {
			w.early = append(w.early, earlyEvent{offset: offset, other: due})
		}
	}
}

// topics describes its subscriptions.
func (f *follower) topics() string {
	var b strings.Builder
	for _, w := range f.watches {
		b.WriteString(" " + w.topic + [...]string{" asked", " from", " leaving"}[w.state] + " " + event.Position{Epoch: "next", Offset: w.next}.String())
	}
	return b.String()
}

// gapped checks what the hub tells of missing events.
func (f *follower) gapped(text string) {
	g, err := event.ParseGap([]byte(text))
	if err != nil {
		f.fail("got %s: %v", text, err)
	}
	typ, _, _ := strings.Cut(g.Topic, ":")
	h := f.sim.histories[typ]
	if h == nil {
		f.fail("got %s, which it has no topic of", text)
	}
	f.sim.auditType(typ)
	f.checkGap(h, g, text)
	f.sim.followed.results[string(g.Reason)+" "+typ]++
	switch h.policy.Behind {
	case stream.Latest:
		if g.Reason == event.GapSlow {
			f.sim.followed.superseded += uint64(g.Missed)
		}
	case stream.Skip:
		f.sim.followed.skipped += uint64(g.Missed)
	}
	for _, w := range f.watches {
		if w.history == h && w.state == inForce {
			w.gap(g)
		}
	}
}

func (f *follower) checkGap(h *history, g event.Gap, text string) {
	only, several, certain := "", false, !f.bySide
	for _, w := range f.watches {
		if w.history != h {
			continue
		}
		certain = certain && w.state == inForce
		several = several || only != ""
		only = w.topic
	}
	if several {
		only = h.policy.Match
	}
	typ := h.policy.Match
	switch {
	case only == "":
		f.fail("got %s, which it has no topic of", text)
	case certain && only != g.Topic && g.Topic != typ, certain && g.Topic != only && !several:
		f.fail("got %s, want the topic %s; it has%s", text, only, f.topics())
	case g.Missed <= 0:
		f.fail("got %s, want the number", text)
	case typ == withoutStream:
		if g.Epoch != "" || g.Reason != event.GapSlow {
			f.fail("got %s, want no position and the reason slow", text)
		}
	case g.Epoch != h.epoch || g.To > h.top() || g.Missed > int64(g.To-g.From+1):
		f.fail("got %s, want it within the %d events of %s", text, h.top(), h.epoch)
	case g.Reason != event.GapTrimmed && (g.Reason != event.GapSlow || h.policy.Behind != stream.Latest):
		f.fail("got %s, want another reason", text)
	}
}
