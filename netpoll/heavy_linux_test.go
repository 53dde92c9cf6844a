package netpoll

import "testing"

func TestTasksWaitWhileMuchIsPendingOnMany(t *testing.T) {
	const connections, limit = 80, 64 << 10
	for _, e := range waitLoops {
		t.Run(e.String(), func(t *testing.T) {
			r := start(t, Config{Handler: newRecorder(), Engine: e, QueueLimit: limit})
			var slots []uint32
			for range connections {
				ours, _ := socketPair(t)
				on(t, r, func() {
					n, err := r.Open(ours)
					if err != nil {
						t.Error(err)
					}
					slots = append(slots, n)
				})
			}
			queued, left := make(chan int, 1), make(chan int, 1)
			r.PostAll([]Task{
				TaskFunc(func(r *Reactor) {
					for _, n := range slots {
						r.sender.Send(n, NewFrame(make([]byte, limit/8-1), true))
					}
					queued <- r.sender.pending.held
				}),
				TaskFunc(func(r *Reactor) { left <- r.sender.pending.held }),
			})
			if got, most := <-queued, r.sender.pending.maxHeld; got <= most {
				t.Fatalf("got %d bytes pending, want more than %d", got, most)
			}
			if got, most := <-left, r.sender.pending.maxHeld; got > most {
				t.Errorf("got the next task run with %d bytes pending, want at most %d", got, most)
			}
		})
	}
}
