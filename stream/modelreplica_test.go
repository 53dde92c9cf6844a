package stream

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/spokehub/spokehub/event"
)

// replicaPolicy is that of the model's policies by which replica number i is kept.
func replicaPolicy(i int) *Policy {
	p := modelPolicies[i]
	p.Match = "replica-" + p.Match
	return &p
}

// beginReplica begins a stream as a replica of another epoch.
func (m *model) beginReplica(s *modelStream, top uint64) {
	m.epochs++
	*s = modelStream{policy: s.policy, epoch: fmt.Sprint("epoch", m.epochs), top: top}
	m.memory.Begin(s.policy, s.policy.Match, event.Position{Epoch: s.epoch, Offset: top}, nil)
}

// changeReplica begins a replica anew, has it jump, or gives it what is ahead of its row.
func (m *model) changeReplica(t *testing.T, s *modelStream, a, b byte) {
	switch {
	case b%16 == 0:
		if b%32 == 0 {
			m.memory.End(s.policy.Match)
		}
		m.beginReplica(s, uint64(a))
	case b%16 < 4:
		s.jump(s.top + uint64(a%32))
		m.memory.Begin(s.policy, s.policy.Match, event.Position{Epoch: s.epoch, Offset: s.top}, nil)
	case b%16 == 4:
		m.memory.Begin(s.policy, s.policy.Match, event.Position{Epoch: s.epoch, Offset: s.top - min(s.top, uint64(a%8))}, nil)
	default:
		m.insertSurvivor(t, s, a, b)
	}
}

func (s *modelStream) jump(top uint64) {
	if top == s.top {
		return
	}
	if top-s.top < mostHoles && len(s.events) > 0 && !s.policy.History.LatestPerID {
		s.addHoles(top)
		return
	}
	for len(s.events) > 0 {
		s.trim()
	}
	s.top = top
}

func (s *modelStream) addHoles(top uint64) {
	at := s.events[len(s.events)-1].at
	for s.top < top {
		for most := s.policy.History.Events; most > 0 && len(s.events) >= most; {
			s.trim()
		}
		s.top++
		if len(s.events) > 0 {
			s.events = append(s.events, modelEvent{offset: s.top, at: at, isHole: true})
		}
	}
	s.fit()
}

// insert inserts the next event, and sometimes one that is there already or one that lies too far ahead.
func (m *model) insert(t *testing.T, s *modelStream, a, b byte) {
	var placed *testFrame
	draft, now := modelDraft(a, b, &placed), m.memory.clock()
	offset, want, wantErr := s.top+1, Appended, error(nil)
	switch {
	case b%16 == 14:
		offset, want = s.top-min(s.top, uint64(a%4)), Repeated
	case b%16 == 13:
		offset, want, wantErr = s.top+2+uint64(a%4), NotReady, ErrHole
	case draft.notReady:
		want = NotReady
	}
	age := time.Duration(b/16) * oneTick
	got, err := m.memory.Insert([]byte(s.policy.Match), offset, age, draft)
	if got != want || !errors.Is(err, wantErr) || (placed != nil) != (want == Appended) {
		t.Fatalf("%s: insert at %d gave outcome %d and %v behind %d, want %d and %v", s.policy.Match, offset, got, err, s.top, want, wantErr)
	}
	if got != Appended {
		return
	}
	at := now - min(age, s.policy.History.Age)
	if len(s.events) > 0 {
		at = max(at, s.events[len(s.events)-1].at)
	}
	s.append(modelEvent{offset, string(draft.id), int64(draft.memory), at, placed, false}, now)
	m.frames = append(m.frames, placed)
}

// insertSurvivor inserts an event ahead of the row, or one that the stream has, or that lies ahead of all.
func (m *model) insertSurvivor(t *testing.T, s *modelStream, a, b byte) {
	var placed *testFrame
	draft, offset := modelDraft(a, b, &placed), s.top+2-min(s.top+1, uint64(a/4))
	s.age(m.memory.clock())
	isNewest := !slices.ContainsFunc(s.events, func(e modelEvent) bool { return !e.isHole && e.id == string(draft.id) })
	want, wantErr := Appended, error(nil)
	switch {
	case !s.policy.History.LatestPerID:
		want, wantErr = NotReady, errNoSurvivors
	case offset > s.top:
		want, wantErr = NotReady, ErrHole
	case offset >= s.first(), !isNewest, len(s.survivors) > 0 && s.survivors[len(s.survivors)-1].offset >= offset:
		want = Repeated
	case draft.notReady:
		want = NotReady
	}
	got, err := m.memory.InsertSurvivor([]byte(s.policy.Match), offset, draft)
	if got != want || !errors.Is(err, wantErr) || (placed != nil) != (want == Appended) {
		t.Fatalf("%s: a survivor at %d gave outcome %d and %v, want %d and %v", s.policy.Match, offset, got, err, want, wantErr)
	}
	if got != Appended {
		return
	}
	m.frames = append(m.frames, placed)
	e := modelEvent{offset, string(draft.id), int64(draft.memory), m.memory.clock(), placed, false}
	s.survivors = slices.DeleteFunc(s.survivors, func(old modelEvent) bool { return old.id == e.id })
	if e.memory+entryBytes <= s.bound() {
		s.survivors = append(s.survivors, e)
		s.fit()
	}
}
