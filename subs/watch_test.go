package subs

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
)

// ledger is a watcher that keeps which topics have members, and finds calls that do not alternate.
type ledger struct {
	mu     sync.Mutex
	topics map[string]bool
	faults []string
}

func (l *ledger) FirstMember(name string) { l.note(name, true) }

func (l *ledger) LastMember(name string) { l.note(name, false) }

func (l *ledger) note(name string, has bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.topics[name] == has {
		l.faults = append(l.faults, name)
	}
	l.topics[name] = has
}

func TestWatcherIsToldOfFirstAndLastMembers(t *testing.T) {
	const parts, members, steps = 4, 8, 4000
	x := New(parts)
	watcher := &ledger{topics: map[string]bool{}}
	x.Watch(watcher)
	var owners sync.WaitGroup
	for i := range parts {
		owners.Go(func() {
			random := rand.New(rand.NewPCG(uint64(i), 1))
			p := x.Part(i)
			for range steps {
				member, topic := random.Uint32N(members), []byte("t:"+strconv.Itoa(random.IntN(6)))
				switch random.IntN(5) {
				case 0, 1:
					p.Subscribe(member, topic)
				case 2, 3:
					p.Unsubscribe(member, topic)
				default:
					p.Drop(member)
				}
			}
		})
	}
	owners.Wait()
	if len(watcher.faults) > 0 {
		t.Errorf("got calls that do not alternate for %q", watcher.faults)
	}
	var got, want []string
	for name, has := range watcher.topics {
		if has {
			got = append(got, name)
		}
	}
	for name := range x.Topics() {
		want = append(want, name)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
