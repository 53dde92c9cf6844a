package fanout

import (
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/gobwas/ws"

	"github.com/spokehub/spokehub/event"
)

func TestTasksNeverExceedTheWorkers(t *testing.T) {
	const workers, spokes = 3, 20
	var mu sync.Mutex
	running, most := 0, 0
	count := func(change int) {
		mu.Lock()
		defer mu.Unlock()
		running += change
		most = max(most, running)
	}
	entered, proceed := make(chan struct{}, spokes), make(chan struct{})
	l := hubOf(t, Config{Workers: workers, OnEvent: func(*Spoke, event.Event) {
		count(1)
		entered <- struct{}{}
		<-proceed
		count(-1)
	}})
	for range spokes {
		here, _ := l.join()
		if _, err := here.Write(ws.MustCompileFrame(ws.MaskFrameInPlace(ws.NewTextFrame([]byte(`{"type":"t"}`))))); err != nil {
			t.Fatal(err)
		}
	}
	for range workers {
		<-entered
	}
	l.until("all spokes wait for a worker or have one", func() bool { return l.hub.Stats().CallbacksPending == spokes })
	close(proceed)
	l.until("all callbacks have returned", func() bool { return l.hub.Stats().CallbacksPending == 0 })
	if most != workers {
		t.Errorf("got %d callbacks at a time, want %d", most, workers)
	}
}

func TestTheWorkQueueGivesSpokesInTheirOrder(t *testing.T) {
	q := &workQueue{}
	q.emptied = sync.NewCond(&q.mu)
	var model []*Spoke
	for range 200 {
		for range rand.IntN(3 * minShifted) {
			s := new(Spoke)
			q.spokes = append(q.spokes, s)
			model = append(model, s)
		}
		for range rand.IntN(3 * minShifted) {
			var want *Spoke
			if len(model) > 0 {
				want, model = model[0], model[1:]
			} else {
				q.running++
			}
			if got := q.pop(new(stopwatch)); got != want {
				t.Fatalf("got %p with %d left, want %p", got, len(model), want)
			}
			if got := q.waitingLocked(); got != len(model) {
				t.Fatalf("got %d waiting, want %d", got, len(model))
			}
		}
	}
}
