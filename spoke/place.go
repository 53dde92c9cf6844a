package spoke

import (
	"strings"

	"github.com/spokehub/spokehub/event"
)

// stream is what the client knows of the stream of a type. Client.mu guards it.
//
// I1: each event up to seen that a live topic matches has come or was told as a gap, unless a replay of that topic is under way.
type stream struct {
	// epoch is that of seen.
	epoch string
	// seen is the greatest offset of an event that was not replayed.
	seen uint64
	// whole is the topic that is the type, and ids are those of the type and an id, by id: those that have a place.
	whole *topic
	ids   map[string]*topic
}

// place is where a topic is in the stream of its type. Client.mu guards it.
//
// I2: each event behind the place that the topic matches is yet to come, and each one up to it has come, was told as a gap, or lies
// ahead of where the topic began.
type place struct {
	stream *stream
	// at is behind the last event of the topic itself, or where it began. topic.position knows more.
	at event.Position
	// replayTo is the offset up to which the hub replays. Until an event behind it has come, no event of another topic says anything
	// about this one. 0 is for no replay.
	replayTo uint64
	// since is what the hub has been asked for and has not answered; zero for nothing.
	since event.Position
	// live says that the hub has given the topic a position on this connection.
	live bool
}

// position is the place of a topic that has one: behind all that has come of the stream, unless a replay is under way or the hub may have
// taken the topic away.
func (of *topic) position() event.Position {
	p := of.place
	if p.live && of.doubted == "" && p.stream.seen > max(p.at.Offset, p.replayTo) {
		return event.Position{Epoch: p.at.Epoch, Offset: p.stream.seen}
	}
	return p.at
}

// novelty is what an event is to a topic.
type novelty int

const (
	// untracked is for a topic without a place, or one whose place on this connection is not known.
	untracked novelty = iota
	// early is for one that is to be asked for from a position: the event will come again, in its order.
	early
	// repeated is for an event that has come already.
	repeated
	// replayed is for one that the hub has kept, and live for one that follows those.
	replayed
	live
)

// isNew says whether listeners of the topic are to hear the event.
func (n novelty) isNew() bool { return n == untracked || n == replayed || n == live }

// take notes that an event of the topic has come. of may be nil.
func (of *topic) take(offset uint64) novelty {
	if of == nil {
		return untracked
	}
	p := of.place
	switch {
	case !p.live && of.phase != refused:
		return early
	case !p.live:
		return untracked
	case offset <= of.position().Offset:
		return repeated
	}
	p.at.Offset = offset
	if offset <= p.replayTo || of.doubted != "" {
		return replayed
	}
	return live
}

// arrival is an event of a stream that has come.
type arrival struct {
	// ofType and ofID are what it is to the topic that is its type, and to that of its type and id.
	ofType, ofID novelty
	// epoch is that of the stream, empty if that is not known.
	epoch string
	// before is what was there ahead of it.
	before standing
}

// standing is a stream, and the places of two topics that an event matches, ahead of the event.
type standing struct {
	stream *stream
	seen   uint64
	places [2]*place
	at     [2]event.Position
}

// isRepeated says that the event has come already.
func (a arrival) isRepeated() bool {
	return (a.ofType == repeated || a.ofID == repeated) && a.ofType <= repeated && a.ofID <= repeated
}

// arrive notes that an event of a stream has come.
func (t *topicTable) arrive(typ, id []byte, offset uint64) arrival {
	s := t.streams[string(typ)]
	if s == nil {
		return arrival{}
	}
	one := s.ids[string(id)]
	a := arrival{before: standing{stream: s, seen: s.seen}}
	for i, of := range [2]*topic{s.whole, one} {
		if of != nil {
			a.before.places[i], a.before.at[i] = of.place, of.place.at
		}
	}
	a.ofType, a.ofID = s.whole.take(offset), one.take(offset)
	if a.ofType >= repeated || a.ofID >= repeated {
		a.epoch = s.epoch
	}
	if a.ofType == live || a.ofID == live {
		s.seen = max(s.seen, offset)
	}
	return a
}

// putBack is for an event that has come and was not handed out.
func (a arrival) putBack() {
	if a.before.stream == nil {
		return
	}
	a.before.stream.seen = a.before.seen
	for i, p := range a.before.places {
		if p != nil {
			p.at = a.before.at[i]
		}
	}
}

// enter gives a topic a place, which is not known yet.
func (t *topicTable) enter(of *topic) {
	typ, id, _ := strings.Cut(of.name, ":")
	s := t.streams[typ]
	if s == nil {
		if t.streams == nil {
			t.streams = map[string]*stream{}
		}
		s = &stream{ids: map[string]*topic{}}
		t.streams[typ] = s
	}
	if id == "" {
		s.whole = of
	} else {
		s.ids[id] = of
	}
	of.place = &place{stream: s}
}

// exit takes the place of a topic away, if it has one.
func (t *topicTable) exit(of *topic) {
	if of.place == nil {
		return
	}
	typ, id, _ := strings.Cut(of.name, ":")
	s := of.place.stream
	of.place = nil
	switch {
	case s.whole == of:
		s.whole = nil
	case s.ids[id] == of:
		delete(s.ids, id)
	}
	if s.whole == nil && len(s.ids) == 0 && t.streams[typ] == s {
		delete(t.streams, typ)
	}
}
