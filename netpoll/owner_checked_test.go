//go:build faults

package netpoll

import "testing"

// lendOwner makes the calling goroutine the owner of a reactor whose own waits for it, until giveBack.
func lendOwner(r *Reactor) (giveBack func()) {
	before := r.owner.goroutine.Swap(goroutineNumber())
	return func() {
		for i := range r.owner.places {
			r.owner.places[i].Store(0)
		}
		r.owner.goroutine.Store(before)
	}
}

func TestAnotherGoroutineThanTheReactorsIsCaught(t *testing.T) {
	r := start(t, Config{Handler: newRecorder()})
	on(t, r, func() {})
	for name, use := range map[string]func(){
		"a query of a connection": func() { r.Holds(Conn{}) },
		"a frame to send":         func() { r.Sender().Fanout(NewFrame(nil, false), nil, nil, NoSlot) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("got no panic, want one that names both goroutines")
				}
			}()
			use()
		})
	}
}
