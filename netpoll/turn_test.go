package netpoll

import (
	"sync"
	"testing"
)

func TestMailboxI1PostedLessTakenIsWhatWaits(t *testing.T) {
	var q mailbox
	nop := TaskFunc(func(*Reactor) {})
	q.push(nop)
	q.push(nop, nop)
	if got := q.posted.Load(); got != 3 || q.isEmpty() {
		t.Errorf("got %d posted, empty %t, want 3 that wait", got, q.isEmpty())
	}
	if got := len(q.take(nil)); got != 3 || !q.isEmpty() {
		t.Errorf("got %d tasks, empty %t, want 3 and none left", got, q.isEmpty())
	}
}

func TestMailboxI2NoneIsTakenAfterClose(t *testing.T) {
	var q mailbox
	nop := TaskFunc(func(*Reactor) {})
	q.push(nop)
	if got := len(q.close()); got != 1 {
		t.Errorf("got %d tasks from close, want 1", got)
	}
	if q.push(nop) || q.push(nop, nop) {
		t.Error("got a task accepted after close, want it refused")
	}
}

func TestTasksRunInTheOrderOfEachPoster(t *testing.T) {
	for _, e := range engines() {
		t.Run(e.String(), func(t *testing.T) {
			r := start(t, Config{Handler: newRecorder(), Engine: e})
			const posters, each = 4, 500
			next := make([]int, posters)
			var all sync.WaitGroup
			for p := range posters {
				all.Add(1)
				go func() {
					defer all.Done()
					for i := 0; i < each; i += 2 {
						check := func(i int) TaskFunc {
							return func(*Reactor) {
								if next[p] != i {
									t.Errorf("poster %d: got task %d, want %d", p, i, next[p])
								}
								next[p] = i + 1
							}
						}
						if i%4 == 0 {
							r.PostAll([]Task{check(i), check(i + 1)})
							continue
						}
						r.Post(check(i))
						r.Post(check(i + 1))
					}
				}()
			}
			all.Wait()
			on(t, r, func() {
				for p := range next {
					if next[p] != each {
						t.Errorf("poster %d: got %d tasks run, want %d", p, next[p], each)
					}
				}
			})
		})
	}
}

// TestNoWakeUpIsLost posts one task at a time and waits for it: a reactor that fell asleep on it would never answer.
func TestNoWakeUpIsLost(t *testing.T) {
	for _, e := range engines() {
		t.Run(e.String(), func(t *testing.T) {
			r := start(t, Config{Handler: newRecorder(), Engine: e})
			var all sync.WaitGroup
			for range 4 {
				all.Add(1)
				go func() {
					defer all.Done()
					answered := make(chan struct{}, 1)
					for range 1500 {
						r.Post(TaskFunc(func(*Reactor) { answered <- struct{}{} }))
						<-answered
					}
				}()
			}
			all.Wait()
		})
	}
}

// TestMailboxI3ATaskPostedWhileTheReactorFallsAsleepIsNotLeft posts one behind the reactor's look at its inbox and ahead of its
// sleeping flag, where no kick comes.
func TestMailboxI3ATaskPostedWhileTheReactorFallsAsleepIsNotLeft(t *testing.T) {
	r, p := still(t, Config{Handler: newRecorder()})
	ran := false
	n := r.openSlot()
	r.SetDeadline(n, 10*Tick)
	p.onAlarm = func() {
		p.onAlarm = nil
		r.Post(TaskFunc(func(*Reactor) { ran = true }))
	}
	if verdict := r.turn(); verdict != lookAgain || p.kicks != 0 {
		t.Errorf("got verdict %d with %d kicks, want to look again without one", verdict, p.kicks)
	}
	if verdict := r.turn(); verdict != waitForMore || !ran {
		t.Errorf("got verdict %d and the task run %v, want it run and to wait", verdict, ran)
	}
	r.Post(TaskFunc(func(*Reactor) {}))
	r.Post(TaskFunc(func(*Reactor) {}))
	if p.kicks != 1 {
		t.Errorf("got %d kicks of a sleeping reactor by two posts, want 1", p.kicks)
	}
}

func TestTasksPostedBeforeStopAreRunAndNoneAfter(t *testing.T) {
	for _, e := range engines() {
		t.Run(e.String(), func(t *testing.T) {
			r, err := New(Config{Handler: newRecorder(), Engine: e})
			if err != nil {
				t.Fatal(err)
			}
			accepted, ran := 0, 0
			stop := make(chan struct{})
			posted := make(chan struct{})
			go func() {
				defer close(posted)
				for r.Post(TaskFunc(func(*Reactor) { ran++ })) {
					accepted++
					if accepted == 1000 {
						close(stop)
					}
				}
			}()
			go r.Run()
			<-stop
			r.Stop()
			<-posted
			if ran != accepted {
				t.Errorf("got %d tasks run of %d that were accepted, want all", ran, accepted)
			}
		})
	}
}
