package inproc

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/stream"
)

// model has all events of a sequence. Those from the offset first on are in the row, and survivors up to gone have been dropped.
type model struct {
	history stream.History
	events  []modelEvent
	first   uint64
	gone    uint64
}

type modelEvent struct {
	offset uint64
	id     string
	size   int64
}

// TestTrimmingAgreesWithAModelThatKeepsAll appends at random under random policies, and compares what is kept with what a policy asks for.
func TestTrimmingAgreesWithAModelThatKeepsAll(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			m := model{history: stream.History{LatestPerID: seed%2 == 0}, first: 1}
			if seed%3 > 0 {
				m.history.Events = 1 + random.IntN(30)
			}
			if seed%3 != 1 {
				m.history.Bytes = int64(50 + random.IntN(2000))
			}
			policy := &stream.Policy{Match: "*", History: m.history}
			s := &sequence{epoch: "e"}
			for range 300 {
				id := fmt.Sprint(random.IntN(1 + random.IntN(20)))
				data := make([]byte, random.IntN(100))
				if got, want := s.append(policy, id, data), uint64(len(m.events)+1); got != want {
					t.Fatalf("got offset %d, want %d", got, want)
				}
				m.append(id, int64(len(data)))
				m.compare(t, s, policy)
			}
		})
	}
}

func (m *model) append(id string, size int64) {
	m.events = append(m.events, modelEvent{uint64(len(m.events) + 1), id, size})
	limit := m.history.Bytes
	if limit == 0 {
		limit = stream.DefaultBytes
	}
	for {
		row, survivors := m.kept()
		switch ofSurvivors := sizeOf(survivors); {
		case m.history.Events > 0 && len(row) > m.history.Events:
			m.first++
		case sizeOf(row)+ofSurvivors <= limit:
			return
		case len(row) == 0 || ofSurvivors > limit/2:
			m.gone = survivors[0].offset
		default:
			m.first++
		}
	}
}

// kept are the events in the row, and the survivors.
func (m *model) kept() (row, survivors []modelEvent) {
	newest := map[string]uint64{}
	for _, e := range m.events {
		newest[e.id] = e.offset
	}
	for _, e := range m.events {
		switch {
		case e.offset >= m.first:
			row = append(row, e)
		case m.history.LatestPerID && e.offset == newest[e.id] && e.offset > m.gone:
			survivors = append(survivors, e)
		}
	}
	return row, survivors
}

func sizeOf(events []modelEvent) (n int64) {
	for _, e := range events {
		n += e.size
	}
	return n
}

func (m *model) compare(t *testing.T, s *sequence, policy *stream.Policy) {
	t.Helper()
	row, survivors := m.kept()
	for _, c := range []struct {
		survivors bool
		want      []modelEvent
	}{{false, row}, {true, survivors}} {
		page := s.page(broker.Query{Policy: policy, Events: 1000, Survivors: c.survivors})
		isSame := slices.EqualFunc(page.Entries, c.want, func(got broker.Entry, want modelEvent) bool { return got.Offset == want.offset })
		if !isSame || page.Top != uint64(len(m.events)) || page.First != m.first {
			t.Fatalf("history %+v, survivors %v: got %v, first %d, top %d, want %v, %d, %d",
				m.history, c.survivors, page.Entries, page.First, page.Top, c.want, m.first, len(m.events))
		}
	}
}
