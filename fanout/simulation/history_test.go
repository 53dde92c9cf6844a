//go:build faults && linux

package simulation

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/stream"
)

// history is what the model knows of the stream of a type, which it reads from the hub as it grows. Of a type without a stream it numbers the
// events itself: only the driver dispatches those.
//
// I1: what is known of an offset never changes.
type history struct {
	policy stream.Policy
	epoch  string
	// events has what is known of each offset, from 1 on.
	events []keptEvent
}

// keptEvent is an event of a stream. One that was trimmed before the model could read it is not known.
type keptEvent struct {
	known   bool
	id      string
	payload string
}

// sentEvent is an event that the driver or a follower has sent to a type with a policy.
type sentEvent struct {
	typ, id string
	// by is the sender, and number that of the event among the sender's.
	by, number int
	// must says that it has to be in the stream: it was dispatched, and is no repetition.
	must bool
	// at is its offset, 0 until it is known.
	at uint64
}

// historyTable has the histories of a run, by type, and all that was sent to them, by payload.
type historyTable struct {
	histories map[string]*history
	sent      map[string]*sentEvent
	// numbers is how many events each sender has made.
	numbers map[int]int
	// keys has the positions of idempotency keys, by type and key.
	keys     map[string]event.Position
	repeated uint64
}

// driverSender is the sender of the driver's events. Less than that are goroutines.
const driverSender = -1

// withoutStream is the type that has a policy and no stream.
const withoutStream = "hskip"

// historyTypes are those with policies.
var historyTypes = []string{"hclose", "hcatch", "hbytes", "hkept", "hlatest", "haged", withoutStream}

// eventIDs are the ids of events there.
var eventIDs = []string{"", "1", "2", "3"}

// policiesOf rolls the policies of a seed.
func policiesOf(seed uint64) []stream.Policy {
	r := dice(seed, -4)
	return []stream.Policy{
		{Match: "hclose", History: stream.History{Events: pick(r, 6, 40, 4000)}},
		{Match: "hcatch", History: stream.History{Events: pick(r, 6, 40, 4000)}, Behind: stream.CatchUp},
		{Match: "hbytes", History: stream.History{Bytes: pick[int64](r, 2<<10, 8<<10, 1<<20)}, Behind: stream.CatchUp},
		{Match: "hkept", History: stream.History{Events: pick(r, 4, 12), LatestPerID: true}, Behind: stream.CatchUp},
		{Match: "hlatest", History: stream.History{Events: pick(r, 10, 100, 4000), LatestPerID: oneIn(r, 2)}, Behind: stream.Latest},
		{Match: "haged", History: stream.History{Age: pick(r, 20*time.Millisecond, 60*time.Millisecond)}, Behind: stream.CatchUp},
		{Match: withoutStream, Behind: stream.Skip},
	}
}

func newHistoryTable(policies []stream.Policy) historyTable {
	t := historyTable{histories: make(map[string]*history), sent: make(map[string]*sentEvent),
		numbers: make(map[int]int), keys: make(map[string]event.Position)}
	for _, p := range policies {
		t.histories[p.Match] = &history{policy: p}
	}
	return t
}

// top is the offset of the newest event.
func (h *history) top() uint64 { return uint64(len(h.events)) }

func (h *history) at(offset uint64) *keptEvent { return &h.events[offset-1] }

// extend makes room for the offsets up to top.
func (h *history) extend(top uint64) {
	for h.top() < top {
		h.events = append(h.events, keptEvent{})
	}
}

// isSuperseded says whether a newer event up to top has the id of the one at an offset, or may have it.
func (h *history) isSuperseded(offset, top uint64) bool {
	for later := offset + 1; later <= top; later++ {
		if e := h.at(later); !e.known || !h.at(offset).known || e.id == h.at(offset).id {
			return true
		}
	}
	return false
}

// missing is how many events behind a position are gone when the stream has that top, and false where the model can't tell.
func (h *history) missing(since, top uint64) (gone int64, known bool) {
	most := uint64(h.policy.History.Events)
	switch {
	case most == 0:
		return 0, false
	case top <= most || since >= top-most:
		return 0, true
	case !h.policy.History.LatestPerID:
		return int64(top - most - since), true
	}
	newest := make(map[string]bool)
	for offset := top; offset > since; offset-- {
		e := h.at(offset)
		if !e.known {
			return 0, false
		}
		if offset <= top-most && newest[e.id] {
			gone++
		}
		newest[e.id] = true
	}
	return gone, true
}

// compose makes an event of a sender, which may come to a stream once.
func (s *sim) compose(by int, typ, id string, pad int) (event.Event, *sentEvent) {
	number := s.numbers[by]
	s.numbers[by]++
	payload := fmt.Sprintf(`{"by":%d,"number":%d,"pad":"%s"}`, by, number, strings.Repeat("x", pad))
	x := &sentEvent{typ: typ, id: id, by: by, number: number}
	s.sent[payload] = x
	return event.Event{Type: typ, ID: id, Payload: []byte(payload)}, x
}

// somePad is the length of an event that fits the queue several times.
func (s *sim) somePad(r *rand.Rand) int {
	return min(pick(r, 0, 0, 100, 700, 2000), s.traits.queueLimit/4)
}

// audit reads what has come to the streams of all types.
func (s *sim) audit() {
	for _, typ := range historyTypes {
		s.auditType(typ)
	}
}

func (s *sim) auditType(typ string) {
	for typ != withoutStream && !s.auditPart(typ) {
	}
}

// auditPart reads on in a stream, and says whether that was all: events may be trimmed while they are read.
func (s *sim) auditPart(typ string) (isAll bool) {
	h := s.histories[typ]
	since := event.Position{Epoch: h.epoch, Offset: h.top()}
	got, err := s.hub.History(typ, since, math.MaxInt)
	if err != nil {
		s.fail("history of %s: %v", typ, err)
	}
	if h.epoch == "" {
		h.epoch = got.Position.Epoch
	}
	if got.Position.Epoch != h.epoch || got.Next.Epoch != h.epoch || got.Next.Offset < h.top() || got.Position.Offset < got.Next.Offset {
		s.fail("history of %s behind %v: got the position %v and %v next", typ, since, got.Position, got.Next)
	}
	h.extend(got.Next.Offset)
	for _, e := range got.Events {
		if e.Offset <= since.Offset || e.Offset > h.top() || e.Type != typ {
			s.fail("history of %s behind %v: got %s at %d", typ, since, e.Type, e.Offset)
		}
		s.learn(typ, e.Offset, e.ID, string(e.Payload))
	}
	if gone, known := h.missing(since.Offset, h.top()); known && since.Epoch != "" && gone > got.Missed {
		s.fail("history of %s behind %v: got %d missed, want %d at least up to %d", typ, since, got.Missed, gone, h.top())
	}
	if n := int64(h.top()-since.Offset) - int64(len(got.Events)); n != got.Missed && since.Epoch != "" {
		s.fail("history of %s behind %v: got %d events and %d missed of %d", typ, since, len(got.Events), got.Missed, h.top()-since.Offset)
	}
	return got.Next == got.Position
}

// learn notes what is at an offset of a stream. It must be what somebody has sent to that type, once, in the sender's order.
func (s *sim) learn(typ string, offset uint64, id, payload string) {
	h := s.histories[typ]
	if e := h.at(offset); e.known {
		if e.id != id || e.payload != payload {
			s.fail("got %s:%s %.100s at offset %d, want %s %.100s as before", typ, id, payload, offset, e.id, e.payload)
		}
		return
	}
	x := s.sent[payload]
	switch {
	case x == nil || x.typ != typ || x.id != id:
		s.fail("got %s:%s %.100s at offset %d, which was never sent", typ, id, payload, offset)
	case x.at != 0:
		s.fail("got %.100s at offset %d of %s, it has offset %d", payload, offset, typ, x.at)
	}
	*h.at(offset) = keptEvent{known: true, id: id, payload: payload}
	x.at = offset
}

// appended is how many events have come to all streams, as far as the model has read them.
func (s *sim) appended() (n uint64) {
	s.audit()
	for typ, h := range s.histories {
		if typ != withoutStream {
			n += h.top()
		}
	}
	return n
}

// verifyHistories checks that all that was sent has come to its stream, in the order of each sender, and nothing else. Nothing may be under way but
// what followers have sent that have ended.
func (s *sim) verifyHistories() {
	least := s.appended()
	st := s.stats()
	if most := s.appended(); st.StreamAppended < least || st.StreamAppended > most || st.StreamRepeated != s.repeated {
		s.fail("got %d appended and %d repeated, want %d to %d and %d", st.StreamAppended, st.StreamRepeated, least, most, s.repeated)
	}
	for _, h := range s.histories {
		last := make(map[int]int)
		for i := range h.events {
			e := &h.events[i]
			if !e.known {
				continue
			}
			x := s.sent[e.payload]
			if before, any := last[x.by]; any && before >= x.number {
				s.fail("got event %d of sender %d in %s behind its event %d", x.number, x.by, h.policy.Match, before)
			}
			last[x.by] = x.number
		}
	}
	lost := make(map[string]uint64)
	for payload, x := range s.sent {
		if x.must && x.at == 0 {
			lost[x.typ]++
			if s.histories[x.typ].unknown() < lost[x.typ] {
				s.fail("got no %.100s in %s, want it", payload, x.typ)
			}
		}
	}
}

// unknown is how many events were trimmed before the model could read them.
func (h *history) unknown() (n uint64) {
	for i := range h.events {
		if !h.events[i].known {
			n++
		}
	}
	return n
}
