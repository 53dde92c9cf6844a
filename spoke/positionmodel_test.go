package spoke

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spokehub/spokehub/event"
)

// heardTopic is what a topic of the model has got: everything up to done has been heard, or was told as a gap.
type heardTopic struct {
	done event.Position
	told map[uint64]bool
	loop *buffer
	// released says that nobody wants the topic; until the hub is told, it goes on.
	released bool
}

// positionModel runs a topicTable against a hub, and keeps account of what each topic hears.
type positionModel struct {
	t      *testing.T
	random *rand.Rand
	hub    *modelHub
	table  topicTable
	topics map[string]*heardTopic
	// stored are the positions of topics that were given up, to resume there.
	stored map[string]event.Position
	heard  int
	gaps   int
	// away counts the answers that the hub can't take a topic now, of which there are none any more once the end is near.
	away    int
	isAtEnd bool
}

var modelTopics = []string{"a", "a:1", "a:2", "a:3", "b", "b:1"}

// TestNothingOfAStreamIsMissingOrHeardTwice runs random subscriptions, events, gaps, trims, breaks and restarts, also of the program.
func TestNothingOfAStreamIsMissingOrHeardTwice(t *testing.T) {
	heard, gaps, away := 0, 0, 0
	for seed := range uint64(60) {
		random := rand.New(rand.NewPCG(seed, 7))
		m := &positionModel{t: t, random: random, hub: newModelHub(random), topics: map[string]*heardTopic{}, stored: map[string]event.Position{}}
		m.table.connect()
		for range 3000 {
			m.step()
		}
		m.settle()
		heard, gaps, away = heard+m.heard, gaps+m.gaps, away+m.away
	}
	if heard < 20_000 || gaps < 1000 || away < 500 {
		t.Errorf("%d events and %d gaps were heard, and %d topics away, which checks too little", heard, gaps, away)
	}
}

func (m *positionModel) step() {
	topic := modelTopics[m.random.IntN(len(modelTopics))]
	typ, id := topic[:1], fmt.Sprint(m.random.IntN(4))
	switch n := m.random.IntN(1000); {
	case n < 300:
		m.hub.publish(typ, id)
	case n < 550:
		m.hub.step(typ)
	case n < 900:
		m.read()
	case n < 940:
		m.toggle(topic)
	case n < 970:
		m.tell()
	case n < 980:
		m.hub.trim(typ)
	case n < 985:
		m.table.askRounds()
	case n < 996:
		m.reconnect()
	default:
		m.hub.restart()
		m.reconnect()
	}
}

func (m *positionModel) reconnect() {
	m.hub.disconnect()
	m.table.disconnect()
	m.forget()
	m.table.connect()
	slices.SortFunc(m.table.untold, func(a, b *topic) int { return strings.Compare(a.name, b.name) })
	m.tell()
}

// toggle wants a topic or gives it up. One that was given up goes on where it was, every other time.
func (m *positionModel) toggle(topic string) {
	h := m.topics[topic]
	if h != nil && !h.released {
		if of := m.table.of[topic]; of.place != nil {
			m.drain()
			m.stored[topic] = of.position()
		}
		h.released = true
		m.table.release(topic)
		return
	}
	start, stored := m.stored[topic]
	delete(m.stored, topic)
	resumes := stored && m.random.IntN(2) == 0
	if h == nil || resumes {
		h = &heardTopic{told: map[uint64]bool{}, loop: &buffer{limit: 1 << 20, more: make(chan struct{}, 1)}}
		m.topics[topic] = h
	}
	h.released = false
	if resumes {
		h.done = start
		if err := m.table.resume(topic, start); err != nil {
			m.t.Fatal(err)
		}
	}
	of := m.table.acquire(topic)
	of.loops = []*buffer{h.loop}
}

// forget drops the topics that have left the table.
func (m *positionModel) forget() {
	m.drain()
	maps.DeleteFunc(m.topics, func(topic string, h *heardTopic) bool { return h.released && m.table.of[topic] == nil })
}

// tell brings what the table has to tell to the hub.
func (m *positionModel) tell() {
	for range 10 {
		subscribe, unsubscribe := m.table.tell(1+m.random.IntN(6), 1000)
		for _, of := range unsubscribe {
			m.hub.unsubscribe(of.name[:1], of.name)
		}
		m.forget()
		m.hub.number++
		since := map[string]event.Position{}
		byType := map[string][]string{}
		for _, of := range subscribe {
			of.become(asked)
			of.request = m.hub.number
			if of.place != nil {
				of.place.since = of.position()
				since[of.name] = of.place.since
			}
			if !m.isAtEnd && m.random.IntN(6) == 0 {
				m.away++
				m.table.putOff(of, time.Hour, time.Hour, nil)
				delete(since, of.name)
				continue
			}
			byType[of.name[:1]] = append(byType[of.name[:1]], of.name)
		}
		for _, typ := range slices.Sorted(maps.Keys(byType)) {
			m.hub.subscribe(typ, byType[typ], since)
		}
	}
}

// read handles the next message of the hub.
func (m *positionModel) read() {
	if len(m.hub.sent) == 0 {
		return
	}
	next := m.hub.sent[0]
	m.hub.sent = m.hub.sent[1:]
	switch {
	case next.event != nil:
		e := *next.event
		a := m.table.arrive([]byte(e.typ), []byte(e.id), e.offset)
		m.hand(e, e.typ, a.ofType, a.epoch)
		m.hand(e, e.typ+":"+e.id, a.ofID, a.epoch)
	case next.gap != nil:
		m.table.miss(*next.gap)
	default:
		m.acknowledge(next)
	}
	if m.random.IntN(4) == 0 {
		m.drain()
	}
}

// hand puts an event into the loop of a topic, if it is new to it.
func (m *positionModel) hand(e modelEvent, topic string, is novelty, epoch string) {
	if h := m.topics[topic]; h != nil && is.isNew() {
		h.loop.put(item{event: event.Event{Type: e.typ, ID: e.id, Offset: e.offset}, before: positionAhead(epoch, e.offset)})
	}
}

// acknowledge handles an ack of one topic, and accounts for what it says.
func (m *positionModel) acknowledge(ack modelMessage) {
	of, h := m.table.of[ack.topic], m.topics[ack.topic]
	if of == nil || h == nil || of.request != ack.number {
		return
	}
	asked := of.place != nil
	of.become(inForce)
	gaps := m.table.acknowledge(of, ack.answer, true)
	if isTold := len(gaps) > 0; isTold != (asked && ack.answer.Result != event.Resumed) {
		m.t.Fatalf("%s was answered %+v, asked since a position: %v, and the gaps %v were told", ack.topic, ack.answer, asked, gaps)
	}
	m.drain()
	switch ack.answer.Result {
	case event.Fresh:
		h.done = ack.answer.Position
		clear(h.told)
	case event.Gapped:
		h.done.Offset = max(h.done.Offset, ack.floor)
	}
}

// drain has the loops get what waits for them, and checks it.
func (m *positionModel) drain() {
	for _, topic := range slices.Sorted(maps.Keys(m.topics)) {
		h := m.topics[topic]
		for {
			e, ok, err := h.loop.take()
			if !ok {
				break
			}
			if gap, is := err.(*GapError); is {
				m.checkGap(topic, h, gap.Gap)
				continue
			}
			m.check(topic, h, e.Offset)
			m.heard++
		}
	}
}

func (m *positionModel) checkGap(topic string, h *heardTopic, g event.Gap) {
	m.gaps++
	for _, offset := range m.hub.missing[g] {
		h.told[offset] = g.Epoch == h.done.Epoch
	}
}

func (m *positionModel) check(topic string, h *heardTopic, offset uint64) {
	if h.done.Epoch == "" {
		return
	}
	if offset <= h.done.Offset {
		m.t.Fatalf("%s heard %d again, or in the wrong place: it was at %v", topic, offset, h.done)
	}
	m.checkNothingBetween(topic, h, offset)
	h.done.Offset = offset
}

// checkNothingBetween fails the test if the topic was to hear something between where it is and the offset.
func (m *positionModel) checkNothingBetween(topic string, h *heardTopic, offset uint64) {
	if h.done.Epoch != m.hub.epoch || offset <= h.done.Offset {
		return
	}
	typ, _, _ := strings.Cut(topic, ":")
	for _, e := range m.hub.events[typ][h.done.Offset : offset-1] {
		if e.matches(topic) && !h.told[e.offset] {
			m.t.Fatalf("%s misses %d in silence: it was at %v and comes to %d", topic, e.offset, h.done, offset)
		}
	}
}

// settle has everything come, and checks that it has.
func (m *positionModel) settle() {
	m.isAtEnd = true
	for range 3 {
		m.table.askRounds()
		m.tell()
		for _, typ := range []string{"a", "b"} {
			for range 10_000 {
				m.hub.step(typ)
			}
		}
		for len(m.hub.sent) > 0 {
			m.read()
		}
	}
	m.drain()
	for topic, h := range m.topics {
		if h.done.Epoch != m.hub.epoch {
			m.t.Fatalf("%s is at %v at the end, of another epoch than %s", topic, h.done, m.hub.epoch)
		}
		m.checkNothingBetween(topic, h, m.hub.top(topic[:1])+1)
	}
}
