package subs

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
)

// TestSubscribeIsNeverLostToTheFreeingOfItsTopic lets four owners
// subscribe to and unsubscribe from four topics, which are freed all the time.
// Each has a model of its own. Others match and hand the matches to the owners.
func TestSubscribeIsNeverLostToTheFreeingOfItsTopic(t *testing.T) {
	const parts, rounds, matchers = 4, 20_000, 2
	x := New(parts)
	matched := make([]chan Match, parts)
	for i := range matched {
		matched[i] = make(chan Match, 64)
	}
	stop := make(chan struct{})
	var owners, others sync.WaitGroup
	for i := range parts {
		owners.Go(func() { fightOver(t, x, i, rounds, matched[i]) })
	}
	for i := range matchers {
		others.Go(func() { matchUntil(t, x, uint64(i), matched, stop) })
	}
	others.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			for name, members := range x.Topics() {
				if len(name) != 4 || members < 1 || members > parts*3 {
					t.Errorf("introspection: got %q with %d members", name, members)
				}
			}
			if topics, subscriptions := x.Len(), x.Subscriptions(); topics < 0 || topics > 4 || subscriptions < 0 || subscriptions > 4*3*parts {
				t.Errorf("introspection: got %d topics, %d subscriptions", topics, subscriptions)
			}
		}
	})
	owners.Wait()
	close(stop)
	others.Wait()
	checkInvariants(t, x)
	for i := range parts {
		for member := range uint32(3) {
			x.Part(i).Drop(member)
		}
	}
	if topics, subscriptions := x.Len(), x.Subscriptions(); topics != 0 || subscriptions != 0 {
		t.Errorf("after all left: got %d topics, %d subscriptions, want none", topics, subscriptions)
	}
}

var contested = [4][2]string{{"a", "01"}, {"a", "02"}, {"b", "01"}, {"b", "02"}}

func fightOver(t *testing.T, x *Index, part, rounds int, matched <-chan Match) {
	p := x.Part(part)
	random := rand.New(rand.NewPCG(uint64(part), 1))
	mine := map[string][]uint32{}
	for range rounds {
		topic := contested[random.IntN(len(contested))]
		name, member := topic[0]+":"+topic[1], random.Uint32N(3)
		switch random.IntN(4) {
		case 0, 1:
			if p.Subscribe(member, []byte(name)) {
				mine[name] = append(mine[name], member)
			}
		case 2:
			p.Unsubscribe(member, []byte(name))
			mine[name] = without(mine[name], member)
		case 3:
			p.Drop(member)
			for name := range mine {
				mine[name] = without(mine[name], member)
			}
		}
		m := x.MatchString(topic[0], topic[1])
		if bit := m.Parts>>part&1 == 1; bit != (len(mine[name]) > 0) {
			t.Errorf("part %d: match of %q has bit %v, the part has members %v", part, name, bit, mine[name])
			return
		}
		if got := slices.Sorted(slices.Values(p.Members(m.TypeID))); !slices.Equal(got, slices.Sorted(slices.Values(mine[name]))) {
			t.Errorf("part %d: got members %v of %q, want %v", part, got, name, mine[name])
			return
		}
		select {
		case m := <-matched:
			if got := p.Members(m.TypeID); len(got) > 3 {
				t.Errorf("part %d: got members %v of a topic matched elsewhere", part, got)
			}
		default:
		}
	}
}

func matchUntil(t *testing.T, x *Index, seed uint64, matched []chan Match, stop <-chan struct{}) {
	random := rand.New(rand.NewPCG(seed, 2))
	for {
		select {
		case <-stop:
			return
		default:
		}
		topic := contested[random.IntN(len(contested))]
		m := x.MatchString(topic[0], topic[1])
		if (m.TypeID != nil) != (m.Parts != 0) {
			t.Errorf("match of %v: got topic %v with parts %b", topic, m.TypeID != nil, m.Parts)
			return
		}
		for i, to := range matched {
			if m.Parts>>i&1 == 0 {
				continue
			}
			select {
			case to <- m:
			default:
			}
		}
	}
}

func without(members []uint32, member uint32) []uint32 {
	return slices.DeleteFunc(members, func(m uint32) bool { return m == member })
}

// TestEventMatchedAfterSubscribeReachesTheMember hands a match to the
// owner as a hub does, after the owner has acknowledged the subscription.
func TestEventMatchedAfterSubscribeReachesTheMember(t *testing.T) {
	const rounds = 5_000
	x := New(2)
	var churn, pair sync.WaitGroup
	stop := make(chan struct{})
	churn.Go(func() {
		p := x.Part(1)
		for {
			select {
			case <-stop:
				return
			default:
				p.Subscribe(0, []byte("tick"))
				p.Unsubscribe(0, []byte("tick"))
			}
		}
	})
	inForce, events := make(chan struct{}), make(chan Match)
	pair.Go(func() {
		p := x.Part(0)
		for range rounds {
			p.Subscribe(7, []byte("tick"))
			inForce <- struct{}{}
			m := <-events
			if m.Parts&1 == 0 || !slices.Equal(p.Members(m.Type), []uint32{7}) {
				t.Errorf("got parts %b, members %v, want part 0 and [7]", m.Parts, p.Members(m.Type))
			}
			p.Unsubscribe(7, []byte("tick"))
		}
	})
	pair.Go(func() {
		for range rounds {
			<-inForce
			events <- x.MatchString("tick", "")
		}
	})
	pair.Wait()
	close(stop)
	churn.Wait()
	checkInvariants(t, x)
}
