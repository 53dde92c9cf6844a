package stream

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

const oneTick = time.Duration(1) << tickShift

// modelPolicies are the policies of the model's types.
var modelPolicies = []Policy{
	{Match: "events", History: History{Events: 5}},
	{Match: "bytes", History: History{Bytes: 1024}},
	{Match: "age", History: History{Age: 10 * oneTick}},
	{Match: "latest", History: History{Events: 4, LatestPerID: true, Bytes: 2000}},
	{Match: "last", History: History{Events: 6, Age: 7 * oneTick}, Behind: Latest},
	{Match: "all", History: History{Events: 8, Bytes: 1500, Age: 20 * oneTick, LatestPerID: true}, Behind: Latest},
}

// modelEvent is an event as the model keeps it.
type modelEvent struct {
	offset uint64
	id     string
	memory int64
	at     time.Duration
	frame  *testFrame
	// isHole says that the event is gone.
	isHole bool
}

// modelKey is a key as the model keeps it.
type modelKey struct {
	text   string
	offset uint64
	at     time.Duration
}

// modelStream is a stream in plain slices.
type modelStream struct {
	policy *Policy
	// epoch is that of the replica which the stream is, empty for those of the store.
	epoch     string
	top       uint64
	events    []modelEvent
	survivors []modelEvent
	keys      []modelKey
}

func (s *modelStream) knowsIDs() bool {
	return s.policy.History.LatestPerID || s.policy.Behind == Latest
}

func (s *modelStream) bytes(events []modelEvent) (sum int64) {
	for i := range events {
		sum += events[i].memory + entryBytes
	}
	return sum
}

func (s *modelStream) isSuperseded(offset uint64, id string) bool {
	return s.knowsIDs() && slices.ContainsFunc(s.events, func(e modelEvent) bool { return !e.isHole && e.id == id && e.offset > offset })
}

func (s *modelStream) trim() {
	oldest := s.events[0]
	if s.policy.History.LatestPerID && !s.isSuperseded(oldest.offset, oldest.id) {
		s.survivors = append(s.survivors, oldest)
	}
	s.events = s.events[1:]
	for len(s.events) > 0 && s.events[0].isHole {
		s.events = s.events[1:]
	}
}

func (s *modelStream) age(now time.Duration) {
	for age := s.policy.History.Age; age > 0 && len(s.events) > 0 && now-s.events[0].at >= age; {
		s.trim()
	}
}

func (s *modelStream) keyed(key string, now time.Duration) uint64 {
	s.keys = slices.DeleteFunc(s.keys, func(k modelKey) bool { return now-k.at >= keyWindow })
	for _, k := range s.keys {
		if k.text == key {
			return k.offset
		}
	}
	s.keys = append(s.keys, modelKey{key, s.top + 1, now})
	return 0
}

func (s *modelStream) append(e modelEvent, now time.Duration) {
	bound := s.bound()
	s.age(now)
	for most := s.policy.History.Events; most > 0 && len(s.events) >= most; {
		s.trim()
	}
	s.top++
	keeps := e.memory+entryBytes <= bound
	for !keeps && len(s.events) > 0 {
		s.trim()
	}
	if s.knowsIDs() {
		s.survivors = slices.DeleteFunc(s.survivors, func(old modelEvent) bool { return old.id == e.id })
	}
	if !keeps {
		return
	}
	s.events = append(s.events, e)
	s.fit()
}

func (s *modelStream) bound() int64 {
	if bytes := s.policy.History.Bytes; bytes != 0 {
		return bytes
	}
	return DefaultBytes
}

func (s *modelStream) fit() {
	bound := s.bound()
	for s.bytes(s.events)+s.bytes(s.survivors) > bound {
		if len(s.events) == 0 || s.bytes(s.survivors) > bound/2 {
			s.survivors = s.survivors[1:]
		} else {
			s.trim()
		}
	}
}

func (s *modelStream) first() uint64 { return s.top + 1 - uint64(len(s.events)) }

// read is what the page is to be, without frames.
func (s *modelStream) read(epoch string, q Query) Page {
	if s.epoch != "" {
		epoch = s.epoch
	}
	page := Page{Epoch: epoch, Top: s.top, Kept: s.first()}
	for _, e := range s.events {
		if e.isHole {
			page.Kept = e.offset + 1
		}
	}
	if q.After >= s.top {
		return page
	}
	there := uint64(0)
	left := int64(q.Bytes)
	for _, e := range slices.Concat(s.survivors, s.events) {
		if e.offset <= q.After || e.isHole {
			continue
		}
		if e.offset < page.Kept {
			there++
		}
		left -= e.memory
		if len(page.Entries) < q.Events && (q.Bytes == 0 || left >= 0 || len(page.Entries) == 0) {
			page.Entries = append(page.Entries, Entry{Offset: e.offset, Superseded: s.isSuperseded(e.offset, e.id)})
		} else {
			q.Events = 0
		}
	}
	if gone := int64(page.Kept) - 1 - int64(q.After) - int64(there); gone > 0 {
		page.Missing, page.From, page.To, page.Survivors = gone, q.After+1, page.Kept-1, int(there)
	}
	return page
}

// model drives a Memory and plain streams through the same operations.
type model struct {
	memory *Memory
	// sleep lets time pass, and returns when the timer has done what was due.
	sleep   func(time.Duration)
	streams []modelStream
	frames  []*testFrame
	// epochs is how many replicas have begun.
	epochs int
}

func newModel(memory *Memory, sleep func(time.Duration)) *model {
	m := &model{memory: memory, sleep: sleep}
	for i := range modelPolicies {
		m.streams = append(m.streams, modelStream{policy: &modelPolicies[i]})
	}
	for i := range modelPolicies {
		m.streams = append(m.streams, modelStream{policy: replicaPolicy(i)})
		m.beginReplica(&m.streams[len(modelPolicies)+i], uint64(i))
	}
	return m
}

// apply does one operation, which four bytes say.
func (m *model) apply(t *testing.T, operation, stream, a, b byte) {
	s := &m.streams[int(stream)%len(m.streams)]
	typ := s.policy.Match
	switch operation % 16 {
	case 0, 1:
		if s.epoch != "" {
			m.changeReplica(t, s, a, b)
		} else {
			m.append(t, s, a, b)
		}
	case 10, 11, 12:
		m.read(t, s, Query{After: s.top + 1 - min(s.top+1, uint64(a%64)), Events: int(b % 8), Bytes: int(b/8) * 16})
	case 13:
		m.sleep(time.Duration(a%8) * oneTick)
	case 14:
		if b%8 == 0 {
			m.sleep(time.Duration(a) * 256 * oneTick)
		}
	case 15:
		if a%8 == 0 {
			if err := m.memory.Remove(typ); err != nil {
				t.Fatal(err)
			}
			s.events, s.survivors = nil, nil
		}
		tops, err := m.memory.Tops(nil, typ)
		if err != nil || tops[0].Offset != s.top || s.epoch != "" && tops[0].Epoch != s.epoch {
			t.Fatalf("%s: got the tops %v and %v, want %d", typ, tops, err, s.top)
		}
	default:
		if s.epoch != "" {
			m.insert(t, s, a, b)
		} else {
			m.append(t, s, a, b)
		}
	}
}

func (m *model) append(t *testing.T, s *modelStream, a, b byte) {
	var placed *testFrame
	draft := modelDraft(a, b, &placed)
	key := ""
	if b%4 == 1 {
		key = fmt.Sprint("key", b%32)
	}
	now := m.memory.clock()
	wantOutcome, want := Appended, s.top+1
	switch {
	case draft.notReady:
		wantOutcome, want = NotReady, 0
	case key != "":
		if offset := s.keyed(key, now); offset != 0 {
			wantOutcome, want = Repeated, offset
		}
	}
	position, outcome, err := m.memory.Append(s.policy, []byte(s.policy.Match), draft, key)
	if err != nil || outcome != wantOutcome || position.Offset != want || (placed != nil) != (outcome == Appended) {
		t.Fatalf("%s: append gave %+v, outcome %d and %v, want %d and outcome %d", s.policy.Match, position, outcome, err, want, wantOutcome)
	}
	if outcome == Appended {
		s.append(modelEvent{want, string(draft.id), int64(draft.memory), now, placed, false}, now)
		m.frames = append(m.frames, placed)
	}
}

// modelDraft is an event as two bytes say, and sets placed when it has its frame.
func modelDraft(a, b byte, placed **testFrame) *testDraft {
	draft := &testDraft{id: []byte(fmt.Sprint(a % 6))[:min(1, a%6)], memory: int(a) * 2, notReady: b%16 == 15}
	if b == 0 {
		draft.memory = 5000
	}
	draft.placed = func(f *testFrame) { *placed = f }
	return draft
}

func (m *model) read(t *testing.T, s *modelStream, q Query) {
	s.age(m.memory.clock())
	var page Page
	if err := m.memory.Read(s.policy.Match, q, &page); err != nil {
		t.Fatal(err)
	}
	want := s.read(m.memory.Epoch(), q)
	for i := range page.Entries {
		e := &page.Entries[i]
		if frame := e.Frame.(*testFrame); frame.offset != e.Offset {
			t.Fatalf("%s: got the frame of %d at %d", s.policy.Match, frame.offset, e.Offset)
		}
	}
	got := page
	got.Entries = slices.Clone(page.Entries)
	for i := range got.Entries {
		got.Entries[i].Frame = nil
	}
	if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
		t.Fatalf("%s, read %+v: got %+v\nwant %+v", s.policy.Match, q, got, want)
	}
	page.Release()
}

// finish checks what is kept, removes all, and checks that nothing is left.
func (m *model) finish(t *testing.T) {
	kept := map[*testFrame]bool{}
	for i := range m.streams {
		s := &m.streams[i]
		m.read(t, s, Query{Events: 1000})
		for _, e := range slices.Concat(s.survivors, s.events) {
			kept[e.frame] = !e.isHole
		}
	}
	checkInvariants(t, m.memory)
	for _, frame := range m.frames {
		if got := frame.references.Load(); got != 0 != kept[frame] || got > 1 {
			t.Fatalf("event %d: got %d references, want one exactly if it is kept", frame.offset, got)
		}
	}
	for i := range m.streams {
		if err := m.memory.Remove(m.streams[i].policy.Match); err != nil {
			t.Fatal(err)
		}
	}
	for _, frame := range m.frames {
		if got := frame.references.Load(); got != 0 {
			t.Fatalf("event %d: got %d references after all were removed, want none", frame.offset, got)
		}
	}
	checkInvariants(t, m.memory)
	m.memory.Close()
}

func TestMemoryDoesWhatTheModelDoes(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				random := rand.New(rand.NewPCG(seed, 1))
				m := newModel(NewMemory(nil), func(d time.Duration) {
					time.Sleep(d)
					synctest.Wait()
				})
				for i := range 3000 {
					m.apply(t, byte(random.Uint32()), byte(random.Uint32()), byte(random.Uint32()), byte(random.Uint32()))
					if i%100 == 0 {
						checkInvariants(t, m.memory)
					}
				}
				m.finish(t)
			})
		})
	}
}

// FuzzMemory has a clock of its own and no timer: only what is asked for gets too old.
func FuzzMemory(f *testing.F) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 4 {
		steps := make([]byte, 400)
		for i := range steps {
			steps[i] = byte(random.Uint32())
		}
		f.Add(steps)
	}
	f.Fuzz(func(t *testing.T, steps []byte) {
		memory, now := NewMemory(nil), time.Duration(0)
		memory.Close()
		memory.clock = func() time.Duration { return now }
		m := newModel(memory, func(d time.Duration) { now += d })
		for ; len(steps) >= 4; steps = steps[4:] {
			m.apply(t, steps[0], steps[1], steps[2], steps[3])
		}
		m.finish(t)
	})
}
